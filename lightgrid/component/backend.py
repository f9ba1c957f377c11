"""What a runtime offers to the components of an app."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from lightgrid.component.flow_node import FlowNode
    from lightgrid.component.node import Node
    from lightgrid.component.passes import Passes
    from lightgrid.component.schedule import Schedule
    from lightgrid.component.work_node import WorkNode


_runs_flow: ContextVar[bool] = ContextVar("runs_flow", default=False)


@contextmanager
def flow_code() -> Iterator[None]:
    """Execute code of an app's flow: no work may run in its place meanwhile."""
    token = _runs_flow.set(True)
    try:
        yield
    finally:
        _runs_flow.reset(token)


def is_in_flow_code() -> bool:
    """Tell whether an app's flow is what runs here."""
    return _runs_flow.get()


class ProcessSide(Protocol):
    """What a work needs of the runtime in its own process. For any thread of it."""

    def flush(self, timeout_s: float) -> None:
        """Wait until the flow has everything changed so far."""

    def batch(self) -> AbstractContextManager[None]:
        """Tell what is changed inside as one batch."""

    def wait_for_update(self, timeout_s: float | None) -> bool:
        """Wait until the flow has written into the work's variables."""


class Backend(Protocol):
    """What components need of whoever runs them. Called in the flow's thread only.

    The flow reads at once what it has asked for; it is done when the flow's `run` is over.
    """

    def attached(self, node: Node) -> None:
        """Note that a component, with all below it, joined the tree."""

    def detached(self, node: Node) -> None:
        """Note that a component, with all below it, left the tree."""

    def call(
        self, work: WorkNode, key: str, args: Sequence[Any], kwargs: Mapping[str, Any]
    ) -> None:
        """Make a run call, starting the work's process if it has none."""

    def start(self, work: WorkNode) -> None:
        """Start the work's process, without a call."""

    def stop(self, work: WorkNode) -> None:
        """Ask the work to end, its calls with it."""

    def cancel(self, work: WorkNode, call_id: str) -> None:
        """End a call that has no end, and have whoever executes it told to."""

    def forget(self, work: WorkNode, key: str) -> None:
        """Forget a call that has ended, so that it can be made again, and run the flow again."""

    def scheduled(self, flow: FlowNode, key: str, schedule: Schedule) -> None:
        """Run the flow again when a schedule is due; it is new, or has another time."""

    @property
    def run_count(self) -> int:
        """How often the root flow's `run` was called."""

    @property
    def passes(self) -> Passes:
        """Its runs, and the passes that they make up."""
