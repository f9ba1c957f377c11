"""The state tree of an app: what is in it, and what was done to it.

What the node of a component holds is said in `layout`. Every step that changes
the tree is one `Change` with the next revision, kept for a while so that a
watcher can go on from where it was.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Final

from lightgrid.state.delta import Assignments, Op, Path, Set, Splice, apply_parts
from lightgrid.state.values import SCALAR_TYPES, Value, memory_of

#: Ops below a place of the tree: the place, and the ops relative to it.
Part = tuple[Path, Sequence[Op]]

_MAX_KEPT_CHANGES: Final = 4096
#: Few enough to stay in the processor's cache until they are freed: with 65,536 of them
#: freeing took 7 % of the time of a busy flow.
_MAX_KEPT_OPS: Final = 8192
#: What the kept ops bring may take, in memory: a value of 1 MB that changes is kept some
#: times, not thousands of times. Who is further behind is told by a snapshot.
_MAX_KEPT_BYTES: Final = 16 * 2**20


@dataclass(slots=True)
class Change:
    """What one step did to the tree.

    Attributes:
        revision: The tree's revision after it.
        time_s: When it was committed, in seconds since the epoch.
        origin: Who made it: a component's name, or "outside:" and a client's name.
        parts: The ops, by the place they are relative to.
    """

    revision: int
    time_s: float
    origin: str
    parts: Sequence[Part]


class StateTree:
    """A tree of plain values with a revision. Not safe to share between threads.

    Attributes:
        tree_id: Names this life of the tree; revisions of two ids are unrelated.
        revision: Rises by one with every change.
        root: The tree. Changed only by `commit`.
    """

    def __init__(self, tree_id: str, root: dict[str, Value] | None = None) -> None:
        self.tree_id = tree_id
        self.revision = 0
        self.root: dict[str, Value] = root if root is not None else {}
        self._kept: deque[Change] = deque()
        self._weights: deque[_Weight] = deque()  # of each of them
        self._kept_ops = 0
        self._kept_bytes = 0

    @property
    def kept_count(self) -> int:
        """How many changes are kept."""
        return len(self._kept)

    @property
    def kept_bytes(self) -> int:
        """About how many bytes they take."""
        return self._kept_bytes

    def commit(self, origin: str, parts: Sequence[Part], time_s: float) -> Change:
        """Apply ops as one step and return it.

        Raises:
            MisfitError: A part does not fit. No part was applied: the tree holds
                nothing that is in no revision.
            UnsupportedValueError: As `delta.apply`; nothing was applied.

        Cost: O(ops).
        """
        apply_parts(self.root, parts)
        self.revision += 1
        change = Change(self.revision, time_s, origin, parts)
        self._keep(change)
        return change

    def changes_since(self, revision: int) -> list[Change] | None:
        """Return the changes after a revision, or None when some are forgotten."""
        if revision > self.revision:
            return None
        missing = self.revision - revision
        if missing > len(self._kept):
            return None
        # Watchers are nearly always a few changes behind: walk from the new end.
        newest_first = list(islice(reversed(self._kept), missing))
        return newest_first[::-1]

    def changed_since(self, path: Path, revision: int) -> bool:
        """Tell whether anything at, above or below a path changed after a revision.

        When the changes are forgotten the answer is yes: nobody can know.
        """
        changes = self.changes_since(revision)
        if changes is None:
            return True
        # A splice moves the items behind it: its path is the list's, so all of it counts.
        return any(
            _overlap(place + op.path, path)
            for change in changes
            for place, ops in change.parts
            for op in ops
        )

    def _keep(self, change: Change) -> None:
        weight = ops, size_bytes = _weigh(change)
        self._kept.append(change)
        self._weights.append(weight)
        self._kept_ops += ops
        self._kept_bytes += size_bytes
        while len(self._kept) > 1 and (
            self._kept_ops > _MAX_KEPT_OPS
            or self._kept_bytes > _MAX_KEPT_BYTES
            or len(self._kept) > _MAX_KEPT_CHANGES
        ):
            self._kept.popleft()
            ops, size_bytes = self._weights.popleft()
            self._kept_ops -= ops
            self._kept_bytes -= size_bytes


#: How many ops a change has, and about how many bytes its values take. Not those of
#: numbers: they are bounded with the ops.
_Weight = tuple[int, int]


def _weigh(change: Change) -> _Weight:
    count = size_bytes = 0
    for _, ops in change.parts:
        count += len(ops)
        if type(ops) is Assignments:
            # Asked of all at once, at C speed: nearly all are numbers.
            if not _LONG_TYPES.isdisjoint(map(type, ops.values.values())):
                long = (one for one in ops.values.values() if type(one) in _LONG_TYPES)
                size_bytes += sum(map(len, long))
            continue
        for op in ops:
            if type(op) is Set:
                kind = type(op.value)
                if kind in _LONG_TYPES:
                    size_bytes += len(op.value)
                elif kind not in SCALAR_TYPES:
                    size_bytes += memory_of(op.value)
            elif type(op) is Splice:
                size_bytes += memory_of(op.insert)
    return count, size_bytes


_LONG_TYPES: Final = frozenset({str, bytes})


def _overlap(one: Path, other: Path) -> bool:
    shorter = min(len(one), len(other))
    return one[:shorter] == other[:shorter]
