"""The app of the row `start`, for `lightgrid flow`: ends at the first delta of every work."""

from __future__ import annotations

import sys
import time

import lightgrid


class First(lightgrid.Work):
    """Makes one change."""

    def __init__(self) -> None:
        super().__init__(parallel=True)
        self.ready = False

    def run(self) -> None:
        """Make it."""
        self.ready = True


class Root(lightgrid.Flow):
    """Waits for all."""

    def __init__(self, works: int) -> None:
        super().__init__()
        for index in range(works):
            setattr(self, f"w{index}", First())

    def run(self) -> None:
        """Call all, and tell when all were heard."""
        works = [work for work in self.works() if isinstance(work, First)]
        for work in works:
            work.run()
        if all(work.ready for work in works):
            with open(sys.argv[2], "w") as file:
                file.write(str(time.monotonic_ns()))
            self.stop()


app = lightgrid.App(Root(int(sys.argv[1])))
