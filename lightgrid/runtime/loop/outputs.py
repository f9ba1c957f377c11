"""What the flow's thread has decided and not told yet.

A run of the flow reads what stands, and what it does goes out when it is over:
the tree's changes, the calls, the starts and the ends, in the order they were
made. Watchers of the tree see all of it as one step, and no process is started
or asked to end before that.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from lightgrid.runtime.hub import Hub
from lightgrid.state.delta import Op, Path
from lightgrid.state.tree import Part


class Outputs:
    """Keeps what is to go out, until `send`. For the flow's thread.

    Attributes:
        is_held: The flow's code runs: nothing may go out now.
    """

    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        self._parts: list[Part] = []
        self._steps: list[Callable[[], None]] = []
        self._last: dict[Path, Callable[[], Op]] = {}
        self._acts: list[Callable[[], None]] = []
        self._is_ordered = False
        self.is_held = False

    @property
    def has_any(self) -> bool:
        """Whether anything is to go out."""
        return bool(self._parts or self._last or self._steps or self._acts)

    @property
    def is_ordered(self) -> bool:
        """Whether the tree has to change by what is here before it is compared with anything."""
        return self._is_ordered

    def tell(self, place: Path, *ops: Op) -> None:
        """Have a node of the tree changed beside its variables."""
        self._parts.append((place, ops))

    def tell_last(self, place: Path, op: Callable[[], Op]) -> None:
        """Have something of a node told behind what is told of it, once, as it is then."""
        self._last[place] = op

    def tell_structure(self, place: Path, op: Op) -> None:
        """Have a node come into the tree, or leave it."""
        self._take_last()
        self._parts.append((place, (op,)))
        self._is_ordered = True

    def step(self, step: Callable[[], None]) -> None:
        """Have something told to a work's link, behind what was said to links before."""
        self._steps.append(step)

    def step_in_tree(self, step: Callable[[], None]) -> None:
        """Have something done that compares with the tree as it is then."""
        self._close_parts()
        self._steps.append(step)
        self._is_ordered = True

    def act(self, act: Callable[[], None]) -> None:
        """Have something done to a process, once the tree and the links know."""
        self._acts.append(act)

    def send(
        self, parts: Sequence[Part] = (), writes: Mapping[str, Sequence[Op]] | None = None
    ) -> None:
        """Let everything out, and what comes of that.

        Args:
            parts: Changes of the tree that come last, with the steps.
            writes: What of them went into variables of works, by the work's name.
        """
        self._parts.extend(parts)
        self._is_ordered = False
        self._send_steps(writes or {})
        while self._acts:
            acts, self._acts = self._acts, []
            for act in acts:
                act()
            self._send_steps({})

    def _send_steps(self, writes: Mapping[str, Sequence[Op]]) -> None:
        if self._steps:
            steps, self._steps = self._steps, []
            with self._hub.as_one_step():
                for step in steps:
                    step()
                self._send_parts(writes)
        elif self._parts or self._last:
            self._send_parts(writes)

    def _send_parts(self, writes: Mapping[str, Sequence[Op]]) -> None:
        self._take_last()
        parts, self._parts = self._parts, []
        if parts:
            self._hub.commit_flow(parts, writes)

    def _take_last(self) -> None:
        for place, op in self._last.items():
            self._parts.append((place, (op(),)))
        self._last.clear()

    def _close_parts(self) -> None:
        parts, self._parts = self._parts, []
        if parts:
            self._steps.append(lambda: self._commit(parts))

    def _commit(self, parts: Sequence[Part]) -> None:
        self._hub.commit("root", parts)
