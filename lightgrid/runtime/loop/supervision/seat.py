"""What is kept of one work, with and without a process."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field

from lightgrid.component.failure_policy import FailurePolicy
from lightgrid.component.work_node import WorkNode
from lightgrid.protocol.messages import CallError, CallUpdate, Run


@dataclass(slots=True, eq=False)
class Process:
    """A process, from the decision to start it until what its end means is judged.

    Attributes:
        is_ours: It executes a Python work; else it is a program that makes one call.
        call_id: Of that call.
        launch_id: Names its launch.
        is_launched: A launcher was asked to start it.
        shown: What people find it by, such as "pid 1234"; "" until it is started.
        started_s: When it was, by the monotonic clock.
        seen_revision: What it has seen of the flow's writes, from its start.
        stopping: It was asked to end.
        joined: It has registered.
        listens: It is a program that takes calls as commands.
        has_exited: It is gone, and that is not judged yet.
        death: What its calls are told, if it was not to end.
    """

    is_ours: bool
    call_id: str = ""
    launch_id: str = field(default_factory=lambda: secrets.token_hex(16))
    is_launched: bool = False
    shown: str = ""
    started_s: float = 0.0
    seen_revision: int = 0
    stopping: bool = False
    joined: bool = False
    listens: bool = False
    has_exited: bool = False
    death: CallError | None = None

    @property
    def takes_calls(self) -> bool:
        """Whether calls may be given to it."""
        return (self.is_ours or self.listens) and not self.stopping and not self.has_exited

    def is_told_by(self, update: CallUpdate) -> bool:
        """Tell whether an update says of a call what this process's death means for all."""
        return update.error is not None and update.error is self.death


@dataclass(slots=True, eq=False)
class Seat:
    """What is kept of one work, with and without a process.

    Attributes:
        work: The work.
        name: Its name, also when it has left the tree.
        policy: Judges what ends here.
        process: Its process, if it has one.
        given: Calls that were given to the process and have no end, by id.
        waiting: Calls for the next process, and for the next start of a program.
        starts_at_s: A start is due then; None if none is.
        changed_s: When state last changed, for the stall timeout.
        removed: The work has left the tree: nobody asks how its process ends.
    """

    work: WorkNode
    name: str
    policy: FailurePolicy
    process: Process | None = None
    given: dict[str, Run] = field(default_factory=dict)
    waiting: list[Run] = field(default_factory=list)
    starts_at_s: float | None = None
    changed_s: float = 0.0
    removed: bool = False

    @property
    def has_process_of_ours(self) -> bool:
        """Whether it has a process that executes a Python work."""
        return self.process is not None and self.process.is_ours

    @property
    def is_running(self) -> bool:
        """Whether it has a process that was not asked to end."""
        return self.process is not None and not self.process.stopping
