"""`lightgrid ps`: the running apps and their works."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import click

from lightgrid.cli.failure import Failure, told_to_person
from lightgrid.cli.left_behind import LeftProcess, end_left, find_left
from lightgrid.cli.target import Target, choose_target, connection_options
from lightgrid.errors import short_name
from lightgrid.runtime.reporting.run_dir import running_apps
from lightgrid.state.layout import APP_STATE, PROCESS, STATUS, works_below

_COLOURS: Final = {"running": "green", "pending": "yellow", "started": "cyan", "failed": "red"}
_TITLES: Final = ("WORK", "STAGE", "CALLS", "LAUNCHER", "HOST", "PID", "RESOURCES", "REASON")


@click.command("ps", short_help="Show the running apps and their works.")
@click.option(
    "--end-left",
    "ends_left",
    is_flag=True,
    help="End the processes of works whose app is gone, where something was left behind.",
)
@connection_options
def command(
    connect: str | None, token_file: Path | None, tls_ca: Path | None, ends_left: bool
) -> None:
    """Show each running app: its file, pid and address, and where its works stand.

    And processes of works whose app is gone, if there are any: that takes somebody who has
    killed the app and what was to end them in one moment.
    """
    left = find_left() if connect is None else []
    if ends_left:
        end_left(left)
        click.echo(f"ended: {_shown(left)}" if left else "nothing is left behind")
        return
    if left:
        click.echo(f"left behind by an app that is gone: {_shown(left)}", err=True)
        click.echo("end that by: lightgrid ps --end-left", err=True)
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


def _shown(left: Sequence[LeftProcess]) -> str:
    return ", ".join(f"{short_name(one.work) or 'a process'} (pid {one.pid})" for one in left)


def _show(target: Target) -> None:
    from lightgrid.cli.tree import read_tree

    with told_to_person(target.address), target.open() as client:
        _, tree = read_tree(client)
    app = target.app
    stage = tree.get(APP_STATE, {}).get("stage", "")
    where = "" if app is None else f"{app.app_file}  pid {app.pid}  "
    click.echo(click.style(f"{where}{target.address}  {stage}", bold=True))
    rows = [_row(name, node) for name, node in works_below(tree)]
    if rows:
        _print_table([_TITLES, *rows])
    else:
        click.echo("it has no works")


def _row(name: str, node: Mapping[str, Any]) -> tuple[str, ...]:
    status, process = node[STATUS], node.get(PROCESS, {})
    cells = (
        str(status["call_count"]),
        process.get("launcher"),
        # Where the flow's own machine is, who asks may not know: it is "here" for the flow.
        process and (process["host"] or "here"),
        str(process.get("pid") or ""),
        process.get("resources"),
        status["reason"] or process.get("waits"),
    )
    return (name, status["stage"], *(cell or "-" for cell in cells))


def _print_table(rows: Sequence[Sequence[str]]) -> None:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for index, row in enumerate(rows):
        cells = [cell.ljust(width) for cell, width in zip(row, widths, strict=True)]
        cells[1] = click.style(cells[1], fg=_COLOURS.get(row[1]), dim=index == 0)
        click.echo("  ".join(cells).rstrip())
