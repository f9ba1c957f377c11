"""`lightgrid ps`: the running apps and their works."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import click

from lightgrid.cli.failure import Failure, told_to_person
from lightgrid.cli.processes import work_pids
from lightgrid.cli.target import Target, choose_target, connection_options
from lightgrid.runtime.reporting.run_dir import running_apps
from lightgrid.state.layout import APP_STATE, STATUS, works_below

_COLOURS: Final = {"running": "green", "pending": "yellow", "started": "cyan", "failed": "red"}
_TITLES: Final = ("WORK", "STAGE", "REASON", "CALLS", "PID")


@click.command("ps", short_help="Show the running apps and their works.")
@connection_options
def command(connect: str | None, token_file: Path | None, tls_ca: Path | None) -> None:
    """Show each running app: its file, pid and address, and where its works stand."""
    apps = running_apps() if connect is None else []
    if len(apps) > 1:
        targets = [Target.of(app) for app in apps]
    else:
        targets = [choose_target(connect, token_file, tls_ca)]
    failed = False
    for index, target in enumerate(targets):
        if index:
            click.echo()
        try:
            _show(target)
        except Failure as failure:
            if len(targets) == 1:
                raise
            failure.show()  # one that does not answer does not hide the others
            failed = True
    if failed:
        raise click.exceptions.Exit(1)


def work_names(target: Target) -> list[str]:
    """Return the names of an app's works, as people write them."""
    from lightgrid.cli.tree import read_tree

    with target.open() as client:
        _, tree = read_tree(client)
    return [name for name, _ in works_below(tree)]


def _show(target: Target) -> None:
    from lightgrid.cli.tree import read_tree

    with told_to_person(target.address), target.open() as client:
        _, tree = read_tree(client)
    app = target.app
    pids = {} if app is None else work_pids(app.pid)
    stage = tree.get(APP_STATE, {}).get("stage", "")
    where = "" if app is None else f"{app.app_file}  pid {app.pid}  "
    click.echo(click.style(f"{where}{target.address}  {stage}", bold=True))
    rows = [_row(name, node, pids) for name, node in works_below(tree)]
    if rows:
        _print_table([_TITLES, *rows])
    else:
        click.echo("it has no works")


def _row(name: str, node: Mapping[str, Any], pids: Mapping[str, int]) -> tuple[str, ...]:
    status = node[STATUS]
    pid = pids.get(f"root.{name}", "")
    return (
        name,
        status["stage"],
        status["reason"] or "-",
        str(status["call_count"]),
        str(pid or "-"),
    )


def _print_table(rows: Sequence[Sequence[str]]) -> None:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for index, row in enumerate(rows):
        cells = [cell.ljust(width) for cell, width in zip(row, widths, strict=True)]
        cells[1] = click.style(cells[1], fg=_COLOURS.get(row[1]), dim=index == 0)
        click.echo("  ".join(cells).rstrip())
