"""A work that assigns the time, or a large value that begins with it, and a flow that looks."""

from __future__ import annotations

import time

import lightgrid
from lightgrid.runtime.reporting.observer import Observer
from lightgrid_bench.hosts.flow import arguments, run_app
from lightgrid_bench.hosts.players import large_maker
from lightgrid_bench.peers import serve


class Stamper(lightgrid.Work):
    """Assigns at given moments."""

    def __init__(self) -> None:
        super().__init__(parallel=True)
        self.stamp = 0
        self.text = ""
        self.floats: list[float] = []

    def run(self, path: str) -> None:
        """Do what the bench says."""
        serve(path, {"pace": self.pace, "large": self.large})

    def pace(self, first_s: float, period_s: float, count: int) -> None:
        """Assign the time, at fixed moments."""
        for index in range(count):
            time.sleep(max(0.0, first_s + index * period_s - time.monotonic()))
            self.stamp = time.monotonic_ns()

    def large(self, kind: str, first_s: float, period_s: float, count: int, size: int) -> None:
        """Assign large values that begin with the time, at fixed moments."""
        make = large_maker(kind, size)
        for index in range(count):
            time.sleep(max(0.0, first_s + index * period_s - time.monotonic()))
            setattr(self, kind, make())


class Root(lightgrid.Flow):
    """Notes how old what it sees is."""

    def __init__(self, path: str) -> None:
        super().__init__()
        self.w = Stamper()
        self._path = path
        self._looks_at = "stamp"
        self._last_ns = 0
        self._ages_ms: list[float] = []

    def run(self) -> None:
        """Look."""
        self.w.run(self._path)
        if self._looks_at == "stamp":
            stamp_ns: int = self.w.stamp
        elif self._looks_at == "text":
            stamp_ns = int(self.w.text[:20] or 0)
        else:
            stamp_ns = int(self.w.floats[0]) if self.w.floats else 0
        if stamp_ns > self._last_ns:
            self._last_ns = stamp_ns
            self._ages_ms.append((time.monotonic_ns() - stamp_ns) / 1e6)


def main() -> None:
    """Run the app."""
    path, options = arguments()
    root = Root(options["work_path"])

    def look_at(what: str) -> None:
        root._looks_at = what

    def ages() -> list[float]:
        taken = root._ages_ms[:]
        del root._ages_ms[: len(taken)]
        return taken

    run_app(root, Observer(), path, {"look_at": look_at, "ages": ages})


if __name__ == "__main__":
    main()
