"""What happens in an app, noted for a test."""

from __future__ import annotations

from collections.abc import Callable

from lightgrid.component.status import WorkStatus
from lightgrid.runtime.reporting.observer import Observer


class Recorder(Observer):
    """Notes what works print and where they stand.

    Args:
        printed: Takes names and lines.
        statuses: Takes names and statuses.
        began: Called with the address of the app's server.
        ran: Called after each run of the root flow.
    """

    def __init__(
        self,
        printed: list[tuple[str, str]],
        statuses: list[tuple[str, WorkStatus]],
        began: Callable[[str], None],
        ran: Callable[[], None],
    ) -> None:
        self._printed = printed
        self._statuses = statuses
        self._began = began
        self._ran = ran

    def started(self, app_name: str, address: str) -> None:
        """Tell the address."""
        self._began(address)

    def flow_ran(self) -> None:
        """Give the test its turn."""
        self._ran()

    def printed(self, work: str, line: str) -> None:
        """Note a line."""
        self._printed.append((work, line))

    def work_status(self, work: str, status: WorkStatus) -> None:
        """Note where a work stands."""
        self._statuses.append((work, status))
