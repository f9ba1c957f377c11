"""What happens in a running app, told to whoever shows it."""

from __future__ import annotations

from collections.abc import Sequence

from lightgrid.component.status import WorkStatus
from lightgrid.state.delta import Op, Path
from lightgrid.state.values import Value


class Observer:
    """Told what happens; does nothing. Override what is to be shown.

    `printed` comes from a thread of its own, all others from the flow's. What an observer
    raises is logged once and changes nothing: who wants something done in the app, its end
    included, asks for it (`Hub.ask`).
    """

    def started(self, app_name: str, address: str) -> None:
        """The server listens; `address` is what others dial."""

    def work_added(self, work: str) -> None:
        """A work is in the tree."""

    def work_removed(self, work: str) -> None:
        """A work has left the tree."""

    def work_status(self, work: str, status: WorkStatus) -> None:
        """A work stands elsewhere."""

    def work_changed(self, work: str, op_count: int) -> None:
        """The flow has merged changes of a work."""

    def committing(self, origin: str, place: Path, base: Value, ops: Sequence[Op]) -> None:
        """The tree is about to change: `ops` on `base`, which is at `place`."""

    def flow_ran(self) -> None:
        """The root flow's `run` has returned, or waits at a call; its changes are committed."""

    def printed(self, work: str, line: str) -> None:
        """A work has printed a line."""

    def said(self, message: str, *, is_problem: bool = False) -> None:
        """The app has something to say to the person who started it."""

    def ended(self) -> None:
        """The app has ended; nothing comes any more."""

    #: Whether `committing` is wanted: it is not called else.
    wants_deltas = False
