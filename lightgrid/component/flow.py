"""What decides: a component whose `run` is called again and again."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from lightgrid.component.component import Component
from lightgrid.component.structures import Structure, as_structure, group_of
from lightgrid.component.work import Work
from lightgrid.errors import ComponentError


class FlowExit(BaseException):
    """Ends the app; a `BaseException`, so that `except Exception` lets it pass.

    Attributes:
        message: For people.
        failed: Whether the app ends with exit code 1.
    """

    def __init__(self, message: str, *, failed: bool) -> None:
        self.message = message
        self.failed = failed
        super().__init__(message)


class Flow(Component):
    """A component that decides: makes works, calls them, reads their state.

    The app calls the root flow's `run` again whenever something changed, and
    only then; flows below are called by their parents like any method. What one
    `run` reads is consistent: works' changes arrive between two runs.
    """

    def run(self, *args: Any, **kwargs: Any) -> Any:
        """Decide what is to be done now. Keep it short: it is called again."""
        raise NotImplementedError

    def stop(self, end_msg: str = "") -> None:
        """End the app with exit code 0, after its works have ended."""
        raise FlowExit(end_msg, failed=False)

    def fail(self, end_msg: str = "") -> None:
        """End the app with exit code 1, after its works have ended."""
        raise FlowExit(end_msg, failed=True)

    def stop_works(self, works: Iterable[Work]) -> None:
        """Stop several works."""
        for work in works:
            work.stop()

    @property
    def flows(self) -> dict[str, Flow]:
        """All flows below this one, by name."""
        return {
            component.name: component
            for component in self._lightgrid_node.walk()
            if isinstance(component, Flow) and component is not self
        }

    def works(self, *, recurse: bool = True) -> list[Work]:
        """The works below this flow: its own by name, then those of flows, then of structures."""
        return [work for _, work in self.named_works(recurse=recurse)]

    def named_works(self, *, recurse: bool = True) -> list[tuple[str, Work]]:
        """The same, with their names."""
        components = (
            self._lightgrid_node.walk()
            if recurse
            else self._lightgrid_node.children["works"].values()
        )
        return [(one.name, one) for one in components if isinstance(one, Work)]

    @property
    def ready(self) -> bool:
        """Whether what this flow shows is ready; override it for your own meaning."""
        own = self._lightgrid_node.children["flows"].values()
        return all(flow.ready for flow in own if isinstance(flow, Flow))

    def _lightgrid_assign(self, name: str, value: Any) -> None:
        value = value if name[0] == "_" else as_structure(value)
        node = self._lightgrid_node
        bound = next((group[name] for group in node.children.values() if name in group), None)
        if bound is value and bound is not None:
            return
        if bound is not None:
            raise ComponentError(
                f"{node.name}.{name} is a component and can't be changed once defined. Put "
                "components that come and go into a List or Dict"
            )
        if name[0] != "_" and isinstance(value, Component):
            self._lightgrid_attach(name, value)
            return
        super()._lightgrid_assign(name, value)

    def _lightgrid_attach(self, name: str, child: Component) -> None:
        node = self._lightgrid_node
        if child._lightgrid_node.parent is not None:
            raise ComponentError(
                f"{node.name}.{name}: the component already is {child.name}; one place is enough"
            )
        if not self._lightgrid_initialized:
            raise ComponentError(
                f"{type(self).__name__}: Did you forget to call super().__init__()?"
            )
        if name in node.names:
            node.forget(name)
        self.__dict__[name] = child
        node.adopt(group_of(child), name, child)

    def _lightgrid_check_child(self, name: str, value: Any) -> None:
        """Nothing to refuse: a flow's components were attached before."""


def _group_of(child: Component) -> str:
    if isinstance(child, Structure):
        return "structures"
    return "works" if isinstance(child, Work) else "flows"
