from itertools import pairwise

import pytest

from lightgrid.worker.pace import MAX_INTERVAL_S, MIN_INTERVAL_S, Paces


@pytest.fixture
def paces():
    paces = Paces()
    paces.max_interval_s = MAX_INTERVAL_S
    paces.note("small", is_container=True)
    paces.note("huge", is_container=True)
    paces.note("number", is_container=False)
    return paces


def looks(paces, costs, seconds, *, changed):
    """Look whenever something is due; return how often, and what it cost, by variable."""
    now_s, told = 0.0, {name: [0, 0.0] for name in costs}
    while (now_s := max(now_s, paces.next_due_s())) < seconds:
        for name in paces.due(now_s):
            told[name][0] += 1
            told[name][1] += costs[name]
            paces.looked(
                name, costs[name], now_s, changed=changed, strict=paces.wants_strict(name, now_s)
            )
        now_s += 1e-9
    return told


def test_only_containers_are_due(paces):
    assert sorted(paces.due(0.0)) == ["huge", "small"]
    paces.note("huge", is_container=False)
    assert paces.due(0.0) == ["small"]


def test_a_huge_container_takes_its_share_and_does_not_slow_a_small_one(paces):
    told = looks(paces, {"small": 10e-6, "huge": 0.1}, 100.0, changed=True)
    assert told["huge"][1] < 0.05 * 100
    assert told["small"][0] > 0.9 * 100 / MIN_INTERVAL_S


def test_all_containers_together_keep_to_their_share():
    paces = Paces()
    costs = {f"c{n}": 0.002 for n in range(50)}
    for name in costs:
        paces.note(name, is_container=True)
    told = looks(paces, costs, 100.0, changed=True)
    warm_up = sum(costs.values())
    assert sum(cost for _, cost in told.values()) < 0.055 * 100 + warm_up


def test_what_does_not_change_is_looked_at_less_and_less_until_user_code_wakes(paces):
    told = looks(paces, {"small": 10e-6, "huge": 10e-6}, 100.0, changed=False)
    assert 100 / MAX_INTERVAL_S <= told["small"][0] < 100 / MAX_INTERVAL_S + 20
    paces.wake()
    assert paces.next_due_s() < 100.0


def test_a_change_brings_the_shortest_interval_back(paces):
    for n in range(10):
        paces.looked("small", 10e-6, n, changed=False, strict=False)
    paces.looked("small", 10e-6, 10.0, changed=True, strict=False)
    paces.looked("huge", 10e-6, 99.0, changed=False, strict=False)
    assert paces.next_due_s() == pytest.approx(10.0 + MIN_INTERVAL_S)


def test_a_cheap_look_is_always_strict(paces):
    paces.note("huge", is_container=False)
    now_s = 0.0
    for _ in range(100):
        assert paces.wants_strict("small", now_s)
        paces.looked("small", 10e-6, now_s, changed=True, strict=True)
        now_s = paces.next_due_s()


def test_between_strict_looks_that_cost_much_there_are_glances_that_cost_little(paces):
    now_s, glances, strict = 0.0, [], []
    while (now_s := max(now_s + 1e-9, paces.next_due_s())) < 100.0:
        for name in paces.due(now_s):
            is_strict = paces.wants_strict(name, now_s)
            cost_s = 10e-6 if name == "small" else 0.04 if is_strict else 0.015
            paces.looked(name, cost_s, now_s, changed=True, strict=is_strict)
            if name == "huge":
                (strict if is_strict else glances).append(now_s)
    looks = sorted(glances + strict)
    assert max(later - now for now, later in pairwise(looks)) < 0.6
    assert max(later - now for now, later in pairwise(strict)) < 5.0
    assert len(glances) * 0.015 + len(strict) * 0.04 < 0.05 * 100


def test_a_container_that_is_none_any_more_leaves_its_share_to_the_others(paces):
    paces.looked("huge", 0.1, 0.0, changed=True, strict=True)
    paces.looked("huge", 0.1, 0.0, changed=True, strict=False)
    for name in ("huge", "small"):
        paces.note(name, is_container=False)
    assert paces._load == pytest.approx(0.0)
    assert paces.next_due_s() == float("inf")
