"""What an app is doing, and how it ended."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from lightgrid.component.flow import FlowExit
from lightgrid.errors import WorkFailedError, short_name
from lightgrid.process.user_trace import user_trace


class AppStage(StrEnum):
    """What the app is doing; in the tree at `app_state.stage`."""

    STARTING = "starting"
    RUNNING = "running"
    STOPPING = "stopping"
    STOPPED = "stopped"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Outcome:
    """How an app ended.

    Attributes:
        exit_code: 0 after `stop`, 1 after a failure, 128 + N after signal N.
        message: For people.
        exception: What ended it, if an exception did.
    """

    exit_code: int
    message: str = ""
    exception: BaseException | None = None

    @property
    def was_interrupted(self) -> bool:
        """Whether a signal ended it."""
        return self.exit_code > 128

    @property
    def stage(self) -> AppStage:
        """Where the app stands then: an end by a signal is no failure of its own."""
        return AppStage.FAILED if 0 < self.exit_code < 128 else AppStage.STOPPED


@dataclass(frozen=True, slots=True)
class Failure:
    """A failure of a work that ends the app.

    Attributes:
        work: Its name.
        message: For people; as `WorkStatus.message`.
    """

    work: str
    message: str


def judge_app(
    end: BaseException | None,
    errors: Sequence[Exception],
    failures: Sequence[Failure],
    *,
    interrupted_code: int,
) -> Outcome | None:
    """Return how the app ends by what has happened in one step of it; None if by nothing.

    The first of these decides and is told whole: a signal; what the flow's `run` raised,
    or `fail`; what it left in its containers that cannot be state; the first work that
    failed; `stop` and `sys.exit()`. What failed beside it is named.

    Args:
        end: What ended the flow's `run`, unless it returned or waits at a call.
        errors: What of the flow's variables could not be told.
        failures: Of works, in their order.
        interrupted_code: The exit code after a signal.
    """
    if isinstance(end, KeyboardInterrupt):
        return Outcome(interrupted_code, "interrupted")
    own = None if end is None else _outcome_of_flow(end)
    if own is None or own.exit_code == 0:
        if errors:
            own, errors = _failed_run(errors[0]), errors[1:]
        elif failures:
            own, failures = _failed_work(failures[0]), failures[1:]
    if own is None or not (errors or failures):
        return own
    beside = [str(error).partition("\n")[0] for error in errors]
    beside += [f"{short_name(failure.work)} has failed, too" for failure in failures]
    return Outcome(own.exit_code, "\n".join([own.message.rstrip(), *beside]), own.exception)


def _outcome_of_flow(end: BaseException) -> Outcome:
    if isinstance(end, FlowExit):
        return Outcome(1 if end.failed else 0, end.message)
    if isinstance(end, SystemExit):
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
        return Outcome(code, "" if code == 0 else f"the flow's run called sys.exit({end.code!r})")
    return _failed_run(end)


def _failed_run(error: BaseException) -> Outcome:
    return Outcome(1, f"the flow's run has failed:\n{user_trace(error).rstrip()}", error)


def _failed_work(failure: Failure) -> Outcome:
    message = f"{short_name(failure.work)} has failed:\n{failure.message}"
    return Outcome(1, message, WorkFailedError(failure.work, failure.message))
