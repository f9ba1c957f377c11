"""The seed's loop in a work, and the same loop on a plain object, turn by turn."""

from __future__ import annotations

import time
from typing import Any

import lightgrid
from lightgrid.runtime.reporting.observer import Observer
from lightgrid_bench.hosts.flow import arguments, run_app
from lightgrid_bench.peers import serve


class Plain:
    """An object like any other."""

    def __init__(self) -> None:
        self.counter = 0

    def count(self, times: int) -> None:
        """Count."""
        for _ in range(times):
            self.counter += 1


class Counter(lightgrid.Work):
    """Counts, and measures itself against `Plain`."""

    def __init__(self) -> None:
        super().__init__(parallel=True)
        self.counter = 0

    def run(self, path: str) -> None:
        """Do what the bench says."""
        serve(path, {"measure": self.measure, "refusals": self.refusals})

    def measure(self, times: int, turns: int) -> dict[str, float]:
        """Count here and there in turns; return the seconds of each."""
        seconds = {"ours": 0.0, "plain": 0.0}
        plain = Plain()  # made here: one that came out of a pickle may be slower
        for _ in range(turns):
            begin_s = time.perf_counter()
            plain.count(times // turns)
            middle_s = time.perf_counter()
            self.count(times // turns)
            seconds["plain"] += middle_s - begin_s
            seconds["ours"] += time.perf_counter() - middle_s
        return seconds

    def count(self, times: int) -> None:
        """Count."""
        for _ in range(times):
            self.counter += 1

    def refusals(self) -> list[str]:
        """Do what is to be refused; return the names of the errors."""
        names = []
        for name, value in (("new_name", 1), ("counter", {1, 2})):
            try:
                setattr(self, name, value)
            except lightgrid.LightgridError as error:
                names.append(type(error).__name__)
        return names


class Root(lightgrid.Flow):
    """Notes which values it saw."""

    def __init__(self, path: str) -> None:
        super().__init__()
        self.w = Counter()
        self._path = path
        self._seen: set[int] = set()

    def run(self) -> None:
        """Look."""
        self.w.run(self._path)
        self._seen.add(self.w.counter)


def main() -> None:
    """Run the app."""
    path, options = arguments()
    root = Root(options["work_path"])

    def seen() -> dict[str, Any]:
        return {"values": len(root._seen), "last": max(root._seen)}

    run_app(root, Observer(), path, {"seen": seen})


if __name__ == "__main__":
    main()
