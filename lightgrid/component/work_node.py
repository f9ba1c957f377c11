"""The framework's side of a work."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Final

from lightgrid.component.calls import CallTable
from lightgrid.component.node import Node
from lightgrid.component.ports import choose_port
from lightgrid.component.status import WorkStage, WorkStatus, is_over
from lightgrid.component.work_options import WorkOptions
from lightgrid.errors import ComponentError, UnsupportedValueError
from lightgrid.state.layout import CALLS, PROCESS, STATUS, WORKS
from lightgrid.state.sizes import check_variables
from lightgrid.state.values import Value

if TYPE_CHECKING:
    from lightgrid.component.backend import Backend, ProcessSide
    from lightgrid.component.work import Work

#: What to do about a work that is in no app.
WHERE_TO_PUT: Final = (
    "Set it as an attribute of a flow, or put it into a structures.List or Dict of one"
)


class WorkNode(Node):
    """A node with what is known of a work, in whichever process it stands.

    Attributes:
        options: What the work was made with.
        calls: In the flow's process: the calls that the flow made.
        process_status: There: where the process stands, whatever its calls do.
        place_of_process: There: where it runs, for people; {} while there is none.
        connection: There: what a process that dials in needs in its environment, once it
            is expected.
        process_side: In the work's own process: what it asks of the connection.
        results: Of a work that is in no app: what its calls returned, by their key.
    """

    __slots__ = (
        "_port",
        "calls",
        "connection",
        "options",
        "place_of_process",
        "process_side",
        "process_status",
        "results",
    )

    group = WORKS
    are_of_work = True
    #: Whether what executes it is Python with its class, and reads what Python pickles.
    is_python: ClassVar[bool] = True

    component: Work

    def __init__(self, component: Work) -> None:
        super().__init__(component)
        self.options: WorkOptions  # once `Work.__init__` was called
        self.calls = CallTable()
        self.process_status = WorkStatus(WorkStage.NOT_STARTED)
        self.place_of_process: Mapping[str, Value] = {}
        self.connection: dict[str, str] | None = None
        self.process_side: ProcessSide | None = None
        self.results: dict[str, Any] = {}
        self._port: int | None = None

    @property
    def status(self) -> WorkStatus:
        """Where the work stands: its newest call, unless it was stopped or failed since."""
        latest = self.calls.latest
        if latest is None or is_over(self.process_status, latest.status):
            return self.process_status
        return latest.status

    @property
    def port(self) -> int:
        """The port of a server that it runs; a free one is chosen when this is first read."""
        if self._port is None:
            self._port = self.options.port or choose_port(self.options.host)
        return self._port

    @property
    def has_process(self) -> bool:
        """Whether it has one, as far as is known in this process."""
        return self.process_side is not None or self.process_status.stage is WorkStage.STARTED

    def backend_for(self, verb: str) -> Backend:
        """Return what runs the app of the work.

        Raises:
            ComponentError: The work is in none, and cannot do what `verb` says.
        """
        if self.backend is None:
            raise ComponentError(
                f"{self.label}.{verb}() needs a running app: the work is in none. {WHERE_TO_PUT}"
            )
        return self.backend

    def program(self, _args: Sequence[Any], _kwargs: Mapping[str, Any]) -> list[str] | None:
        """Return the program that makes one call; None for a process of ours that makes all.

        Raises:
            OptionError: The arguments are none for a program.
        """
        return None

    @property
    def is_program(self) -> bool:
        """Whether each of its calls starts a program."""
        return self.program((), {}) is not None

    def environment(self) -> Mapping[str, str]:
        """Return what the process finds in its environment beside the flow's own."""
        return {}

    # --- as a kind of node -------------------------------------------------------------

    def check_first_values(self) -> None:
        """See `Node.check_first_values`."""
        try:
            check_variables(self.variables())
        except UnsupportedValueError as error:
            raise error.inside(self.label) from None

    def own_state(self) -> dict[str, Value]:
        """See `Node.own_state`."""
        return {
            CALLS: self.calls.to_value(),
            STATUS: self.status.to_value(),
            PROCESS: dict(self.place_of_process),
        }

    def load_own_state(self, state: Mapping[str, Value]) -> None:
        """See `Node.load_own_state`."""
        self.calls.load(state.get(CALLS, {}))

    def dump(self) -> dict[str, Any]:
        """See `Node.dump`. The port is chosen by now, so that both processes know the same one."""
        return {**super().dump(), "options": self.options, "port": self.port}

    def load(self, dumped: Mapping[str, Any]) -> None:
        """See `Node.load`. It begins with no calls."""
        super().load(dumped)
        self.options, self._port = dumped["options"], dumped["port"]
