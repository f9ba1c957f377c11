"""The removed framework: the seed's loop. TIMES FILE are its arguments; it writes seconds."""

# mypy: ignore-errors
# ruff: noqa: ANN001, ANN201, ANN204
# Run by an environment that has what it imports; the project's own has not.

import sys
import time

from lightning_app import LightningApp, LightningFlow, LightningWork
from lightning_app.runners import MultiProcessRuntime


class Counter(LightningWork):
    """Counts."""

    def __init__(self, times):
        super().__init__(parallel=True)
        self.counter = 0
        self.done = False
        self._times = times

    def run(self):
        """Count, and write how long that took."""
        begin_s = time.perf_counter()
        for _ in range(self._times):
            self.counter += 1
        seconds = time.perf_counter() - begin_s
        with open(sys.argv[2], "w") as file:
            file.write(str(seconds))
        self.done = True


class Root(LightningFlow):
    """Runs it."""

    def __init__(self, times):
        super().__init__()
        self.w = Counter(times)

    def run(self):
        """Run it."""
        self.w.run()
        if self.w.done:
            self.stop()


if __name__ == "__main__":
    app = LightningApp(Root(int(sys.argv[1])))
    MultiProcessRuntime(app, start_server=False).dispatch()
