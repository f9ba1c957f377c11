"""What people are told of how a process has ended."""

from __future__ import annotations

import signal


def how_it_ended(code: int) -> str:
    """Return it in words: "ended with exit code 3", "was killed by SIGKILL".

    Args:
        code: The exit code; negative for the signal that killed the process.
    """
    if code < 0:
        return f"was killed by {signal_name(-code)}"
    return f"ended with exit code {code}"


def signal_name(number: int) -> str:
    """Return what people call a signal: "SIGKILL"; "signal 40 (SIGRTMIN+6)" for a real-time one."""
    try:
        return signal.Signals(number).name
    except ValueError:  # Python knows the first and the last of the real-time ones by name
        first, last = getattr(signal, "SIGRTMIN", 0), getattr(signal, "SIGRTMAX", 0)
        where = f" (SIGRTMIN+{number - first})" if first < number < last else ""
        return f"signal {number}{where}"
