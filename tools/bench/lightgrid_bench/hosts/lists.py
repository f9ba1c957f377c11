"""A work that changes a large list in place."""

from __future__ import annotations

import random
import time
from collections.abc import Sequence
from typing import Any, ClassVar

import lightgrid
from lightgrid.runtime.reporting.observer import Observer
from lightgrid.state.delta import Op, Path, Set, Splice
from lightgrid.state.values import Value
from lightgrid.worker.collector import Collector
from lightgrid_bench.clocks import thread_cpu_s
from lightgrid_bench.hosts.flow import arguments, run_app
from lightgrid_bench.peers import serve


class Collecting:
    """What the collector computes in this process."""

    cpu_s: ClassVar[float] = 0.0

    @classmethod
    def measure(cls) -> None:
        """Begin to measure."""
        collect = Collector.collect

        def measured(*arguments: Any, **options: Any) -> Any:
            begin_s = time.thread_time()
            try:
                return collect(*arguments, **options)
            finally:
                cls.cpu_s += time.thread_time() - begin_s

        Collector.collect = measured  # type: ignore[method-assign]


class Lister(lightgrid.Work):
    """Appends, or changes items."""

    def __init__(self, size: int) -> None:
        super().__init__(parallel=True)
        self.items: list[float] = []
        self._size = size

    def run(self, path: str) -> None:
        """Do what the bench says."""
        Collecting.measure()
        self.items = [index / 7 for index in range(self._size)]
        self.flush(60.0)
        serve(path, {"change": self.change})

    def change(self, how: str, seconds: float, period_s: float) -> dict[str, float]:
        """Put the time into the list, again and again; return what collecting took."""
        self.flush(60.0)
        begin_s, thread_s = time.monotonic(), thread_cpu_s("lightgrid work")
        collecting_s = Collecting.cpu_s
        count = 0
        while (at_s := begin_s + count * period_s) < begin_s + seconds:
            time.sleep(max(0.0, at_s - time.monotonic()))
            stamp_ns = float(time.monotonic_ns())
            if how == "append":
                self.items.append(stamp_ns)
            else:
                self.items[random.randrange(self._size)] = stamp_ns
            count += 1
        took_s = time.monotonic() - begin_s
        shares = {
            "collecting": (Collecting.cpu_s - collecting_s) / took_s,
            "thread": (thread_cpu_s("lightgrid work") - thread_s) / took_s,
        }
        self.flush(60.0)
        return {**shares, "changes": count}


class Root(lightgrid.Flow):
    """Calls the work. The list itself is looked at where it is committed."""

    def __init__(self, size: int, path: str) -> None:
        super().__init__()
        self.w = Lister(size)
        self._path = path

    def run(self) -> None:
        """Call it."""
        self.w.run(self._path)


class Deltas(Observer):
    """Notes the size of each delta to the list, and the age of what is in it."""

    wants_deltas = True

    def __init__(self) -> None:
        self.items = 0
        self.batches = 0
        self.ops = 0
        self.ages_ms: list[float] = []

    def committing(self, origin: str, place: Path, base: Value, ops: Sequence[Op]) -> None:
        """Look into the ops on the list."""
        now_ns = time.monotonic_ns()
        fresh: list[Any] = []
        own = [op for op in ops if op.path and op.path[0] == "items"]
        for op in own:
            if isinstance(op, Splice):
                fresh += op.insert
            elif isinstance(op, Set):
                fresh += op.value if isinstance(op.value, list) else [op.value]
        self.batches += bool(own)
        self.ops += len(own)
        self.items += len(fresh)
        self.ages_ms += [(now_ns - stamp_ns) / 1e6 for stamp_ns in fresh if stamp_ns > 1e9]


def main() -> None:
    """Run the app."""
    path, options = arguments()
    deltas = Deltas()

    def taken() -> dict[str, Any]:
        facts = {
            "items": deltas.items,
            "batches": deltas.batches,
            "ops": deltas.ops,
            "oldest_ms": max(deltas.ages_ms, default=0.0),
        }
        deltas.items = deltas.batches = deltas.ops = 0
        deltas.ages_ms.clear()
        return facts

    run_app(Root(options["size"], options["work_path"]), deltas, path, {"taken": taken})


if __name__ == "__main__":
    main()
