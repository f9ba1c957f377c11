"""What decides: a component whose `run` is called again and again."""

from __future__ import annotations

import inspect
import sys
import time
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path
from typing import Any

from lightgrid.component.component import Component
from lightgrid.component.flow_node import FlowNode
from lightgrid.component.names import check_component_name
from lightgrid.component.node import node_of
from lightgrid.component.options import OptionChecker
from lightgrid.component.schedule import Schedule, next_event
from lightgrid.component.structures import as_structure
from lightgrid.component.work import Work
from lightgrid.component.work_node import WorkNode
from lightgrid.errors import (
    ComponentAttributeError,
    ComponentError,
    ComponentTypeError,
    Explained,
    place_of,
)
from lightgrid.state.layout import FLOWS


class FlowExit(Explained, BaseException):
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

    _lightgrid_node_class = FlowNode
    _lightgrid_node: FlowNode

    def __init__(self) -> None:
        run = type(self).run
        if inspect.iscoroutinefunction(run):
            file, line = place_of(run)
            raise ComponentError(
                f"{type(self).__name__}.run is async def in {file}, line {line}: a flow's run is "
                "called again whenever something changed, and waits for nothing. Write def run; "
                "what waits belongs into a work, whose run may be async"
            )
        super().__init__()

    def run(self, *args: Any, **kwargs: Any) -> Any:
        """Decide what is to be done now. Keep it short: it is called again.

        A flow without a `run` of its own does nothing; it cannot be the root.
        """

    def stop(self, end_msg: str = "") -> None:
        """End the app with exit code 0, after its works have ended."""
        _check_message("stop", end_msg)
        raise FlowExit(end_msg, failed=False)

    def fail(self, end_msg: str = "") -> None:
        """End the app with exit code 1, after its works have ended."""
        _check_message("fail", end_msg)
        raise FlowExit(end_msg, failed=True)

    def stop_works(self, works: Iterable[Work]) -> None:
        """Stop several works."""
        for work in works:
            work.stop()

    def schedule(
        self, cron: str, start_time: datetime | None = None, user_key: str | None = None
    ) -> bool:
        """Tell whether it is time: now, and then in one `run` after each event of a clock.

            if self.schedule("*/5 * * * *"):
                self.clean_up.run(time.time())

        The first call is true at once. The schedule is known by its expression
        and the line of code that asks, and survives a resume.

        Args:
            cron: Five fields, or six with the seconds last; or "hourly", "daily", ...
            start_time: The first event is after this; by default after now.
            user_key: Names the schedule where the line of code does not: in a loop.

        Raises:
            ComponentError: It is no cron expression.
            OptionError: An argument is not of its type.
        """
        given = OptionChecker(f"{type(self).__name__}.schedule()")
        given.text("cron", cron, 'a text: "*/5 * * * *", "hourly"')
        if start_time is not None:
            given.kind("start_time", start_time, datetime, "a datetime, or None for now")
        node = self._lightgrid_node
        if user_key is None:
            code = sys._getframe(1)
            user_key = f"{Path(code.f_code.co_filename).name}:{code.f_lineno}"
        else:
            given.text("user_key", user_key, "a text, or None for the line of code that asks")
        key = f"{cron} {user_key}"
        now_s = time.time()
        run_count = 0 if node.backend is None else node.backend.run_count
        schedule = node.schedules.get(key)
        if schedule is None:
            after_s = now_s if start_time is None else start_time.timestamp()
            schedule = Schedule(cron, next_event(cron, after_s), run_count)
            node.schedules[key] = schedule
            fires = True
        else:
            before_s = schedule.next_s
            fires = schedule.is_true(now_s, run_count)
            if schedule.next_s == before_s:
                return fires
        if node.backend is not None:
            node.backend.scheduled(node, key, schedule)
        return fires

    @property
    def flows(self) -> dict[str, Flow]:
        """All flows below this one, by name."""
        own = self._lightgrid_node
        return {
            node.name: node.component
            for node in own.walk()
            if isinstance(node, FlowNode) and node is not own
        }

    def works(self, *, recurse: bool = True) -> list[Work]:
        """The works below this flow: its own by name, then those of flows, then of structures."""
        return [work for _, work in self.named_works(recurse=recurse)]

    def named_works(self, *, recurse: bool = True) -> list[tuple[str, Work]]:
        """The same, with their names."""
        node = self._lightgrid_node
        nodes = node.walk() if recurse else node.below()
        return [(one.name, one.component) for one in nodes if isinstance(one, WorkNode)]

    @property
    def ready(self) -> bool:
        """Whether what this flow shows is ready; override it for your own meaning."""
        own = self._lightgrid_node.children[FLOWS].values()
        return all(node.component.ready for node in own if isinstance(node, FlowNode))

    def _lightgrid_assign_public(self, name: str, value: Any) -> None:
        node = self._lightgrid_node
        bound = node.child(name)
        if bound is not None:
            if bound.component is not value:
                raise ComponentAttributeError(
                    f"{node.label}.{name} is a component and can't be changed once defined. Put "
                    "components that come and go into a List or Dict"
                )
            return
        if name == "run" and callable(value):
            object.__setattr__(self, name, value)  # no state: Python's way to override one object's
            return
        value = as_structure(value)
        if isinstance(value, Component):
            self._lightgrid_attach(name, value)
        else:
            super()._lightgrid_assign_public(name, value)

    def _lightgrid_attach(self, name: str, child: Component) -> None:
        """Take a component in, at any time; a variable of this name gives way to it."""
        node = self._lightgrid_node
        check_component_name(node.label, name)
        self._lightgrid_check_new(name)
        node.check_is_free(name, node_of(child))
        if name in node.names:
            node.forget(name)
        self.__dict__[name] = child
        node.adopt(name, node_of(child))


def _check_message(method: str, message: object) -> None:
    if not isinstance(message, str):
        raise ComponentTypeError(
            f"{method}({message!r}): the message is a str, not of type {type(message).__name__}"
        )
