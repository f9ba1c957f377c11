"""`lightgrid logs`: what a work of a running app has printed."""

from __future__ import annotations

import re
import sys
import time
from collections import deque
from collections.abc import Iterable, Iterator
from difflib import get_close_matches
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Final

import click

from lightgrid.cli.failure import Failure, UsageFailure, told_to_person
from lightgrid.cli.target import Target, choose_target, connection_options
from lightgrid.errors import short_name
from lightgrid.terminal.text import escape_line

if TYPE_CHECKING:
    from lightgrid.runtime.reporting.run_dir import RunningApp

_POLL_S: Final = 0.1
_INTERRUPTED: Final = 130


@click.command("logs", short_help="Show what a work has printed.")
@connection_options
@click.option("-f", "--follow", is_flag=True, help="Go on until the app ends.")
@click.option(
    "-n", "--lines", type=click.IntRange(min=0), help="Only the last lines; default: all."
)
@click.argument("name")
def command(
    connect: str | None,
    token_file: Path | None,
    tls_ca: Path | None,
    follow: bool,
    lines: int | None,
    name: str,
) -> None:
    """Show what the work NAME of a running app has printed."""
    target = choose_target(connect, token_file, tls_ca)
    app = target.app
    if app is None:
        raise UsageFailure("logs are on the machine of the app; run this there")
    short = re.sub(r"\[(\d+)\]", r".\1", short_name(name))  # l[0], as in paths
    work = f"root.{short}"
    path = app.log_file(work)
    if not path.exists():
        _check_work(target, name, work)  # there is such a work: it has not started
    try:
        with _opened(path, app, follow) as file:
            _show(chain(_last(file, lines), _growing(file, app) if follow else ()))
    except FileNotFoundError:
        return
    except KeyboardInterrupt:
        sys.exit(_INTERRUPTED)


def _check_work(target: Target, name: str, work: str) -> None:
    from lightgrid.cli.ps import work_names

    with told_to_person(target.address):
        names = work_names(target)
    short = short_name(work)
    if short in names:
        return
    near = get_close_matches(short, names, n=3)
    if near:
        hint = f"Did you mean {' or '.join(map(repr, near))}?"
    else:
        hint = f"Its works are: {', '.join(names) or 'none'}"
    raise Failure(f"{target} has no work {name!r}. {hint}")


def _opened(path: Path, app: RunningApp, follow: bool) -> BinaryIO:
    """Open a log; following, wait for it as long as the app runs."""
    while True:
        try:
            return path.open("rb")
        except FileNotFoundError:
            if not follow or not _is_running(app):
                raise
        time.sleep(_POLL_S)


def _last(file: BinaryIO, count: int | None) -> Iterable[bytes]:
    return file if count is None else deque(file, maxlen=count)


def _growing(file: BinaryIO, app: RunningApp) -> Iterator[bytes]:
    while True:
        is_running = _is_running(app)  # asked first: what was written before is read below
        yield from file
        if not is_running:
            return
        time.sleep(_POLL_S)


def _is_running(app: RunningApp) -> bool:
    return Path(app.run_dir).exists()


def _show(lines: Iterable[bytes]) -> None:
    """Write lines: as they are into pipes and files, harmless onto a terminal.

    The last may come in pieces. A piece that begins its line again, as progress bars
    do, takes the place of what was there.
    """
    out = sys.stdout.buffer
    escapes = sys.stdout.isatty()
    is_midline = False
    for line in lines:
        if escapes:
            text = line.decode("utf-8", "replace")
            end = "\n" if text.endswith("\n") else ""
            text = text.rstrip("\r\n")
            again = "\r\x1b[K" if is_midline and "\r" in text else ""
            line = (again + escape_line(text) + end).encode()
            is_midline = not end
        out.write(line)
        out.flush()
    if is_midline:
        out.write(b"\n")
        out.flush()
