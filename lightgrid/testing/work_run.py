"""Running one work alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from lightgrid.component.flow import Flow
from lightgrid.component.status import WorkStatus
from lightgrid.component.work import Work
from lightgrid.runtime.reporting.outcome import Outcome
from lightgrid.state.values import Value
from lightgrid.testing.app_tester import DEFAULT_TIMEOUT_S, stepping


@dataclass(frozen=True, slots=True)
class WorkRun:
    """What a work did, all alone.

    Attributes:
        status: Where its call ended; `status.result` is what `run` returned.
        variables: Its state at the end, `on_exit` included.
        printed: The lines that it printed.
        outcome: How the app ended that was made for it.
        seen: Its state as a flow saw it, one after another.
    """

    status: WorkStatus
    variables: dict[str, Value]
    printed: list[str]
    outcome: Outcome
    seen: list[dict[str, Value]]


def run_work(
    work: Work, *args: Any, timeout_s: float = DEFAULT_TIMEOUT_S, **kwargs: Any
) -> WorkRun:
    """Run a work in a process of its own, as an app would, and return what it did.

    A work that fails is no error here: `status` tells.

    Args:
        work: It is in no app.
        *args: What its `run` gets.
        timeout_s: How long to wait for the end of `run`.
        **kwargs: What its `run` gets, too.

    Raises:
        NotReachedError: It did not end within the time.
    """
    root = _Alone(work, args, kwargs)
    with stepping(root, see=lambda: work.state_vars["vars"]) as app:
        outcome = app.run_until_end(timeout_s)
    return WorkRun(
        status=work.statuses[-1],
        variables=work.state_vars["vars"],
        printed=app.lines_of(work),
        outcome=outcome,
        seen=app.seen,
    )


class _Alone(Flow):
    """Calls a work once and ends."""

    def __init__(self, work: Work, args: Sequence[Any], kwargs: Mapping[str, Any]) -> None:
        super().__init__()
        self.work = work
        self._args, self._kwargs = args, kwargs

    def run(self) -> None:
        self.work.run(*self._args, **self._kwargs)
        if self.work.statuses[-1].stage.is_end:
            self.stop()
