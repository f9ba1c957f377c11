"""Containers that users share between variables, works and flow, over real processes."""

import numpy as np

import lightgrid as L
from lightgrid.component.restart import Restart
from lightgrid.testing import run_work, stepping


class Logger:
    """Appends to a list that it was given, as a part of a program may."""

    def __init__(self, lines):
        self.lines = lines

    def log(self, line):
        self.lines.append(line)


class Learner(L.Work):
    def __init__(self, losses=[], **options):  # noqa: B006 - what users write
        super().__init__(parallel=True, **options)
        self.losses = losses
        self.rows = [[]] * 3
        self.left = self.right = []
        self.queue = []
        self.params = [0.0, 0.0]
        self.lines = []
        self.step = 0
        self._logger = Logger(self.lines)

    def run(self, number, *, dies=False):
        begun_with = [list(self.losses), [list(row) for row in self.rows], list(self.queue)]
        self.losses.append(number)
        self.rows[0].append(number)
        self.left.append(number)
        self.queue.append(number)
        self._logger.log(f"call {number}")
        with self.batch():
            self.params[0] = self.params[1] = float(number)
            self.step = number
        self.flush()
        while dies and len(self.losses) == 1:  # in its first life
            self.wait_for_update(60)
        return begun_with


class Searching(L.Flow):
    def __init__(self):
        super().__init__()
        self.a = Learner()
        self.b = Learner()
        self.best = []
        self.history = []

    def run(self):
        if self.a.step > len(self.history):
            self.best = self.a.params
            self.history.append(self.a.params)


def test_what_is_shared_in_one_process_is_a_value_in_every_other():
    root = Searching()
    a, b = root.a, root.b
    with stepping(root) as app:
        app.run_until(lambda: True)
        batch = ["x"]
        a.queue = b.queue = batch
        for number in (1, 2):
            a.run(number)
            app.run_until(lambda: a.has_succeeded)
            assert root.best == [float(number)] * 2
        b.run(30)
        app.run_until(lambda: b.has_succeeded)
        app.run_until(lambda: len(root.history) == 2)
        tree = app.tree

        assert (a.losses, b.losses) == ([1, 2], [30])
        assert (a.queue, b.queue, batch) == (["x", 1, 2], ["x", 30], ["x"])
        assert a.left == a.right == [1, 2]
        assert a.rows == [[1, 2]] * 3
        # No work began with anything but its own.
        assert a.status.result == [[1], [[1]] * 3, ["x", 1]]
        assert b.status.result == [[], [[]] * 3, ["x"]]
        assert root.history == [[1.0, 1.0], [2.0, 2.0]]
        root.late = Learner()
        assert root.late.losses == []
        assert {name: node["vars"] for name, node in tree["works"].items()} == {
            name: work.state_vars["vars"] for name, work in (("a", a), ("b", b))
        }
        assert tree["vars"] == root.state_vars["vars"]


def test_a_work_that_begins_again_still_has_what_its_init_gave_to_its_parts():
    class Root(L.Flow):
        def __init__(self):
            super().__init__()
            self.w = Learner(
                receive_updates=True, restart=Restart("on_failure", first_delay_s=0.01)
            )

        def run(self):
            self.w.run(1, dies=True)

    root = Root()
    with stepping(root) as app:
        app.run_until(lambda: root.w.step == 1)
        app.kill(root.w)
        app.run_until(lambda: root.w.has_succeeded)
        assert root.w.lines == ["call 1", "call 1"]
        assert root.w.left == root.w.right == root.w.losses == [1, 1]


class Trainer(L.Work):
    def __init__(self):
        super().__init__()
        self.loss = 0.0
        self.losses = []
        self.done = False

    def run(self, rate):
        for step in range(3):
            self.loss = np.float32(rate / 2**step)
            self.losses.append(self.loss)
        self.done = np.bool_(True)
        return {"steps": np.int64(len(self.losses)), "rate": type(rate).__name__}


def test_numbers_of_numpy_arrive_as_pythons():
    told = run_work(Trainer(), np.float32(0.5))
    assert told.status.result == {"steps": 3, "rate": "float"}
    assert told.variables == {"loss": 0.125, "losses": [0.5, 0.25, 0.125], "done": True}
    assert told.variables["done"] is True
    assert {type(loss) for loss in told.variables["losses"]} == {float}
