"""A flow whose works dial in by themselves: `players` plays them."""

from __future__ import annotations

import time
from typing import Any

import lightgrid
from lightgrid.runtime.reporting.observer import Observer
from lightgrid_bench.hosts.flow import arguments, run_app
from lightgrid_bench.peers import wait_until


class Played(lightgrid.Work):
    """A work of so many variables, `v0` and on."""

    def __init__(self, variables: int) -> None:
        super().__init__(parallel=True, launch=False)
        for index in range(variables):
            setattr(self, f"v{index}", 0)

    def run(self) -> None:
        """Be called."""


class Root(lightgrid.Flow):
    """A flow that does what the row needs: looks, computes, or calls.

    Args:
        works: How many works.
        variables: How many variables each has.
        busy_s: Each run computes for so long.
        calls: Each run calls each work, and how long that takes is noted.
        looks: Each run notes the age of what the changed works told: `v0` is the time.
    """

    def __init__(
        self, works: int, variables: int, busy_s: float, *, calls: bool, looks: bool
    ) -> None:
        super().__init__()
        self.tick = 0
        self.players = lightgrid.List(*(Played(variables) for _ in range(works)))
        self._to_call = list(self.players)  # a plain list: only the calls are to be measured
        self._busy_s = busy_s
        self._calls = calls
        self._looks = looks
        self._changed: dict[str, None] = {}
        self._by_name: dict[str, Any] = {work.name: work for work in self.players}
        self._ages_ms: list[float] = []
        self._call_s = 0.0
        self._call_count = 0
        self._run_cpu_s = 0.0
        self._runs = 0

    def run(self) -> None:
        """See the class."""
        self._runs += 1
        if self._looks:
            self._look()
        if self._calls:
            self._call()
        if self._busy_s:
            end_s = time.perf_counter() + self._busy_s
            while time.perf_counter() < end_s:
                pass
            self.tick += 1

    def _look(self) -> None:
        now_ns = time.monotonic_ns()
        for name in self._changed:
            stamp_ns: int = self._by_name[name].v0
            if stamp_ns:
                self._ages_ms.append((now_ns - stamp_ns) / 1e6)
        self._changed.clear()

    def _call(self) -> None:
        cpu_s, begin_s = time.thread_time(), time.perf_counter()
        for work in self._to_call:
            work.run()
        self._call_s += time.perf_counter() - begin_s
        self._call_count += len(self._to_call)
        self._run_cpu_s += time.thread_time() - cpu_s


class Counting(Observer):
    """Counts what is merged."""

    def __init__(self, changed: dict[str, None] | None) -> None:
        self.op_count = 0
        self.merge_count = 0
        self._changed = changed

    def work_changed(self, work: str, op_count: int) -> None:
        """Note it."""
        self.op_count += op_count
        self.merge_count += 1
        if self._changed is not None:
            self._changed[work] = None


def main() -> None:
    """Run the app."""
    path, options = arguments()
    root = Root(
        options["works"],
        options.get("variables", 1),
        options.get("busy_s", 0.0),
        calls=options.get("calls", False),
        looks=options.get("looks", False),
    )
    observer = Counting(root._changed if root._looks else None)

    def invitations() -> list[dict[str, str]]:
        works = list(root.players)
        wait_until(lambda: all(work.connection is not None for work in works))
        return [work.connection for work in works if work.connection is not None]

    def counts() -> dict[str, Any]:
        return {
            "ops": observer.op_count,
            "runs": root._runs,
            "calls": root._call_count,
            "call_s": root._call_s,
            "run_cpu_s": root._run_cpu_s,
        }

    def ages() -> list[float]:
        taken = root._ages_ms[:]
        del root._ages_ms[: len(taken)]
        return taken

    commands = {"invitations": invitations, "counts": counts, "ages": ages}
    run_app(root, observer, path, commands)


if __name__ == "__main__":
    main()
