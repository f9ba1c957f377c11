# An app that is told what to do from outside, while it runs. Start it, and in another terminal say
# which jobs you want: each is a work. One that you want no longer is stopped.
#
#     lightgrid flow examples/job_desk.py
#
#     lightgrid state set wanted '{"short": 3, "endless": 0}'
#     lightgrid state get done
#     lightgrid state set wanted '{"short": 3}'
#     lightgrid state set closed true

import itertools
import time

import lightgrid as L


class Job(L.Work):
    """Takes so many steps; none at all means: without end."""

    def __init__(self):
        super().__init__(parallel=True)
        self.steps = 0

    def run(self, count):
        for step in itertools.count(1):
            time.sleep(0.05)
            self.steps = step
            if step == count:
                return f"{count} steps"


class Desk(L.Flow):
    def __init__(self):
        super().__init__()
        self.wanted = {}
        self.done = {}
        self.closed = False
        self.jobs = L.Dict()

    def run(self):
        for name in [name for name in self.jobs if name not in self.wanted]:
            print(f"{name} is stopped after {self.jobs[name].steps} steps")
            del self.jobs[name]
        for name, count in self.wanted.items():
            if name in self.done:
                continue
            if name not in self.jobs:
                print(f"{name} begins")
                self.jobs[name] = Job()
            self.jobs[name].run(count)
            if self.jobs[name].has_succeeded:
                self.done[name] = self.jobs[name].status.result
                print(f"{name} is done: {self.done[name]}")
                del self.jobs[name]
        if self.closed:
            self.stop(f"closed, with {len(self.done)} jobs done")


app = L.App(Desk())
