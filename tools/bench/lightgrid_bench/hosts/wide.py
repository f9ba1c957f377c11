"""A flow and a work that have so many variables each, of which one at a time is assigned."""

from __future__ import annotations

import random
import time
from collections.abc import Callable

import lightgrid
from lightgrid_bench.clocks import thread_cpu_s
from lightgrid_bench.hosts.external import Counting
from lightgrid_bench.hosts.flow import arguments, run_app
from lightgrid_bench.peers import serve, wait_until

#: A first snapshot of a million variables takes its time.
_FLUSH_S = 120.0


class Wide(lightgrid.Work):
    """A work of many variables."""

    def __init__(self, leaves: int) -> None:
        super().__init__(parallel=True)
        self.kick = 0
        for index in range(leaves):
            setattr(self, f"v{index}", 0)
        self._leaves = leaves

    def run(self, path: str) -> None:
        """Do what the bench says."""
        serve(path, {"assign": self.assign, "start_flow": self.start_flow, "settle": self.settle})

    def assign(self, count: int, period_s: float) -> float:
        """Assign random variables; return the CPU seconds of collecting and sending that."""
        begin_s = thread_cpu_s("lightgrid work")
        for index in range(count):
            setattr(self, f"v{random.randrange(self._leaves)}", index + 1)
            time.sleep(period_s)
        time.sleep(1.0)  # not a flush, which looks at everything
        return thread_cpu_s("lightgrid work") - begin_s

    def settle(self) -> None:
        """Wait until the flow has everything."""
        self.flush(_FLUSH_S)

    def start_flow(self) -> None:
        """Have the flow run."""
        self.kick += 1


class Root(lightgrid.Flow):
    """A flow of many variables."""

    def __init__(self, leaves: int, path: str) -> None:
        super().__init__()
        for index in range(leaves):
            setattr(self, f"v{index}", 0)
        self.w = Wide(leaves)
        self._leaves = leaves
        self._path = path
        self._left = 0
        self._step = 0
        self._end_cpu_s = 0.0
        self._begin_cpu_s = 0.0

    def run(self) -> None:
        """Assign a random variable, while any are asked for."""
        self.w.run(self._path)
        if self._left:
            if not self._begin_cpu_s:
                self._begin_cpu_s = time.thread_time()
            self._left -= 1
            self._step += 1  # a value that no variable has: a run that changes nothing is the last
            setattr(self, f"v{random.randrange(self._leaves)}", self._step)
            if not self._left:
                self._end_cpu_s = time.thread_time()


def main() -> None:
    """Run the app."""
    path, options = arguments()
    root = Root(options["leaves"], options["work_path"])
    observer = Counting(None)

    def expect(count: int) -> None:
        root._begin_cpu_s = root._end_cpu_s = 0.0
        root._left = count

    def flow_cpu_s(count: int) -> float:
        wait_until(lambda: root._end_cpu_s > 0, _FLUSH_S)
        return (root._end_cpu_s - root._begin_cpu_s) / count

    commands: dict[str, Callable[..., float | None]] = {
        "expect": expect,
        "flow_cpu_s": flow_cpu_s,
        "deltas": lambda: observer.merge_count,
    }
    run_app(root, observer, path, commands)


if __name__ == "__main__":
    main()
