"""The conversion of ops to DeepDiff's form and back, and `Delta`, which offers it.

What does the work is imported when it is first needed: every process has
deltas, few ever look at one.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from lightgrid.state.delta import Op, Path
from lightgrid.state.values import Value


@dataclass(frozen=True, slots=True)
class Delta:
    """A change as hooks and logs are given it.

    Attributes:
        prefix: The place in the tree that the ops are relative to.
        ops: What changed, in order.
    """

    prefix: Path
    ops: tuple[Op, ...]

    def to_deepdiff(self, base: Value) -> dict[str, Any]:
        """Return it in DeepDiff's form; `base` is what was at the prefix before."""
        return to_deepdiff(base, self.ops, self.prefix)

    @classmethod
    def from_deepdiff(cls, delta: object, base: Value, prefix: Path = ()) -> Delta:
        """Read DeepDiff's form; all its paths have to begin with the prefix."""
        return cls(prefix, tuple(from_deepdiff(delta, base, prefix)))


def to_deepdiff(base: Value, ops: Iterable[Op], prefix: Path = ()) -> dict[str, Any]:
    """Return what ops change, in the form of a `deepdiff.Delta`.

    Values that end as they began are left out. A type change always carries its
    value. What goes into and out of a list is told item by item, but a splice
    that replaces as many items as it brings is told as changes of these.

    Args:
        base: What the ops are relative to, before them. Not changed.
        ops: In order.
        prefix: Where the base is in the tree; the paths begin with it.

    Raises:
        MisfitError: An op does not fit the base.

    Cost: O(ops), not O(base). The result shares no container with base or ops.
    """
    from lightgrid.state.deepdiff_form.teller import tell

    return tell(base, ops, prefix)


def from_deepdiff(delta: object, base: Value, prefix: Path = ()) -> list[Op]:
    """Return the ops that a delta in DeepDiff's form means on a base.

    Args:
        delta: A mapping in the form of a `deepdiff.Delta`, or a `Delta` or
            `DeepDiff` that this process made. Never bytes or text: DeepDiff
            would unpickle them.
        base: What the delta is relative to. Not changed.
        prefix: Where the base is in the tree; the paths have to begin with it.

    Raises:
        TypeError: `delta` is none of these.
        PathSyntaxError: A path cannot be read, or leads through an attribute.
        MisfitError: A part of it has no meaning for state, or does not fit the
            base: among others an old value that is not what the base has.
        UnsupportedValueError: A new value cannot be state.

    Cost: O(delta), not O(base).
    """
    from lightgrid.state.deepdiff_form.reader import read

    return read(delta, base, prefix)
