"""The removed framework: the app of the row `start`. COUNT FILE are its arguments."""

# mypy: ignore-errors
# ruff: noqa: ANN001, ANN201, ANN204
# Run by an environment that has what it imports; the project's own has not.

import sys
import time

from lightning_app import LightningApp, LightningFlow, LightningWork
from lightning_app.runners import MultiProcessRuntime


class First(LightningWork):
    """Makes one change."""

    def __init__(self):
        super().__init__(parallel=True)
        self.ready = False

    def run(self):
        """Make it."""
        self.ready = True


class Root(LightningFlow):
    """Waits for all."""

    def __init__(self, works):
        super().__init__()
        for index in range(works):
            setattr(self, f"w{index}", First())

    def run(self):
        """Call all, and tell when all were heard."""
        works = self.works()
        for work in works:
            work.run()
        if all(work.ready for work in works):
            with open(sys.argv[2], "w") as file:
                file.write(str(time.monotonic_ns()))
            self.stop()


if __name__ == "__main__":
    app = LightningApp(Root(int(sys.argv[1])))
    MultiProcessRuntime(app, start_server=False).dispatch()
