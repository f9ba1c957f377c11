"""Works that are deleted while they run, and what is still heard of them."""

import pytest

import lightgrid as L
from lightgrid.testing import stepping


class Counting(L.Work):
    def __init__(self):
        super().__init__(parallel=True)
        self.n = 0

    def run(self):
        while True:
            self.n += 1

    def on_exit(self):
        print("on_exit ran")


class Root(L.Flow):
    def __init__(self):
        super().__init__()
        self.pool = L.Dict()
        self.makes = True

    def run(self):
        if self.makes and not self.pool:
            self.pool["a"] = Counting()
        for work in self.pool.values():
            work.run()


def delete(root, _work):
    root.pool["a"].delete()


def remove(root, _work):
    del root.pool["a"]


def stop_and_remove(root, work):
    work.stop()
    del root.pool["a"]


@pytest.mark.parametrize("take_away", [delete, remove, stop_and_remove])
@pytest.mark.parametrize("again", [False, True], ids=["", "and make another of its name"])
def test_a_deleted_works_process_leaves_quietly(take_away, again):
    root = Root()
    with stepping(root) as app:
        app.run_until(lambda: root.pool and root.pool["a"].n > 3)
        work = root.pool["a"]
        pid = app.pid_of(work)
        root.makes = again
        take_away(root, work)
        app.run_for(0)
        app.run_until(lambda: app.is_gone(pid))
    assert app.outcome.exit_code == 0
    lines = {line for _, line in app.printed}
    assert lines == {"on_exit ran"}
