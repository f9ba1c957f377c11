"""Telling people how a process has ended."""

from __future__ import annotations

import signal
from collections.abc import Sequence

from lightgrid.errors import short_name
from lightgrid.runtime.loop.supervision.seat import Process


def obituary(name: str, process: Process, code: int | None, last_lines: Sequence[str]) -> str:
    """Return what is said of a process that was not to end.

    Args:
        name: The work's.
        process: The process.
        code: Its exit code; negative for the signal that killed it, None if it is not known.
        last_lines: The end of what it printed.
    """
    if code is None:
        how = (
            "has ended, and how is not known: something else in the flow's process waited for "
            "its children (os.wait, or SIGCHLD ignored)"
        )
    elif code < 0:
        how = f"was killed by {signal_name(-code)}"
    else:
        how = f"ended with exit code {code}"
    before = " before it joined the flow" if process.is_ours and not process.joined else ""
    text = f"the process of {short_name(name)} ({process.shown}) {how}{before}"
    if last_lines:
        text += ". Its last output:\n" + "\n".join(f"    {line}" for line in last_lines)
    return text


def signal_name(number: int) -> str:
    """Return what people call a signal: "SIGKILL"; "signal 40 (SIGRTMIN+6)" for a real-time one."""
    try:
        return signal.Signals(number).name
    except ValueError:  # Python knows the first and the last of the real-time ones by name
        first, last = getattr(signal, "SIGRTMIN", 0), getattr(signal, "SIGRTMAX", 0)
        where = f" (SIGRTMIN+{number - first})" if first < number < last else ""
        return f"signal {number}{where}"
