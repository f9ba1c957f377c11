"""An app shown as lines of text, for pipes, files and notebooks.

What the flow and its works print goes to stdout, a work's lines behind its
name; what lightgrid has to say goes to stderr.
"""

from __future__ import annotations

import io
import logging
import os
import sys
from collections.abc import Sequence
from contextlib import suppress

from lightgrid.component.status import StatusReason, WorkStage, WorkStatus
from lightgrid.errors import short_name
from lightgrid.runtime.reporting.observer import Observer
from lightgrid.state.deepdiff_form import to_deepdiff
from lightgrid.state.delta import Op, Path
from lightgrid.state.values import Value
from lightgrid.terminal.text import (
    delta_text,
    escape_line,
    escape_text,
    status_news,
)


def level_of(log_level: str) -> int:
    """Return a level of `logging` by its name; WARNING where there is none."""
    return logging.getLevelNamesMapping().get(log_level.upper(), logging.WARNING)


class PlainObserver(Observer):
    """Writes lines.

    Args:
        log_level: See `make_observer`. By default each stage of a work is told once,
            and each failure: a work that is called all the time stays quiet.
    """

    def __init__(self, log_level: str = "WARNING") -> None:
        level = level_of(log_level)
        self.wants_deltas = level <= logging.DEBUG
        self._tells_all = level <= logging.INFO
        self._tells_failures_only = level >= logging.ERROR
        self._told: dict[str, set[WorkStage]] = {}
        self._last: dict[str, WorkStage] = {}
        self._restarts: dict[str, float] = {}
        self._stdout: io.TextIOWrapper | None = None
        self._was_line_buffered = False

    def started(self, app_name: str, address: str) -> None:
        """Have the flow's lines come out whole and at once, and tell the address."""
        stdout = sys.stdout
        if isinstance(stdout, io.TextIOWrapper):
            # Each line then is one write, and a work's line cannot get into one of the flow's.
            with suppress(OSError, ValueError):  # full, or closed by the user's code
                self._was_line_buffered = stdout.line_buffering
                stdout.reconfigure(line_buffering=True)
                self._stdout = stdout
        if not self._tells_failures_only:
            self._tell(f"{app_name} listens on {address}")

    def work_removed(self, work: str) -> None:
        """Forget a work; another may get its name."""
        self._told.pop(work, None)
        self._last.pop(work, None)
        self._restarts.pop(work, None)

    def work_status(self, work: str, status: WorkStatus) -> None:
        """Tell where a work stands, unless that was told."""
        stage, last = status.stage, self._last.get(work)
        if status.reason is StatusReason.RESTARTING:
            self._last[work] = stage
            if self._restarts.get(work) != status.time_s:  # said again, with other news
                self._restarts[work] = status.time_s
                self._tell_news(work, status)
            return
        if last is stage:
            return
        self._last[work] = stage
        told = self._told.setdefault(work, set())
        if stage in told and stage is not WorkStage.FAILED and not self._tells_all:
            return
        told.add(stage)
        self._tell_news(work, status)

    def _tell_news(self, work: str, status: WorkStatus) -> None:
        if self._tells_failures_only and status.stage is not WorkStage.FAILED:
            return
        news = status_news(work, status)
        if news:
            self._tell(news)

    def committing(self, origin: str, place: Path, base: Value, ops: Sequence[Op]) -> None:
        """Show a delta."""
        told = to_deepdiff(base, ops, place)
        if told:
            self._tell(f"{short_name(origin)}: {delta_text(told)}")

    def printed(self, work: str, line: str) -> None:
        """Show a work's line behind its name."""
        self._write_line(f"[{short_name(work)}] {escape_line(line)}")

    def said(self, message: str, *, is_problem: bool = False) -> None:
        """Tell what the app has to say."""
        self._tell(escape_text(message))

    def ended(self) -> None:
        """Leave stdout as it was."""
        if self._stdout is not None:
            with suppress(OSError, ValueError):
                self._stdout.reconfigure(line_buffering=self._was_line_buffered)
            self._stdout = None

    def _tell(self, message: str) -> None:
        with suppress(OSError, ValueError):
            sys.stderr.write(f"lightgrid: {message}\n")
            sys.stderr.flush()

    def _write_line(self, line: str) -> None:
        # Whoever read this may be gone. The works are not to fail for it.
        with suppress(OSError, ValueError):
            stdout = self._stdout
            if stdout is None:
                sys.stdout.write(f"{line}\n")
                return
            # Past the text layer, which may hold the beginning of a line of the flow's.
            data = f"{line}\n".encode(stdout.encoding, "backslashreplace")
            while data:
                data = data[os.write(stdout.fileno(), data) :]
