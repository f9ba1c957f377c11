"""A component's variables: which it has, where they are kept, what changed.

In the flow's process containers are kept out of the component's `__dict__`, in
`held`: reading one is the only way to change it in place, and a name that is
not in `__dict__` makes Python call `__getattr__`, which notes the reading. So a
run of the flow is followed by looking at what it has read, not at everything.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, ClassVar

from lightgrid.component.held import Held, HeldOfWork, Lent
from lightgrid.state.delta import Assignments, Op, Set, apply
from lightgrid.state.values import SCALAR_TYPES, Value, copy_of_op, is_container


class Variables:
    """The variables of one component, and what is to be collected of them.

    Args:
        live: The component's `__dict__`, where its variables are.

    Attributes:
        live: The same.
        names: The names of its state, in the order they were first set.
        dirty: Names assigned since the last collection. The value is the exact type
            of a scalar, which lets the same type be assigned again without a look.
        held: Containers by name, in the flow's process; None in others.
        notify: Called when there may be something to collect.
        are_of_work: They are those of another process than the flow's.
    """

    __slots__ = ("dirty", "held", "live", "names", "notify")

    are_of_work: ClassVar[bool] = False

    def __init__(self, live: dict[str, Any]) -> None:
        self.live = live
        self.names: dict[str, None] = {}
        self.dirty: dict[str, type | None] = {}
        self.held: Held | None = None
        self.notify: Callable[[], None] | None = None

    def read(self, name: str) -> Value:
        """Return the value of a state name."""
        if self.held is not None and name in self.held:
            return self.held[name]
        return self.live[name]

    def variables(self) -> dict[str, Value]:
        """Return all state, by name. The containers are the live ones."""
        held: Mapping[str, Value] = self.held or {}
        others = self.live
        return {name: held[name] if name in held else others[name] for name in self.names}

    def assign(self, name: str, value: Value) -> None:
        """Store a checked value that code assigns."""
        if self.held is not None and is_container(value):
            value = self.held.assigned(name, value)
        self.store(name, value)

    def store(self, name: str, value: Value) -> None:
        """Store a checked value, where its kind belongs."""
        if self.held is None or not is_container(value):
            self.live[name] = value
            if self.held is not None:
                self.held.pop(name, None)
        else:
            self.held[name] = value
            self.live.pop(name, None)

    def forget(self, name: str) -> None:
        """Take a name out of the state."""
        self.names.pop(name, None)
        self.live.pop(name, None)
        if self.held is not None:
            self.held.pop(name, None)
        self.mark(name, None)

    def mark(self, name: str, kind: type | None) -> None:
        """Note that a name was assigned, and tell whoever collects."""
        self.dirty[name] = kind
        if self.notify is not None:  # not by `tell`: a work waits for this
            self.notify()

    def touch(self, name: str) -> Value:
        """Return a held container to code that may change it in place."""
        assert self.held is not None
        self.tell()
        return self.held.touch(name)

    def tell(self) -> None:
        """Tell whoever collects that there may be something."""
        if self.notify is not None:
            self.notify()

    def hold_containers(self, lent: Lent) -> None:
        """Begin to note which containers are read, in the flow's process.

        Args:
            lent: Of the app.
        """
        if self.held is None:
            self.held = HeldOfWork(lent) if self.are_of_work else Held(lent)
            for name in self.names:
                if is_container(self.live[name]):
                    self.store(name, self.live[name])
        self.held.lent = lent
        if isinstance(self.held, HeldOfWork):
            self.held.part_from_init()

    def forget_changes(self) -> None:
        """Begin anew without a look: whoever asks is about to read all the state.

        What is assigned meanwhile is read then, or is marked afterwards.
        """
        self.dirty.clear()
        self._keep_looking(self.held or ())

    def take_changed_names(self) -> list[str]:
        """Return the names to look at, and begin anew.

        Names are taken before their values are read: one that is assigned
        meanwhile is then marked again, and none is missed.
        """
        # Each by a step that both gives and takes it: a mark that user code makes between a
        # copy of `dirty` and a clear() would be lost, and a fresh dict in its place might
        # never be seen by an assignment that has the old one in hand.
        names = set()
        while self.dirty:
            names.add(self.dirty.popitem()[0])
        if self.held is not None:
            names |= self.held.touched
            self._keep_looking(names)
        return sorted(names)

    def receive(self, ops: Sequence[Op]) -> None:
        """Apply changes that were made elsewhere, by a work to its variables or from outside."""
        variables = self.live
        if type(ops) is Assignments:
            variables.update(ops.values)
            if self.held:
                for name in self.held.keys() & ops.values.keys():
                    del self.held[name]
            return
        for op in ops:
            if type(op) is Set and len(op.path) == 1:
                value = op.value
                if type(value) in SCALAR_TYPES:
                    name = op.path[0]
                    variables[name] = value
                    if self.held and name in self.held:
                        del self.held[name]
                else:
                    name = op.path[0]
                    self.store(name, copy_of_op(value, op.path))
                    if name in self.dirty:  # its type may be assigned without a look no more
                        self.dirty[name] = None
            elif self.held is None:
                apply(variables, (op,))
            else:
                self.held.receive(op)

    def _keep_looking(self, names: Iterable[str]) -> None:
        if self.held is not None and self.held.keep_looking(names):
            self.tell()
