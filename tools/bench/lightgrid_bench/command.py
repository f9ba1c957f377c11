"""The command line of the bench."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from rich.console import Console

from lightgrid_bench import environments, report
from lightgrid_bench.machine import this_machine
from lightgrid_bench.plan import Plan
from lightgrid_bench.rows import ROWS

_ROUNDS: Final = 5
#: Of the table where it is not shown on a terminal.
_FILE_WIDTH: Final = 150


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, show, write; return the exit code.

    A missed bar is a finding, not a failure: the code is 1 only when a row could not be
    measured at all.
    """
    options = _parser().parse_args(arguments)
    console, progress = Console(), Console(stderr=True)
    if not console.is_terminal:
        console = Console(width=_FILE_WIDTH)
    begin_s = time.monotonic()
    current = ""

    def say(what: str) -> None:
        progress.print(f"[dim]{time.monotonic() - begin_s:5.0f} s[/]  {current}: {what}")

    if options.rivals:
        current = "rivals"
        environments.make_all(say)
    machine = this_machine()
    rows = [ROWS[name] for name in options.rows or ROWS]
    entries: list[report.Entry] = []

    def save() -> None:
        if options.json:
            report.write_json(entries, machine, options.json)

    plan = Plan(
        rounds=options.rounds or (1 if options.quick else _ROUNDS),
        is_quick=options.quick,
        say=say,
        keep=lambda figure: entries.append((current, figure)),
        save=save,
    )
    current = "rivals"
    for rival in dict.fromkeys(rival for row in rows for rival in row.rivals if rival.missing):
        say(f"{rival.name} is left out: {rival.missing}")
    failed = False
    try:
        for row in rows:
            current = row.name
            try:
                row.measure(plan)
            except Exception:  # the other rows are worth having
                failed = True
                say("failed")
                progress.print_exception()
            save()
            if options.markdown:
                report.write_markdown(entries, machine, options.markdown)
    finally:
        report.show(entries, console)  # also when Ctrl-C ends a long run
    return int(failed)


def _parser() -> argparse.ArgumentParser:
    rows = "\n".join(f"  {row.name:<12} {row.title}" for row in ROWS.values())
    parser = argparse.ArgumentParser(
        prog="bench.py",
        description="Measure lightgrid side by side with what could stand in its place.",
        epilog=f"rows:\n{rows}\n\nHow to read the table: docs/performance.md",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("rows", nargs="*", metavar="ROW", choices=[[], *ROWS], help="all, if none")
    parser.add_argument("--rounds", type=int, metavar="N", help=f"rounds per row; {_ROUNDS}")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write everything measured")
    parser.add_argument("--markdown", type=Path, metavar="FILE", help="put the table into a page")
    parser.add_argument("--quick", action="store_true", help="only see that it works")
    parser.add_argument(
        "--rivals", action="store_true", help="make the environments of the rivals first"
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
