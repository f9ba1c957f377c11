# Searches the best parameters of a function. Each trial is a work that the flow makes while it
# runs, three at a time; the next three are drawn around the best so far, ever closer.
#
#     lightgrid flow examples/search.py

import random

import lightgrid as L


class Trial(L.Work):
    def __init__(self, x, y):
        super().__init__(parallel=True)  # made while the app runs, it starts at its first call
        self.x = x
        self.y = y
        self.loss = None
        self.is_told = False

    def run(self):
        self.loss = (self.x - 2) ** 2 + (self.y + 1) ** 2


class Study(L.Flow):
    def __init__(self, rounds):
        super().__init__()
        self.rounds = rounds
        self.best = {"x": 0.0, "y": 0.0, "loss": 5.0}
        self.trials = L.Dict()
        self._random = random.Random(1)  # private, so it may be anything

    def run(self):
        for name, trial in self.trials.items():
            trial.run()
            if trial.has_succeeded and not trial.is_told:
                self.tell(name, trial)
        if all(trial.is_told for trial in self.trials.values()):
            round_number = len(self.trials) // 3
            if round_number == self.rounds:
                x, y, loss = self.best.values()
                print(f"the best of {len(self.trials)} trials: x={x:.2f} y={y:.2f} loss={loss:.3f}")
                self.stop()
            self.draw(3, radius=2.0 / 2**round_number)

    def tell(self, name, trial):
        print(f"{name}: {trial.loss:.3f}")
        trial.is_told = True  # the flow may write into a work that has finished, too
        trial.stop()
        if trial.loss < self.best["loss"]:
            self.best = {"x": trial.x, "y": trial.y, "loss": trial.loss}

    def draw(self, count, radius):
        for _ in range(count):
            x = self.best["x"] + self._random.uniform(-radius, radius)
            y = self.best["y"] + self._random.uniform(-radius, radius)
            self.trials[f"trial {len(self.trials)}"] = Trial(x, y)


app = L.App(Study(rounds=3))
