"""What a person sees of a running app: a live table on a terminal, plain lines elsewhere."""

from __future__ import annotations

import logging
import os
import sys

from lightgrid.runtime.reporting.observer import Observer
from lightgrid.terminal.plain import PlainObserver, level_of
from lightgrid.terminal.screen import is_terminal

__all__ = ["PlainObserver", "make_observer"]


def make_observer(log_level: str = "WARNING") -> Observer:
    """Return an observer that shows an app where this process writes.

    Args:
        log_level: "DEBUG" shows each delta, "INFO" every change of a status, "WARNING" each
            stage of a work once, and "ERROR" nothing but failures.
    """
    is_quiet = level_of(log_level) >= logging.ERROR
    if not is_quiet and is_terminal(sys.stdout) and os.environ.get("TERM", "dumb") != "dumb":
        from lightgrid.terminal.live import LiveObserver  # rich costs 50 ms

        return LiveObserver(log_level)
    return PlainObserver(log_level)
