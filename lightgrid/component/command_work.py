"""Works that are not Python classes: any executable, and processes that come by themselves."""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from lightgrid.component.options import OptionChecker, is_system_text
from lightgrid.component.work import Work
from lightgrid.component.work_node import WorkNode
from lightgrid.errors import ComponentError, NotOverriddenError, OptionError, short_name
from lightgrid.state.values import Value


class _CommandNode(WorkNode):
    """A node with the program that is started.

    Attributes:
        command: The program and its first arguments.
        added_environment: Added to what the flow's process has.
    """

    __slots__ = ("added_environment", "command")

    is_python = False

    def __init__(self, component: Work) -> None:
        super().__init__(component)
        self.command: tuple[str, ...] = ()
        self.added_environment: dict[str, str] = {}

    def program(self, args: Sequence[Any], kwargs: Mapping[str, Any]) -> list[str]:
        """See `WorkNode.program`."""
        named = (text for name, value in kwargs.items() for text in (f"--{name}", str(value)))
        words = [*self.command, *map(str, args), *named]
        if not all(map(is_system_text, words)):
            raise OptionError(
                f"{short_name(self.name)}.run()",
                "the arguments",
                [*args, kwargs],
                "texts without null",
            )
        return words

    def environment(self) -> Mapping[str, str]:
        """See `WorkNode.environment`."""
        return self.added_environment

    def dump(self) -> dict[str, Any]:
        """See `Node.dump`."""
        return {**super().dump(), "command": (self.command, self.added_environment)}

    def load(self, dumped: Mapping[str, Any]) -> None:
        """See `Node.load`."""
        super().load(dumped)
        self.command, self.added_environment = dumped["command"]


class _ExternalNode(WorkNode):
    """A node of what no one starts."""

    __slots__ = ()

    is_python = False


if TYPE_CHECKING:

    class _WithVariables(Work):
        """For type checkers: what an object is made with says which variables it has."""

        def __getattr__(self, name: str) -> Value: ...
        def __setattr__(self, name: str, value: Value) -> None: ...

else:
    _WithVariables = Work


class CommandWork(_WithVariables):
    """Any executable as a work. Its keyword arguments are its variables.

    Each call starts the program, with the call's arguments behind those of the
    command; the call has succeeded when the program ends with exit code 0. The
    environment tells it where to stream its variables, if it wants to, and which
    call it carries out: LIGHTGRID_ADDRESS, LIGHTGRID_WORK, LIGHTGRID_TOKEN and
    LIGHTGRID_CALL, and whom to trust in LIGHTGRID_TLS_CA if the flow speaks TLS.
    What it says of that call's end itself stands, whatever the exit code.

        self.w = L.CommandWork(["node", "worker.js"], counter=0)

    A program that joins and lists the feature "calls" gets the next calls as
    commands, and ends them by itself. Any other is started anew for each.

    Args:
        command: The program and its first arguments.
        environment: Added to what the flow's process has.
        options: What `Work` takes, by the same names.
        variables: Its state, with the first values.
    """

    _lightgrid_node_class = _CommandNode
    _lightgrid_node: _CommandNode

    def __init__(
        self,
        command: Sequence[str],
        *,
        environment: Mapping[str, str] | None = None,
        options: Mapping[str, Any] | None = None,
        **variables: Value,
    ) -> None:
        given = OptionChecker(type(self).__name__)
        words = given.words("command", command)
        super().__init__(**{"parallel": True, "start_with_flow": False, **(options or {})})
        node = self._lightgrid_node
        node.command = words
        node.added_environment = dict(given.environment("environment", environment or {}))
        _declare(self, variables)

    def run(self, *args: object, **kwargs: object) -> None:
        """Start the program, with these arguments; named ones as `--name value`."""
        raise NotOverriddenError("a CommandWork is executed by its program")


class ExternalWork(_WithVariables):
    """A work that no one starts: a process dials in by itself, from anywhere.

    Its keyword arguments are its variables. The flow's terminal says with which
    address, name and token; `connection` says it to the flow's code.
    """

    _lightgrid_node_class = _ExternalNode

    def __init__(self, *, options: Mapping[str, Any] | None = None, **variables: Value) -> None:
        super().__init__(**{"parallel": True, "launch": False, **(options or {})})
        _declare(self, variables)

    def run(self, *args: object, **kwargs: object) -> None:
        """Tell the process to make a call, as soon as it is there."""
        raise NotOverriddenError("an ExternalWork is executed by the process that dials in")


def _declare(work: Work, variables: Mapping[str, Value]) -> None:
    options = inspect.signature(Work.__init__).parameters
    for name, value in variables.items():
        if name in options:
            raise ComponentError(
                f"{name} is an option, and variables cannot have its name: "
                f"write options={{{name!r}: {value!r}}}"
            )
        setattr(work, name, value)
