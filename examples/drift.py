# State travels from a work to the flow. What the flow writes reaches a work with its next
# call, not while it runs: so the two drift apart here. End it with Ctrl-C.
#
#     lightgrid flow examples/drift.py

from time import sleep

import lightgrid as L


class Reporter(L.Work):
    def __init__(self):
        super().__init__(parallel=True)
        self.number = 0

    def run(self):
        while True:
            sleep(1)
            print(f"Work {self.number}")  # 0, for ever


class Root(L.Flow):
    def __init__(self):
        super().__init__()
        self.reporter = Reporter()

    def run(self):
        self.reporter.run()
        sleep(1)
        print(f"Flow {self.reporter.number}")
        self.reporter.number += 1  # a change, so the flow runs again


app = L.App(Root())
