"""Launches that tests of launchers ask for by hand."""

import queue

from lightgrid.runtime.launch.events import Ended, NotStarted

PATIENCE_S = 60.0


class Launch:
    """What is told of a launch, and where its log is."""

    def __init__(self, log):
        self.log = log
        self.events = queue.SimpleQueue()

    def next(self):
        return self.events.get(timeout=PATIENCE_S)

    def wait_for(self, *kinds):
        while not isinstance(event := self.next(), kinds):
            pass
        return event

    def end(self):
        return self.wait_for(Ended, NotStarted)
