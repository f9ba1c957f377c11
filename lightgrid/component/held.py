"""The containers that components hold in the flow's process.

A flow's variables are the flow's own: an alias of one goes on working. A work's are
those of another process, and what is here of them is a copy that follows what the work
sends. So nothing else may share it. It is kept apart at each way in and out:

- What `__init__` shared is copied when the work joins its app.
- A container that is assigned to a work's variable is copied, and so is a work's that
  is assigned to a flow's variable.
- Whatever else a run of the flow has put into two places (`self.best.append(self.w.params)`)
  is one object until the run ends, as in any Python code. Then the work's side is copied,
  and others keep the container as it was. No work's change comes in between.
"""

from __future__ import annotations

from collections.abc import Iterable

from lightgrid.component.sharing import is_shared
from lightgrid.state.delta import Op, apply, apply_fitting
from lightgrid.state.values import Value, copy_value

#: Containers of works that a run of the flow has read: by identity, where each is held.
Lent = dict[int, tuple["Held", str]]


class Held(dict[str, Value]):
    """Containers of a flow, by the names of their variables.

    Args:
        lent: Of the app.

    Attributes:
        touched: Names of those that code may change without assigning them.
        made: Those that `__init__` made and that something else refers to, where
            copies of them are held.
    """

    __slots__ = ("lent", "made", "touched")

    def __init__(self, lent: Lent) -> None:
        super().__init__()
        self.lent = lent
        self.touched: set[str] = set()
        self.made: dict[str, Value] = {}

    def touch(self, name: str) -> Value:
        """Return a container to code that may change it in place."""
        self.touched.add(name)
        return self[name]

    def assigned(self, name: str, value: Value) -> Value:
        """Return what to hold of a container that code assigns."""
        held, there = self.lent.get(id(value), (None, ""))
        # An identity is used again once the container that had it is gone.
        is_lent = held is not None and held.get(there) is value
        return copy_value(value, (name,)) if is_lent else value

    def keep_looking(self, names: Iterable[str]) -> bool:
        """Touch those that someone else refers to as well, and no others; tell if there are any.

        They can be changed without being read or assigned again.
        """
        self.touched = {name for name in names if name in self and is_shared(self, name)}
        return bool(self.touched)

    def part(self) -> None:
        """Have nothing else share what is held, as far as it may not."""

    def receive(self, op: Op) -> None:
        """Apply a change in place that was made elsewhere."""
        # Variables of a flow may share containers, and the op was made for one of them. Done
        # to all at once, it may leave nothing to do for a later op. What is shared is looked
        # at after every run, so the tree learns what came of it.
        apply_fitting(self, (op,))


class HeldOfWork(Held):
    """Containers of a work: copies, which nothing else shares when no flow runs."""

    __slots__ = ()

    def touch(self, name: str) -> Value:
        """Return a container to the flow's code: as `Held.touch`, and note that it has it."""
        self.lent[id(self[name])] = (self, name)
        return super().touch(name)

    def assigned(self, name: str, value: Value) -> Value:
        """Return what to hold of a container that code assigns: a copy."""
        self.made.pop(name, None)
        return copy_value(value, (name,))

    def part_from_init(self) -> None:
        """Hold copies of what `__init__`, or whoever called it, refers to as well."""
        for name in self:
            if is_shared(self, name):
                self.made.setdefault(name, self[name])
                self[name] = copy_value(self[name], (name,))

    def part(self) -> None:
        """Leave what someone else refers to as well to them, and hold copies.

        To be called when a run of the flow has ended and what it changed was found.
        """
        for name in self.touched:
            self[name] = copy_value(self[name], (name,))
        self.touched.clear()

    def receive(self, op: Op) -> None:
        """Apply a change in place that the work made, which fits."""
        apply(self, (op,))
