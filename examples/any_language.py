# A work that is a program of its own, which speaks the protocol and knows no lightgrid. It is
# any_language_worker.py: some forty lines with the stubs that gRPC's generator makes of protos/, as
# they would be in another language.
#
#     lightgrid flow examples/any_language.py

import pathlib
import sys

import lightgrid as L

PROGRAM = pathlib.Path(__file__).with_name("any_language_worker.py")


class Root(L.Flow):
    def __init__(self):
        super().__init__()
        self.w = L.CommandWork([sys.executable, str(PROGRAM)], counter=0)

    def run(self):
        self.w.run(5)
        print(f"it has counted to {self.w.counter}")
        if self.w.has_succeeded:
            self.stop()


app = L.App(Root())
