"""What a flow writes into works that run, over real processes."""

import random
import time

import pytest

import lightgrid as L
from lightgrid.errors import ComponentError
from lightgrid.runtime.reporting.observer import Observer
from lightgrid.testing import stepping


class Root(L.Flow):
    """Holds works, and lets the test decide."""

    def __init__(self, **works):
        super().__init__()
        for name, work in works.items():
            setattr(self, name, work)

    def run(self):
        pass


class Told(L.Work):
    """Is told of updates, and repeats what it has whenever one came."""

    def __init__(self, **options):
        super().__init__(**{"parallel": True, "receive_updates": True, **options})
        self.number = 0
        self.flag = False
        self.anything = None
        self.items = [1, 2, 3]
        self.table = {"a": {"b": [1]}, "gone": 1}
        self.go_on = True
        self.repeated = {}
        self.rounds = 0

    def run(self):
        self.rounds = 0
        while self.go_on:
            names = ("number", "flag", "anything", "items", "table")
            with self.batch():
                self.repeated = {name: getattr(self, name) for name in names}
                self.rounds += 1
            self.wait_for_update(60)


def test_a_running_work_that_asks_for_it_gets_every_kind_of_change():
    root = Root(w=Told())
    w = root.w

    def has_all():
        seen = {name: getattr(w, name) for name in w.repeated}
        return bool(seen) and w.repeated == seen and repr(w.repeated) == repr(seen)

    def scalar():
        w.number = 5

    def other_type():
        w.number = 5.0
        w.anything = "text"

    def new_key():
        w.table["new"] = {"deep": [True, None, b"x", (1, "t")]}

    def removed_key():
        del w.table["gone"]

    def items():
        w.items.insert(0, 0)
        w.items.append(4)
        del w.items[2]
        w.items[1] = "one"

    def nested():
        w.table["a"]["b"].append({"c": 1})
        w.table["new"]["deep"][0] = False

    def none():
        w.anything = None

    def all_at_once():
        w.number, w.flag, w.anything, w.items, w.table = 1, True, [w.number], [], {"k": {}}

    with stepping(root) as app:
        app.run_until(lambda: True)
        w.run()
        app.run_until(lambda: has_all() and w.rounds)
        for change in (
            scalar, other_type, new_key, removed_key, items, nested, none, all_at_once,
        ):  # fmt: skip
            change()
            app.run_until(has_all)
        w.go_on = False
        app.run_until(lambda: w.has_succeeded)
    assert w.repeated == {
        "number": 1, "flag": True, "anything": [5.0], "items": [], "table": {"k": {}},
    }  # fmt: skip


def test_without_the_option_a_running_work_is_not_told_and_its_next_call_has_it():
    class Untold(L.Work):
        def __init__(self):
            super().__init__(parallel=True)
            self.number = 0
            self.ticks = 0
            self.seen = []

        def run(self, until):
            while self.ticks < until:
                self.ticks += 1
                self.seen.append(self.number)
                time.sleep(0.001)

    root = Root(w=Untold())
    w = root.w
    with stepping(root) as app:
        app.run_until(lambda: True)
        w.run(100)
        app.run_until(lambda: w.ticks > 5)
        w.number = 7
        assert w.number == 7
        app.run_until(lambda: w.has_succeeded)
        assert set(w.seen) == {0}
        assert w.number == 7
        w.run(101)
        app.run_until(lambda: w.has_succeeded and w.ticks == 101)
        assert w.seen[-1] == 7
        with pytest.raises(ComponentError, match="receive_updates=True"):
            w.wait_for_update(0)


def test_flow_and_work_play_ping_pong_to_1000_without_diverging():
    class Player(L.Work):
        def __init__(self):
            super().__init__(parallel=True, receive_updates=True)
            self.ball = 0

        def run(self, until):
            while self.ball < until:
                if self.ball % 2:
                    self.ball += 1
                elif not self.wait_for_update(60):
                    raise TimeoutError("the flow does not play")

    class Game(L.Flow):
        def __init__(self):
            super().__init__()
            self.player = Player()
            self.balls = []

        def run(self):
            self.player.run(1000)
            if self.player.ball % 2 == 0 and self.player.ball < 1000:
                self.player.ball += 1
                self.balls.append(self.player.ball)
            if self.player.has_succeeded:
                self.stop()

    root = Game()
    with stepping(root, see=lambda: root.player.ball) as app:
        assert app.run_until_end().exit_code == 0
    assert root.player.ball == 1000
    assert root.balls == list(range(1, 1000, 2))
    assert app.seen == sorted(app.seen)


def test_in_20_rounds_of_a_flag_that_the_work_sets_and_the_flow_resets_all_are_seen():
    class Raiser(L.Work):
        def __init__(self):
            super().__init__(parallel=True, receive_updates=True)
            self.flag = False

        def run(self):
            for _ in range(20):
                self.flag = True
                while self.flag:
                    if not self.wait_for_update(60):
                        raise TimeoutError("the flow does not reset")

    class Resetter(L.Flow):
        def __init__(self):
            super().__init__()
            self.w = Raiser()
            self.rounds = 0

        def run(self):
            self.w.run()
            if self.w.flag:
                self.w.flag = False
                self.rounds += 1
            if self.w.has_succeeded:
                self.stop()

    root = Resetter()
    with stepping(root) as app:
        assert app.run_until_end().exit_code == 0
    assert root.rounds == 20
    assert root.w.flag is False


class Rival(L.Work):
    """Writes into the same places as the flow, and at the end says what it has."""

    def __init__(self):
        super().__init__(parallel=True, receive_updates=True)
        self.number = 0
        self.items = list(range(8))
        self.table = {"k": 0, "other": 0}
        self.writes = 0
        self.quiet = False
        self.seen = {}

    def run(self, seed):
        draw = random.Random(seed)
        while not self.quiet:
            match draw.randrange(6):
                case 0:
                    self.number = f"work {self.writes}"
                case 1:
                    self.items.insert(0, f"work {self.writes}")
                case 2 if len(self.items) > 4:
                    del self.items[draw.randrange(len(self.items))]
                case 3:
                    self.items[-1] = f"work {self.writes}"
                case 4:
                    self.table["k"] = f"work {self.writes}"
                case 5:
                    self.table = {"k": f"work {self.writes}", "other": self.writes}
            self.writes += 1
            self.wait_for_update(draw.choice([0, 0, 0.001, 0.005]))
        self.seen = {"number": self.number, "items": self.items, "table": self.table}


def test_concurrent_writes_of_one_place_end_equal_on_both_sides():
    root = Root(w=Rival())
    w = root.w
    draw = random.Random(1)
    with stepping(root) as app:
        app.run_until(lambda: True)
        w.run(2)
        app.run_until(lambda: w.writes > 20)
        for number in range(150):
            match draw.randrange(6):
                case 0:
                    w.number = f"flow {number}"
                case 1:
                    w.items.insert(draw.randrange(len(w.items) + 1), f"flow {number}")
                case 2 if len(w.items) > 4:
                    del w.items[draw.randrange(len(w.items))]
                case 3:
                    w.items[draw.randrange(len(w.items))] = f"flow {number}"
                case 4:
                    w.table["k"] = f"flow {number}"
                case 5:
                    w.table = {"k": f"flow {number}"}
            before = w.writes
            app.run_until(lambda before=before: w.writes > before)
        w.number = "the flow's last"
        w.table["k"] = "the flow's last"
        w.quiet = True
        app.run_until(lambda: w.has_succeeded)
    assert w.seen["items"] == w.items
    assert w.seen["table"] == w.table
    assert w.seen["number"] == w.number


class Meeting(L.Work):
    """Writes once on a signal, held up by the network, and says at the end what it has."""

    def __init__(self):
        super().__init__(parallel=True, receive_updates=True)
        self.number = 0
        self.items = ["a", "b", "c"]
        self.table = {"k": 0}
        self.replaced = {"k": 0}
        self.round = 0
        self.quiet = False
        self.seen = {}

    def run(self):
        self.round = 1
        with open(self._signal) as file:  # the test writes when it has cut the line
            file.read()
        with self.batch():
            self.number = "work"
            self.items[:1] = []  # what was items[2] is items[1] now
            self.table = {"new": 1, "k": "work"}
            self.replaced["k"] = "work"
        self.round = 2
        while not self.quiet:
            self.wait_for_update(60)
        self.seen = {
            "number": self.number, "items": self.items, "table": self.table,
            "replaced": self.replaced,
        }  # fmt: skip


def test_where_both_wrote_unseen_the_flows_value_stands_if_it_still_fits(tmp_path):
    import os

    pipe = tmp_path / "signal"
    os.mkfifo(pipe)
    root = Root(w=Meeting())
    w = root.w
    w._signal = str(pipe)
    with stepping(root, with_faults=True) as app:
        app.run_until(lambda: True)
        w.run()
        app.run_until(lambda: w.round == 1)
        with app.disconnected(w):
            pipe.write_text("now")
            w.number = "flow"
            w.items[2] = "flow"
            w.table["k"] = "flow"
            w.replaced = {"k": "flow", "more": 1}
            app.run_until(lambda: True)
        app.run_until(lambda: w.round == 2)
        assert w.number == "flow"
        assert w.table["k"] == "flow"
        assert w.replaced == {"k": "flow", "more": 1}
        w.quiet = True
        app.run_until(lambda: w.has_succeeded)
    assert w.seen == {
        "number": w.number, "items": w.items, "table": w.table, "replaced": w.replaced,
    }  # fmt: skip
    assert w.number == "flow"


def test_an_update_lost_with_its_connection_arrives_after_the_next_one_is_made():
    root = Root(w=Told())
    w = root.w
    with stepping(root, with_faults=True) as app:
        app.run_until(lambda: True)
        w.run()
        app.run_until(lambda: w.rounds > 0)
        for number in range(1, 4):
            app.delay(w, 0.05)  # so that the update is on its way when the connection breaks
            w.number = number
            w.items.append(number)
            app.run_until(lambda: True)
            app.cut_connection(w)
            app.delay(w, 0.0)
            app.run_until(lambda number=number: w.repeated.get("number") == number)
            assert w.repeated["items"] == [1, 2, 3, *range(1, number + 1)]
        with app.disconnected(w):
            w.table["while"] = "cut"
            w.number = 9
            app.run_until(lambda: True)
        app.run_until(lambda: w.repeated["number"] == 9)
        assert w.repeated["table"]["while"] == "cut"
        assert w.status.attempt == 1
        w.go_on = False
        app.run_until(lambda: w.has_succeeded)


def test_changes_made_in_a_batch_are_seen_together_or_not_at_all():
    class Pairs(L.Work):
        def __init__(self):
            super().__init__(parallel=True)
            self.left = 0
            self.right = 0
            self.both = []

        def run(self):
            for number in range(1, 40):
                with self.batch():
                    self.left = number
                    time.sleep(0.002)  # time enough to be collected in between
                    self.both.append(number)
                    time.sleep(0.002)
                    self.right = number

    root = Root(w=Pairs())
    w = root.w
    with stepping(root, see=lambda: (w.left, w.right, len(w.both))) as app:
        app.run_until(lambda: True)
        w.run()
        app.run_until(lambda: w.has_succeeded)
    assert len(set(app.seen)) > 3
    assert [seen for seen in app.seen if len(set(seen)) > 1] == []


def test_batches_with_no_time_between_them_are_seen_while_they_are_made():
    class Batches(L.Work):
        def __init__(self):
            super().__init__(parallel=True, receive_updates=True)
            self.left = 0
            self.right = 0
            self.is_seen = False

        def run(self):
            while not self.is_seen:  # which only comes if one of them is seen meanwhile
                with self.batch():
                    self.left += 1
                    time.sleep(0.002)
                    self.right += 1

    root = Root(w=Batches())
    w = root.w
    with stepping(root, see=lambda: (w.left, w.right)) as app:
        app.run_until(lambda: True)
        w.run()
        app.run_until(lambda: w.left > 100)
        w.is_seen = True
        app.run_until(lambda: w.has_succeeded)
    assert len(set(app.seen)) > 3
    assert [seen for seen in app.seen if len(set(seen)) > 1] == []


def test_a_work_may_look_at_refuse_or_change_what_the_flow_wrote():
    class Picky(L.Work):
        def __init__(self):
            super().__init__(parallel=True, receive_updates=True)
            self.level = 1
            self.heard = []
            self.quiet = False

        def apply_flow_delta(self, delta):
            self.heard.extend(f"{op.path[0]} = {op.value}" for op in delta.ops)
            if not any(op.path == ("level",) and op.value > 10 for op in delta.ops):
                super().apply_flow_delta(delta)

        def run(self):
            while not self.quiet:
                self.wait_for_update(60)

    root = Root(w=Picky())
    w = root.w
    with stepping(root) as app:
        app.run_until(lambda: True)
        w.run()
        app.run_until(lambda: w.is_running)
        w.level = 5
        app.run_until(lambda: len(w.heard) == 1)
        assert w.level == 5
        w.level = 50
        app.run_until(lambda: len(w.heard) == 2 and w.level == 5)
        assert w.heard == ["level = 5", "level = 50"]
        w.quiet = True
        app.run_until(lambda: w.has_succeeded)
        assert w.level == 5


class Overwrites(L.Flow):
    """Its work counts on, whatever the flow has written there."""

    def __init__(self):
        super().__init__()
        self.w = Counts()
        self.wrote = False

    def run(self):
        self.w.run()
        if self.w.counter >= 5 and not self.wrote:
            self.wrote = True
            self.w.counter = -100
        if self.w.has_succeeded:
            self.stop()


class Counts(L.Work):
    def __init__(self):
        super().__init__(parallel=True)
        self.counter = 0

    def run(self):
        while self.counter < 100:
            self.counter += 1
            self.flush()


class Said(Observer):
    def __init__(self):
        self.texts = []

    def said(self, message, *, is_problem=False):
        self.texts.append(message)


def test_a_write_that_a_work_never_sees_is_said_to_be_lost_once():
    observer, root = Said(), Overwrites()
    assert L.App(root).execute(L.RunOptions(), observer).exit_code == 0
    assert root.w.counter == 100
    (said,) = observer.texts
    assert said.startswith("w.counter: w has changed it without seeing what the flow had written")
    assert said.endswith(
        "Make w with receive_updates=True to have it see what is written meanwhile"
    )
