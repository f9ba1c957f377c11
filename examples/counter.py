# A work counts to ten million in a process of its own; the flow prints what it sees of it.
#
#     lightgrid flow examples/counter.py

import lightgrid as L


class Counter(L.Work):
    def __init__(self):
        super().__init__(parallel=True)
        self.value = 0  # public, set in __init__: this is state

    def run(self):
        for _ in range(10_000_000):
            self.value += 1  # noticed and streamed to the flow, many at a time


class Root(L.Flow):
    def __init__(self):
        super().__init__()
        self.counter = Counter()

    def run(self):
        # Called again whenever something changed. The work itself runs once: a call that
        # was made is not made again.
        self.counter.run()
        print(self.counter.value)
        if self.counter.has_succeeded:
            self.stop()


app = L.App(Root())
