"""Telling people how a process has ended."""

from __future__ import annotations

from collections.abc import Sequence

from lightgrid.errors import short_name
from lightgrid.launcher.endings import how_it_ended
from lightgrid.runtime.launch.events import Ended
from lightgrid.runtime.loop.supervision.seat import Process


def obituary(name: str, process: Process, end: Ended, last_lines: Sequence[str]) -> str:
    """Return what is said of a process that was not to end.

    Args:
        name: The work's.
        process: The process.
        end: Its end, as its launcher has told it.
        last_lines: The end of what it printed.
    """
    how = "has ended, and how is not known" if end.code is None else how_it_ended(end.code)
    if end.reason:
        how += f": {end.reason}"
    before = " before it joined the flow" if process.is_ours and not process.joined else ""
    which = f" ({process.shown})" if process.shown else ""
    text = f"the process of {short_name(name)}{which} {how}{before}"
    if last_lines:
        text += ". Its last output:\n" + "\n".join(f"    {line}" for line in last_lines)
    return text
