"""What a flow wrote into the variables of one work, and the work has not yet seen."""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict, deque
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from itertools import takewhile
from math import inf
from operator import attrgetter
from typing import Final

from lightgrid.state.delta import Op, Path, Set, Splice, variable_of

_REVISION: Final = attrgetter("revision")


@dataclass(slots=True, frozen=True)
class FlowWrite:
    """One op of the flow that the work has not yet seen."""

    revision: int
    op: Op


class Overlay:
    """The flow's writes in order of revision.

    Thousands of calls may wait for a work, each with writes of its own, and each is told,
    and is seen, one after the other. So no step looks at all of them: they are found by
    their revision, and by their variable.

    Args:
        writes: In order of revision.
    """

    def __init__(self, writes: Iterable[FlowWrite] = ()) -> None:
        # Those before `_first` are gone; they are dropped now and then, many at a time.
        self._writes: list[FlowWrite] = []
        self._first = 0
        self._by_name: defaultdict[str, deque[FlowWrite]] = defaultdict(deque)
        for write in writes:
            self.add(write)

    def __len__(self) -> int:
        return len(self._writes) - self._first

    def __iter__(self) -> Iterator[FlowWrite]:
        return iter(self._writes[self._first :])

    @property
    def names(self) -> Collection[str]:
        """The variables that were written to."""
        return self._by_name.keys()

    def count(self, name: str) -> int:
        """Count the writes to one variable."""
        return len(self._by_name.get(name, ()))

    def add(self, write: FlowWrite) -> None:
        """Put a write on top."""
        self._writes.append(write)
        self._by_name[variable_of(write.op)].append(write)

    def between(self, after_revision: int, to_revision: float = inf) -> list[FlowWrite]:
        """Return the writes after a revision, up to another."""
        return self._writes[self._place_of(after_revision) : self._place_of(to_revision)]

    def ops_of(self, name: str) -> list[Op]:
        """Return what makes a variable of what was published; not what is written over anyway."""
        newest_first: list[Op] = []
        for write in reversed(self._by_name.get(name, ())):
            newest_first.append(write.op)
            if type(write.op) is Set and len(write.op.path) == 1:
                break
        return newest_first[::-1]

    def is_told(self, name: str, told_revision: int) -> bool:
        """Tell whether any write to a variable was told, when all up to a revision were."""
        writes = self._by_name.get(name)
        return writes is not None and writes[0].revision <= told_revision

    def count_untold(self, name: str, told_revision: int) -> int:
        """Count the writes to a variable after a revision."""
        newest_first = reversed(self._by_name.get(name, ()))
        return sum(1 for _ in takewhile(lambda one: one.revision > told_revision, newest_first))

    def take(self, seen_revision: int) -> list[FlowWrite]:
        """Remove the writes up to a revision, and return them."""
        first, self._first = self._first, self._place_of(seen_revision)
        taken = self._writes[first : self._first]
        for write in taken:
            name = variable_of(write.op)
            self._by_name[name].popleft()
            if not self._by_name[name]:
                del self._by_name[name]
        if 2 * self._first > len(self._writes):
            del self._writes[: self._first]
            self._first = 0
        return taken

    def drop_replaced(self, path: Path, told_revision: int) -> None:
        """Remove writes at and below a path that were not told: a later one replaces them."""
        if path[0] not in self._by_name:
            return
        at = self._place_of(told_revision)
        untold = self._writes[at:]
        depth = len(path)
        if any(
            type(write.op) is Splice
            and len(write.op.path) < depth
            and write.op.path == path[: len(write.op.path)]
            for write in untold
        ):
            return  # before the splice, this index was another item
        kept = [write for write in untold if write.op.path[:depth] != path]
        self._writes[at:] = kept
        own = self._by_name[path[0]]
        while own and own[-1].revision > told_revision:
            own.pop()
        own.extend(write for write in kept if variable_of(write.op) == path[0])
        if not own:
            del self._by_name[path[0]]

    def drop(self, names: Collection[str]) -> None:
        """Remove all writes to some variables."""
        self._writes[self._first :] = [one for one in self if variable_of(one.op) not in names]
        for name in names:
            self._by_name.pop(name, None)

    def _place_of(self, revision: float) -> int:
        """Return where the writes after a revision begin."""
        return bisect_right(self._writes, revision, lo=self._first, key=_REVISION)
