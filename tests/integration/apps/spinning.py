"""Two works that never end; one started a process of its own."""

import subprocess
import sys
import time

import lightgrid as L


class Spinner(L.Work):
    def __init__(self):
        super().__init__(parallel=True, stop_grace_s=0.5)
        self.pids = []
        self.counter = 0
        self.exited = False

    def run(self, with_child):
        if with_child:
            child = subprocess.Popen([sys.executable, "-S", "-c", "import time; time.sleep(600)"])
            self.pids = [child.pid]
        while True:
            self.counter += 1

    def on_exit(self):
        print("on_exit ran")
        self.exited = True


class Root(L.Flow):
    def __init__(self):
        super().__init__()
        self.a = Spinner()
        self.b = Spinner()

    def run(self):
        self.a.run(True)
        self.b.run(False)
        if self.a.pids and self.b.counter:
            print("ready", *self.a.pids, flush=True)
            time.sleep(600)


app = L.App(Root())
