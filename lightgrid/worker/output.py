"""What a work's process says on its own, and what becomes of its streams.

User code may have closed them, put others in their place, or filled the disk. Nothing
that we say is worth the process: what matters, the flow is told.
"""

from __future__ import annotations

import logging
import sys
from contextlib import suppress


class _Handler(logging.Handler):
    """Writes where `sys.stderr` is by then, or nowhere."""

    def emit(self, record: logging.LogRecord) -> None:
        """Say it."""
        with suppress(Exception):
            say(self.format(record) + "\n")


def prepare_output(log_level: str) -> None:
    """Write line by line, and log what is said in the name "lightgrid"."""
    for stream in (sys.stdout, sys.stderr):
        # Into a file they would be written in blocks; the flow shows them line by line.
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(line_buffering=True)
    handler = _Handler()
    handler.setFormatter(logging.Formatter("%(name)s: %(message)s"))
    logger = logging.getLogger("lightgrid")
    logger.addHandler(handler)
    logger.setLevel(log_level)
    logger.propagate = False


def say(text: str) -> None:
    """Write on stderr, or nowhere if that is not possible."""
    stream = sys.stderr
    with suppress(Exception):  # a stream of the user's may raise anything
        if stream is not None:
            stream.write(text)
            stream.flush()


def flush_output() -> None:
    """Write out what is left; let go of a stream that takes nothing.

    The interpreter would flush it once more, and end with exit code 120.
    """
    for name in ("stdout", "stderr"):
        try:
            getattr(sys, name).flush()
        except Exception:
            setattr(sys, name, None)
