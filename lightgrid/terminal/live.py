"""An app shown on a terminal: a table of its works stays below what is printed."""

from __future__ import annotations

import shutil
import sys
import threading
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import cycle
from typing import Final, TextIO

from rich.cells import cell_len
from rich.console import Console
from rich.table import Table
from rich.text import Text

from lightgrid.component.status import WorkStage, WorkStatus
from lightgrid.errors import short_name
from lightgrid.terminal.plain import PlainObserver
from lightgrid.terminal.screen import Screen
from lightgrid.terminal.text import escape_line

_MIN_PAUSE_S: Final = 0.25
_RATE_OVER_S: Final = 1.0
_COLOURS: Final = {
    WorkStage.NOT_STARTED: "dim",
    WorkStage.STARTED: "cyan",
    WorkStage.PENDING: "yellow",
    WorkStage.RUNNING: "bold green",
    WorkStage.SUCCEEDED: "green",
    WorkStage.FAILED: "bold red",
    WorkStage.STOPPED: "dim",
}
#: Of works' names: apart from one another, and not the green and red of the stages.
_NAME_COLOURS: Final = ("cyan", "magenta", "blue", "yellow", "bright_cyan", "bright_magenta")
#: Of the last lines of a work that was deleted.
_GONE_COLOUR: Final = "dim"
_TITLES: Final = ("work", "stage", "calls", "changes/s", "last change")
#: What is left of a long name, at least, as long as other columns can go.
_SHORTEST_NAME: Final = 16
#: Between two columns.
_GAP: Final = 2
#: Who is shown when there is no room for all.
_ORDER: Final = (
    WorkStage.FAILED,
    WorkStage.RUNNING,
    WorkStage.PENDING,
    WorkStage.STARTED,
    WorkStage.STOPPED,
    WorkStage.SUCCEEDED,
    WorkStage.NOT_STARTED,
)


@dataclass(slots=True, eq=False)
class _Row:
    """One work, as the table shows it."""

    name: str
    colour: str
    prefix: str
    status: WorkStatus
    change_count: int = 0
    rate: float = 0.0
    changed_s: float = 0.0


class LiveObserver(PlainObserver):
    """Draws the table at most four times a second, and only when something changed.

    Args:
        log_level: See `make_observer`.
        terminal: Where to draw; None for stdout.
    """

    def __init__(self, log_level: str = "WARNING", terminal: TextIO | None = None) -> None:
        super().__init__(log_level)
        stream = terminal or sys.stdout
        # Its own width is not used: it would ask the stream that we stand in for.
        self._console = Console(file=stream, force_terminal=True, highlight=False)
        self._screen = Screen(stream)
        # Now, so that loggers made while the app's file is loaded write above the table.
        if terminal is None:
            self._screen.open()
        self._colours = cycle(_NAME_COLOURS)
        self._rows: dict[str, _Row] = {}
        self._lock = threading.Lock()
        self._title = ""
        self._sampled_s = 0.0
        self._changed = threading.Event()
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._draw, name="lightgrid terminal", daemon=True)

    def started(self, app_name: str, address: str) -> None:
        """Begin to draw."""
        self._title = f"{app_name} on {address}"
        self._sampled_s = time.monotonic()
        self._changed.set()
        self._thread.start()

    def work_added(self, work: str) -> None:
        """Add a row; nothing else does, since of a work that is gone there is more to hear."""
        with self._lock:
            self._rows[work] = self._new_row(work, next(self._colours))
        self._changed.set()

    def work_removed(self, work: str) -> None:
        """Take its row away."""
        super().work_removed(work)
        with self._lock:
            self._rows.pop(work, None)
        self._changed.set()

    def work_status(self, work: str, status: WorkStatus) -> None:
        """Note where a work stands."""
        row = self._rows.get(work)
        if row is not None:
            row.status = status
            self._changed.set()

    def work_changed(self, work: str, op_count: int) -> None:
        """Count."""
        row = self._rows.get(work)
        if row is None:
            return
        row.change_count += op_count
        row.changed_s = time.time()
        self._changed.set()

    def printed(self, work: str, line: str) -> None:
        """Show a work's line behind its name, above the table."""
        row = self._rows.get(work) or self._new_row(work, _GONE_COLOUR)
        self._screen.print_line_above(f"{row.prefix} {escape_line(line)}")

    def ended(self) -> None:
        """Draw for the last time, and leave it there."""
        self._closing.set()
        self._changed.set()
        if self._thread.is_alive():
            self._thread.join()
            self._screen.show(self._render())
        self._screen.close()

    def _new_row(self, work: str, colour: str) -> _Row:
        with self._console.capture() as capture:
            self._console.print(Text(f"[{short_name(work)}]", style=colour), end="")
        status = WorkStatus(WorkStage.NOT_STARTED)
        return _Row(short_name(work), colour, capture.get(), status)

    def _draw(self) -> None:
        has_rates = False
        while True:
            # Rates have to go down to nothing; then there is nothing to wake up for.
            self._changed.wait(_RATE_OVER_S if has_rates else None)
            self._changed.clear()
            if self._closing.is_set():
                return
            has_rates = self._sample_rates()
            self._screen.show(self._render())
            if self._closing.wait(_MIN_PAUSE_S):
                return

    def _sample_rates(self) -> bool:
        now_s = time.monotonic()
        passed_s = now_s - self._sampled_s
        with self._lock:
            rows = list(self._rows.values())
        if passed_s >= _RATE_OVER_S:
            self._sampled_s = now_s
            for row in rows:
                count, row.change_count = row.change_count, 0
                row.rate = count / passed_s
        return any(row.rate or row.change_count for row in rows)

    def _render(self) -> list[str]:
        """Return the table's lines, as many as fit."""
        size = shutil.get_terminal_size()
        with self._lock:
            rows = list(self._rows.values())
        room = max(1, size.lines // 2 - 3)
        shown = rows
        if len(rows) > room:
            first = sorted(rows, key=lambda row: _ORDER.index(row.status.stage))[:room]
            shown = [row for row in rows if row in first]
        width = max(20, size.columns - 1)
        table = _table(shown, width)
        with self._console.capture() as capture:
            self._console.print(
                Text(self._title, style="bold"), width=width, no_wrap=True, crop=True
            )
            self._console.print(table, width=width, crop=True)
            if len(shown) < len(rows):
                self._console.print(
                    Text(_summary(rows, shown), style="dim"), no_wrap=True, width=width
                )
        return capture.get().rstrip("\n").split("\n")[: max(1, size.lines - 1)]


def _table(rows: Sequence[_Row], width: int) -> Table:
    """Return the table with the columns that fit beside names of some length; the stage does."""
    lines = [tuple(_cells(row)) for row in rows]
    widths = [
        max(cell_len(title), *(line[at].cell_len for line in lines), 0) + _GAP
        for at, title in enumerate(_TITLES)
    ]
    # A long name is cut before a column goes: it still is told from others by its end.
    widths[0] = min(widths[0], _SHORTEST_NAME + _GAP)
    count = len(_TITLES)
    while count > 2 and sum(widths[:count]) > width + _GAP:
        count -= 1
    name_room = max(2, width - sum(widths[1:count]))
    table = Table(box=None, pad_edge=False, padding=(0, _GAP, 0, 0), header_style="dim")
    for title in _TITLES[:count]:
        right = title in ("calls", "changes/s")
        table.add_column(title, justify="right" if right else "left", no_wrap=True)
    for name, *others in lines:
        if name.cell_len > name_room:  # names differ at their end
            name = Text("…" + name.plain[1 - name_room :], style=name.style)
        table.add_row(name, *others[: count - 1])
    return table


def _cells(row: _Row) -> Iterable[Text]:
    status = row.status
    stage = str(status.stage) + (f" ({status.reason})" if status.reason else "")
    rate = f"{row.rate:,.0f}" if row.rate else ""
    changed = time.strftime("%H:%M:%S", time.localtime(row.changed_s)) if row.changed_s else ""
    yield Text(row.name, style=row.colour)
    yield Text(stage.replace("_", " "), style=_COLOURS[status.stage])
    yield from map(Text, (str(status.call_count), rate, changed))


def _summary(rows: Sequence[_Row], shown: Sequence[_Row]) -> str:
    counts = {stage: sum(row.status.stage is stage for row in rows) for stage in _ORDER}
    told = ", ".join(f"{count} {stage}" for stage, count in counts.items() if count)
    return f"and {len(rows) - len(shown)} more; in all {told.replace('_', ' ')}"
