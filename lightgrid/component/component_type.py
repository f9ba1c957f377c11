"""The class of component classes: how they are made, and shown to people and tools."""

from __future__ import annotations

import inspect
from abc import ABCMeta
from types import MethodType
from typing import TYPE_CHECKING, Any

from lightgrid.component.node import node_of
from lightgrid.errors import ComponentAttributeError
from lightgrid.frames import calls_user_code
from lightgrid.moving.notices import tell_hooks


class ComponentType(ABCMeta):
    """Makes components: what is assigned while `__init__` runs is state.

    A flag set around `__init__`, not a look at the frames of the stack, tells
    whether it runs: helpers that `__init__` calls count, and no name of a first
    parameter matters.
    """

    def __init__(
        cls, name: str, bases: tuple[type, ...], namespace: dict[str, Any], **options: Any
    ) -> None:
        super().__init__(name, bases, namespace, **options)
        tell_hooks(cls)

    # A type checker that saw this would take its result for the type of every component, and
    # its arguments for those of every class.
    if not TYPE_CHECKING:

        @calls_user_code
        def __call__(cls, *args: Any, **kwargs: Any) -> Any:
            """Make a component and close its set of names."""
            component = super().__call__(*args, **kwargs)
            node = node_of(component)
            node.initializing = False
            if not node.is_set_up:
                raise forgotten_init(cls)
            node.check_first_values()
            return component

    @property
    def __signature__(cls) -> inspect.Signature:
        """How a component of this class is made, for `help` and `inspect`: as `__init__` says."""
        return inspect.signature(MethodType(cls.__init__, cls))  # type: ignore[misc]


def forgotten_init(cls: type, more: str = "") -> ComponentAttributeError:
    """Return the error of a class whose `__init__` does not call that of its base."""
    text = f"{cls.__name__}: Did you forget to call super().__init__()? {more}"
    return ComponentAttributeError(text.rstrip())
