"""Lists and dicts of components, and works that come and go, over real processes."""

import os
import threading
import time

import pytest

import lightgrid as L
from lightgrid.component.node import node_of
from lightgrid.errors import ComponentError
from lightgrid.testing import stepping


class Waiter(L.Work):
    """Says which process executes it and runs until it is stopped."""

    def __init__(self, **options):
        super().__init__(parallel=True, start_with_flow=False, **options)
        self.pid = 0
        self.note = ""

    def run(self, note=""):
        self.pid = os.getpid()
        self.note = note
        while True:
            time.sleep(60)


class Adder(L.Work):
    def __init__(self):
        super().__init__(parallel=True, start_with_flow=False)
        self.total = 0

    def run(self, number):
        self.total += number
        return os.getpid()


class Root(L.Flow):
    """Holds what a test puts in, and lets the test decide."""

    def __init__(self, **children):
        super().__init__()
        self.late = None
        for name, child in children.items():
            setattr(self, name, child)

    def run(self):
        pass


def is_alive(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_members_leave_a_running_list_and_dict_and_the_others_keep_names_and_processes():
    root = Root(many=[Waiter(), Waiter(), Waiter()], by_name={"a": Waiter(), "b": Waiter()})
    first, second, third = root.many
    with stepping(root) as app:
        app.run_until(lambda: True)
        for work in root.works():
            work.run()
        app.run_until(lambda: all(work.pid for work in root.works()))
        pids = {work.name: work.pid for work in root.works()}
        gone = [first.pid, third.pid, root.by_name["a"].pid]
        assert os.getpid() not in pids.values()
        assert len(set(pids.values())) == 5

        assert root.many.pop(0) is first
        root.many.remove(third)
        del root.by_name["a"]
        root.many.append(Waiter())
        assert [work.name for work in root.many] == ["root.many.1", "root.many.3"]
        root.many[-1].run("late")
        app.run_until(lambda: root.many[-1].note == "late" and not any(map(is_alive, gone)))
        state = root.state["structures"]
        assert list(state["many"]["works"]) == ["1", "3"]
        assert list(state["by_name"]["works"]) == ["b"]
        assert app.tree["structures"] == state
        assert second.pid == pids["root.many.1"]
        assert is_alive(second.pid)

        root.many.clear()
        root.by_name.clear()
        app.run_until(lambda: not any(map(is_alive, pids.values())))
        assert root.works() == []
    assert app.outcome.exit_code == 0


def test_no_work_runs_in_the_flows_process_because_of_where_it_was_put():
    class Branch(L.Flow):
        def __init__(self, **children):
            super().__init__()
            for name, child in children.items():
                setattr(self, name, child)

        def run(self):
            pass

    root = Root(
        tree={"x": [Branch(inner=[{"deep": Adder()}]), Adder()], "y": Branch(one=Adder())},
        branch=Branch(below=Branch(many=[Adder()])),
    )
    names = [
        "root.branch.below.many.0",
        "root.tree.x.0.inner.0.deep",
        "root.tree.x.1",
        "root.tree.y.one",
    ]
    with stepping(root) as app:
        assert sorted(work.name for work in root.works()) == names
        app.run_until(lambda: True)
        root.tree["x"].insert(0, Branch(late=L.Dict(new=Adder())))
        root.tree["x"][0].late["newer"] = Adder()
        for number, work in enumerate(root.works(), 1):
            work.run(number)
        app.run_until(lambda: all(work.has_succeeded for work in root.works()))
        names += ["root.tree.x.2.late.new", "root.tree.x.2.late.newer"]
        assert {work.name for work in root.works()} == set(names)
        assert sorted(work.total for work in root.works()) == [1, 2, 3, 4, 5, 6]
        assert os.getpid() not in [work.status.result for work in root.works()]
        for name in names:
            assert app.app.get_component_by_name(name).name == name
        assert app.tree["structures"] == root.state["structures"]


def test_a_member_may_be_made_changed_and_called_in_the_same_run():
    class Maker(L.Flow):
        def __init__(self):
            super().__init__()
            self.many = L.List()
            self.by_name = L.Dict()
            self.late = None
            self.seen = []

        def run(self):
            if not self.many:
                self.many.append(Adder())
                self.many[0].total = 10
                self.by_name["k"] = Adder()
                self.by_name["k"].total = 20
                self.late = Adder()
                self.late.total = 30
                return  # what was changed is committed without a call, too
            for work in (self.many[0], self.by_name["k"], self.late):
                work.run(1)
            if all(work.has_succeeded for work in self.works()):
                self.seen = [work.total for work in self.works()]
                self.stop()

    root = Maker()
    with stepping(root) as app:
        assert app.run_until_end().exit_code == 0
    assert sorted(root.seen) == [11, 21, 31]
    assert root.late.name == "root.late"
    assert "late" not in root.state["vars"]


def test_a_list_of_works_appears_where_an_empty_list_was():
    root = Root()
    with stepping(root) as app:
        app.run_until(lambda: True)
        root.late = [Adder(), Adder()]
        assert isinstance(root.late, L.List)
        root.late[1].run(7)
        app.run_until(lambda: root.late[1].has_succeeded)
        assert root.late[1].total == 7
        assert app.tree == {**root.state, "app_state": {"stage": "running"}}


def test_the_order_of_a_list_is_the_order_of_its_works():
    many = L.List(Adder(), Adder())
    many.insert(0, Adder())
    many[1] = Adder()
    assert [work.name for work in many] == ["root.2", "root.3", "root.1"]
    assert many.works == list(many)
    many.reverse()
    assert many.works == list(many)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda root: root.many.append("no"), "a str is no component"),
        (lambda root: root.many.append(root.many[0]), "the component already is many.0"),
        (
            lambda root: root.by_name.update({"a.b": Adder()}),
            "cannot be a component's name: it has a dot",
        ),
        (lambda root: root.by_name.update({1: Adder()}), "a key should be a str, not 1"),
        (lambda root: setattr(root, "many", None), "can't be changed once defined"),
    ],
)
def test_what_cannot_be_a_member_is_refused_with_the_place(change, said):
    root = Root(many=[Adder()], by_name={"a": Adder()})
    before = [work.name for work in root.works()]
    with pytest.raises(ComponentError, match=said):
        change(root)
    assert [work.name for work in root.works()] == before


def test_200_dynamic_works_leave_no_process_no_thread_and_no_node():
    class Burst(L.Flow):
        def __init__(self):
            super().__init__()
            self.many = L.List()
            self.by_name = L.Dict()
            self.done = 0
            self.pids = []

        def run(self):
            for work in self.works():
                if work.has_succeeded:
                    if isinstance(work, Adder):
                        self.pids.append(work.status.result)
                    work.delete()
                    self.done += 1
            while self.done + len(self.works()) < 200 and len(self.works()) < 4:
                number = self.done + len(self.works())
                work = Adder() if number % 40 == 0 else L.CommandWork(["true"])
                if number % 2:
                    self.many.append(work)
                else:
                    self.by_name[f"n{number}"] = work
                work.run(number)
            if self.done == 200 and not self.works():
                self.stop()

    root = Burst()
    before = set(threading.enumerate())
    with stepping(root, see=threading.active_count) as app:
        assert app.run_until_end().exit_code == 0, app.outcome
    assert root.done == 200
    assert max(app.seen) < len(before) + 100  # of 200 works
    for thread in set(threading.enumerate()) - before:
        thread.join(30)
        assert not thread.is_alive(), thread
    assert root.state["structures"] == {
        name: {"vars": {}, "calls": {}, "flows": {}, "works": {}, "structures": {}}
        for name in ("many", "by_name")
    }
    assert root.works() == []
    assert len(root.pids) == 5
    assert not any(map(is_alive, root.pids))
    loop = node_of(root).backend
    assert loop.works == {}
    assert loop._supervisor._seats == {}
    assert loop._supervisor._by_launch == {}
    with loop._hub._shared as exchange:
        assert len(exchange.works) == 0
        assert exchange.works._sessions == {}
    assert loop._hub._shared.ports == {}
    assert loop._supervisor._logs._files == {}


def test_a_deleted_works_place_can_be_taken_by_another():
    root = Root(late=None, by_name={"k": Waiter()})
    with stepping(root) as app:
        app.run_until(lambda: True)
        root.late = Waiter()
        root.late.run("first")
        root.by_name["k"].run("first")
        app.run_until(lambda: root.late.note == root.by_name["k"].note == "first")
        old = [root.late.pid, root.by_name["k"].pid]
        root.by_name["k"] = Waiter()
        root.by_name["k"].run("second")
        root.late.delete()
        app.run_until(lambda: root.by_name["k"].note == "second" and not any(map(is_alive, old)))
        assert root.by_name["k"].pid not in old
        assert root.by_name["k"].is_running
        assert list(root.state["works"]) == []


def test_a_work_starts_with_the_flow_or_at_its_first_call_or_when_it_is_told_to():
    class Plain(L.Work):
        def __init__(self, **options):
            super().__init__(parallel=True, **options)
            self.started_in = 0

        def on_start(self):
            self.started_in = os.getpid()

        def run(self):
            return os.getpid()

    root = Root(eager=Plain(), lazy=Plain(start_with_flow=False), told=Plain(start_with_flow=False))
    with stepping(root) as app:
        app.run_until(lambda: root.eager.started_in)
        assert app.stages_of(root.eager) == ["not_started", "started"]
        assert not root.lazy.has_started
        root.told.start()
        app.run_until(lambda: root.told.started_in)
        root.told.run()
        root.lazy.run()
        assert root.lazy.is_pending
        app.run_until(lambda: root.told.has_succeeded and root.lazy.has_succeeded)
        assert root.told.status.result == root.told.started_in
        assert app.stages_of(root.lazy) == [
            "not_started",
            "pending",
            "started",
            "pending",
            "running",
            "succeeded",
        ] or app.stages_of(root.lazy) == ["not_started", "pending", "running", "succeeded"]


def test_a_stopped_work_starts_again_at_a_new_call_or_start_with_its_state():
    class Keeper(L.Work):
        def __init__(self):
            super().__init__(parallel=True)
            self.lives = 0
            self.exits = 0
            self.told = ""

        def on_start(self):
            self.lives += 1

        def on_exit(self):
            self.exits += 1

        def run(self, told):
            self.told = told
            while True:
                time.sleep(60)

    root = Root(a=Keeper(), b=Keeper())
    with stepping(root) as app:
        app.run_until(lambda: True)
        root.a.run("one")
        root.b.run("one")
        app.run_until(lambda: root.a.told == root.b.told == "one")
        root.stop_works([root.a, root.b])
        assert root.a.has_stopped
        assert root.a.status.reason == "stop_requested"
        root.a.run("one")  # a stopped call stays ended
        assert root.a.has_stopped
        root.a.run("two")  # at once: the old process may still be there
        root.b.start()
        app.run_until(lambda: root.a.told == "two" and root.b.lives == 2)
        assert (root.a.lives, root.a.exits) == (2, 1)
        assert root.b.told == "one"
        assert root.a.status.attempt == 2
        root.b.run("three")
        app.run_until(lambda: root.b.told == "three")
