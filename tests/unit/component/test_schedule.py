import time
from datetime import datetime

import pytest

import lightgrid as L
from lightgrid.component import flow as flow_module
from lightgrid.component.node import node_of
from lightgrid.component.schedule import Schedule, next_event
from lightgrid.errors import ComponentError


def at(*fields):
    return datetime(*fields).astimezone().timestamp()


NOON = at(2026, 3, 4, 12, 0, 0)


class Clock:
    """Stands for the module `time` in flows."""

    def __init__(self):
        self.now_s = NOON

    def time(self):
        return self.now_s


class FakeBackend:
    def __init__(self):
        self.run_count = 1
        self.told = []

    def scheduled(self, flow, key, schedule):
        self.told.append((flow.name, key, schedule.next_s))


class Root(L.Flow):
    def __init__(self):
        super().__init__()

    def run(self):
        pass

    def asks(self, cron, **options):
        return self.schedule(cron, **options)


@pytest.fixture
def clock(monkeypatch):
    clock = Clock()
    monkeypatch.setattr(flow_module, "time", clock)
    return clock


@pytest.fixture
def root(clock):
    root = Root()
    node_of(root).backend = FakeBackend()
    return root


def test_it_is_time_at_first_and_then_in_one_run_after_each_event(clock, root):
    backend = node_of(root).backend
    fired = []
    for run, now_s in enumerate(range(0, 300, 20), 1):
        backend.run_count, clock.now_s = run, NOON + now_s
        first, again = (root.asks("*/2 * * * *") for _ in range(2))
        assert first == again  # it is so in the whole run
        if first:
            fired.append(now_s)
    assert fired == [0, 120, 240]
    assert [next_s - NOON for _, _, next_s in backend.told] == [120, 240, 360]


def test_events_that_were_missed_are_one(clock, root):
    assert root.asks("* * * * *")
    node_of(root).backend.run_count, clock.now_s = 2, NOON + 1000
    assert root.asks("* * * * *")
    node_of(root).backend.run_count = 3
    assert not root.asks("* * * * *")


def test_two_places_in_the_code_are_two_schedules_and_so_are_two_keys(clock, root):
    assert root.schedule("hourly")
    node_of(root).backend.run_count = 2
    assert root.schedule("hourly")
    keys = [root.asks("daily", user_key=key) for key in "aab"]
    assert keys == [True, True, True]
    node_of(root).backend.run_count = 3
    assert [root.asks("daily", user_key=key) for key in "abc"] == [False, False, True]


def test_the_first_event_is_after_a_start_time(clock, root):
    assert root.asks("0 * * * *", start_time=datetime.fromtimestamp(NOON + 4000))
    assert node_of(root).backend.told[0][2] == NOON + 7200


def test_a_schedule_survives_a_resume_and_what_was_missed_meanwhile_is_due(clock, root):
    assert root.asks("hourly", user_key="k")
    assert root.state["calls"]["scheduling"]["hourly k"]["next_s"] == NOON + 3600
    saved = L.App(root).state_dict()

    def resumed(now_s):
        after = Root()
        L.App(after).load_state_dict(saved)
        node_of(after).backend = FakeBackend()
        clock.now_s = now_s
        return after.asks("hourly", user_key="k")

    assert not resumed(NOON + 60)
    assert resumed(NOON + 3601)


@pytest.mark.parametrize(
    ("cron", "next_one"),
    [
        ("30 14 * * *", at(2026, 3, 4, 14, 30)),
        ("* * * * * */10", at(2026, 3, 4, 12, 0, 10)),
        ("0 0 1 1 * 30", at(2027, 1, 1, 0, 0, 30)),
        ("hourly", at(2026, 3, 4, 13)),
        ("@daily", at(2026, 3, 5)),
        ("midnight", at(2026, 3, 5)),
        ("weekly", at(2026, 3, 8)),
        ("monthly", at(2026, 4, 1)),
        ("yearly", at(2027, 1, 1)),
        ("annually", at(2027, 1, 1)),
    ],
)
def test_expressions_have_five_fields_or_six_with_the_seconds_last_or_are_words(cron, next_one):
    assert next_event(cron, NOON) == next_one


@pytest.mark.parametrize("cron", ["", "* * *", "61 * * * *", "often", "0 0 31 2 *"])
def test_what_is_no_cron_expression_is_refused_with_its_text(cron, root):
    with pytest.raises(ComponentError, match="is no cron expression"):
        root.asks(cron)
    assert root.state["calls"] == {}


def test_a_schedule_is_plain_state():
    schedule = Schedule("hourly", NOON, fired_in=7)
    assert Schedule.from_value(schedule.to_value()) == Schedule("hourly", NOON)
    assert time.time() > 0
