"""Finding what a work's variables have become, and putting it into the outbox."""

from __future__ import annotations

import operator
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import reduce
from itertools import compress
from typing import Any

from lightgrid.component.node import node_of
from lightgrid.component.work import Work
from lightgrid.errors import UnsupportedValueError
from lightgrid.protocol.messages import CallUpdate, Update
from lightgrid.protocol.publisher import Publisher
from lightgrid.state.deepdiff_form import Delta
from lightgrid.state.delta import Op, apply, variable_of
from lightgrid.state.diff import diff_variables
from lightgrid.state.sizes import (
    NOTHING,
    Budget,
    Size,
    check_op,
    check_scalar,
    size_of,
)
from lightgrid.state.values import Value, copy_value, is_container
from lightgrid.worker.pace import Paces


def _no_calls(_errors: list[UnsupportedValueError]) -> Sequence[CallUpdate]:
    return ()


class Collector:
    """Collects from one work. For one thread, while user code goes on in others.

    Args:
        work: Its variables are read, and changed by `receive` alone.
        seen_revision: The revision of the tree that they were taken at.
        clock: Seconds of a clock that never goes back.
        cpu_clock: Seconds that this thread has computed.

    Attributes:
        publisher: What the flow was told.
        budget: What all variables together may take.
    """

    def __init__(
        self,
        work: Work,
        seen_revision: int,
        clock: Callable[[], float] = time.monotonic,
        cpu_clock: Callable[[], float] = time.thread_time,
    ) -> None:
        self._work = work
        self._node = node_of(work)
        # What `__init__` assigned is what the flow has too.
        self._node.forget_changes()
        self._live = self._node.live
        variables = {name: self._live[name] for name in self._node.names}
        self.publisher = Publisher(variables, seen_revision)
        self.outbox = self.publisher.outbox
        self.budget = Budget(size_of(self.publisher.mirror))
        self._paces = Paces()
        self._clock = clock
        self._cpu_clock = cpu_clock
        for name, value in self.publisher.mirror.items():
            if is_container(value):
                self._paces.note(name, is_container=True)

    @property
    def has_marks(self) -> bool:
        """Whether something was assigned since the last collection."""
        return bool(self._node.dirty)

    def next_due_s(self) -> float:
        """Return when containers are to be looked into next."""
        return self._paces.next_due_s()

    def pace_for_call(self, longest_interval_s: float) -> None:
        """Look into containers at least this often, as long as that is cheap."""
        self._paces.max_interval_s = longest_interval_s
        self._paces.wake()

    def collect(
        self,
        calls_after: Callable[[list[UnsupportedValueError]], Sequence[CallUpdate]] = _no_calls,
        *,
        everything: bool = False,
        also: Iterable[str] = (),
    ) -> list[UnsupportedValueError]:
        """Put what changed into the outbox, as one batch.

        Args:
            calls_after: Returns the progress of calls that goes with it, given what
                cannot be state.
            everything: Look at all that may have changed, strictly, due or not.
            also: Look at these variables in any case, strictly.

        Returns:
            What cannot be state. The variables with such values keep what they
            were; all others were put.
        """
        now_s = self._clock()
        # By name, whether to look strictly; a look that is merely due may be a glance.
        names = {name: self._paces.wants_strict(name, now_s) for name in self._paces.due(now_s)}
        names.update(dict.fromkeys(self._replaced() if everything else also, True))
        values = self._take(names)
        errors: list[UnsupportedValueError] = []
        while True:
            try:
                ops, sizes = self._find(names, values, now_s)
                self._check_budget(ops, sizes)
            except UnsupportedValueError as error:
                errors.append(self._node.explain(error))
                del names[error.path[0]]
            else:
                self.publisher.put(ops, calls_after(errors))
                return errors

    def receive(self, update: Update) -> list[UnsupportedValueError]:
        """Apply what the flow wrote to the live variables; tell first what was made before.

        A work that is to decide for itself what becomes of such ops (the predecessor's
        `apply_flow_delta`) is to be asked here, before `Publisher.receive`.
        """
        names = self._node.names
        if not update.snapshot:
            ops = [op for op in update.ops if variable_of(op) in names]
            update = Update(update.revision, ops)
        written = set(map(variable_of, update.ops))
        errors = self.collect(everything=update.snapshot, also=written)
        for name in set(map(variable_of, self.publisher.receive(update, self._apply_live))):
            self._paces.note(name, is_container=is_container(self.publisher.mirror[name]))
        return errors

    def _apply_live(self, ops: Sequence[Op]) -> None:
        if ops:
            self._work.apply_flow_delta(Delta((), tuple(ops)))
            for name in set(map(variable_of, ops)):
                self._node.dirty.setdefault(name, None)  # the hook may have left it as it was

    def _replaced(self) -> Iterator[str]:
        """Give the variables that hold another object than the one that the flow was told of.

        That is every container, and scalars that were assigned. Not just those marked: an
        interrupt of user code may come between a store and its mark.
        """
        mirror = self.publisher.mirror
        now = _values(self._live, mirror)
        return compress(mirror, map(operator.is_not, now, mirror.values()))

    def _take(self, names: dict[str, bool]) -> dict[str, Any]:
        """Add the names that were marked to those to look at; return all values at one moment.

        What user code assigns between the two is a trap: a copy taken after `a`
        and `b` were assigned, under names taken before, might tell of one alone.
        So when names were marked that are not among those taken, both are taken
        again; names only become more, so this ends.
        """
        taken = self._node.take_changed_names()
        if taken:
            self._paces.wake()
        names.update(dict.fromkeys(taken, True))
        while True:
            values = dict(zip(names, _values(self._live, names), strict=True))
            if self._node.dirty.keys() <= names.keys():
                return values
            names.update(dict.fromkeys(self._node.take_changed_names(), True))

    def _find(
        self, names: dict[str, bool], values: dict[str, Any], now_s: float
    ) -> tuple[list[Op], dict[str, Size]]:
        """Return the changes of variables, and by variable what they add to the state.

        Raises:
            UnsupportedValueError: A variable holds what cannot be state, or no message can carry.
        """
        mirror = self.publisher.mirror
        sizes: dict[str, Size] = {}
        containers = [name for name in names if is_container(values[name])]
        plain = [name for name in names if not is_container(values[name])]
        for name in plain:
            self._paces.note(name, is_container=False)
            value = values[name]
            if isinstance(value, str | bytes):  # a number in the place of another adds nothing
                check_scalar(value, (name,))
                sizes[name] = Size(0, len(value))
        ops = diff_variables(mirror, values, plain)
        for name in containers:
            self._paces.note(name, is_container=True)
            begin_s = self._cpu_clock()
            found: list[Op] = []
            try:
                found = diff_variables(mirror, values, (name,), strict=names[name])
                sizes[name] = reduce(Size.plus, map(check_op, found), NOTHING)
            finally:
                cost_s = self._cpu_clock() - begin_s
                self._paces.looked(name, cost_s, now_s, changed=bool(found), strict=names[name])
            ops += found
        return ops, sizes

    def _check_budget(self, ops: Sequence[Op], sizes: dict[str, Size]) -> None:
        """Refuse the variable that adds most of what makes the state too large.

        Here, while there is a call to fail for it: the flow server would end the session.

        Raises:
            UnsupportedValueError: For this variable.
        """

        def size_after() -> Size:
            variables = copy_value(self.publisher.mirror)
            apply(variables, ops)
            return size_of(variables)

        self.budget.take(sizes, size_after)


def _values(live: dict[str, Value], names: Iterable[str]) -> Sequence[Value]:
    """Return the named values as they are at one moment: one C call, nothing comes between."""
    names = tuple(names)
    if len(names) > 1:
        values: tuple[Value, ...] = operator.itemgetter(*names)(live)
        return values
    return [live[name] for name in names]
