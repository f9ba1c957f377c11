"""What the end of a call or of a process means: for the calls, the work and the app."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto

from lightgrid.component.restart import Restart


class End(Enum):
    """How something of a work has ended."""

    RETURNED = auto()
    RAISED = auto()
    UNFIT_VALUE = auto()
    TOOK_TOO_LONG = auto()
    PROGRAM_FAILED = auto()
    DIED = auto()
    NEVER_JOINED = auto()
    NOT_LAUNCHED = auto()
    LOST = auto()


class Fails(Enum):
    """What fails by it."""

    NOTHING = auto()
    ITS_CALLS = auto()
    WORK = auto()  # and all calls that have no end, also those that wait


@dataclass(frozen=True, slots=True)
class Verdict:
    """What follows.

    Attributes:
        again: The calls that ended by it are made again.
        fails: What has failed.
        ends_process: The process that is left is asked to end; the next call starts another.
        ends_app: The app ends, by this failure.
    """

    again: bool = False
    fails: Fails = Fails.NOTHING
    ends_process: bool = False
    ends_app: bool = False


class FailurePolicy:
    """Judges all ends of one work; nothing else decides what an end means.

    | what ended | made again, if `restart` allows it | else fails | ends the app |
    |---|---|---|---|
    | `run` returned; a program ended with exit code 0 | the call | nothing | no |
    | `run` raised | the call, by a new process | the call | yes |
    | `run` left or returned what cannot be state, or is too large | never | the call | yes |
    | a call could not be read, or names no method | never | the call | yes |
    | a call took too long, or stalled | the call, by a new process | the call | yes |
    | a program ended otherwise, and calls wait | its calls | its calls | yes |
    | a program ended otherwise, and none waits | its calls | the work | yes |
    | a program ended otherwise, having ended all its calls itself | never | nothing | no |
    | the process died | all its calls | the work | if it had calls |
    | the process ended before it joined | all its calls | the work | yes |
    | it could not be launched | never | the work | yes |
    | it was not heard of for its lease | never | the work | if it had calls |

    A call that took too long is ended with its process, also where it is not made again;
    the calls behind it are made by the next one. What is made again ends no app. A work
    with `raise_exception=False` never does. A process that ends with nothing to do
    is not started again: the next call does that.

    Args:
        restart: What the work says of being started again.
        raise_exception: Whether its failures end the app.
    """

    def __init__(self, restart: Restart, *, raise_exception: bool) -> None:
        self._restart = restart
        self._raise_exception = raise_exception
        self.failure_count = 0  # in a row

    def judge(
        self, end: End, *, calls: int = 1, waiting: int = 0, can_restart: bool = True
    ) -> Verdict:
        """Say what follows of an end, and count it.

        Args:
            end: What has happened.
            calls: How many calls had no end and end by it, those that wait included.
            waiting: How many of them wait for another process.
            can_restart: Whether there can be another process: not of a work that dials in.
        """
        if end is End.RETURNED:
            self.failure_count = 0
            return Verdict(again=can_restart and self._restart.allows(0, failed=False))
        if end is End.PROGRAM_FAILED and not calls:
            return Verdict()
        again = False
        if calls and end not in (End.UNFIT_VALUE, End.NOT_LAUNCHED, End.LOST):
            self.failure_count += 1
            again = can_restart and self._restart.allows(self.failure_count, failed=True)
        ends_process = end is End.TOOK_TOO_LONG or (again and end is End.RAISED)
        if again:
            return Verdict(again=True, ends_process=ends_process)
        is_of_call = end in (End.RAISED, End.UNFIT_VALUE, End.TOOK_TOO_LONG)
        fails_alone = is_of_call or (end is End.PROGRAM_FAILED and waiting > 0)
        is_noticed = calls > 0 or end in (End.NEVER_JOINED, End.NOT_LAUNCHED)
        return Verdict(
            fails=Fails.ITS_CALLS if fails_alone else Fails.WORK,
            ends_process=ends_process,
            ends_app=self._raise_exception and is_noticed,
        )

    def lived(self, seconds: float) -> None:
        """Note how long a process lived: after a healthy life failures are counted anew."""
        if seconds > self._restart.healthy_after_s:
            self.failure_count = 0

    def delay_s(self) -> float:
        """Return how long to wait before the next process is started."""
        return self._restart.delay_s(self.failure_count)
