"""When a work is told how far the flow server is, rule by rule."""

import pytest

from lightgrid.protocol.acks import Acks


@pytest.fixture
def acks():
    return Acks()


def test_the_sixteenth_batch_is_acknowledged_at_once(acks):
    assert [acks.taken("w", 0.0) for _ in range(16)] == [False] * 15 + [True]


def test_after_one_was_told_it_counts_anew(acks):
    for _ in range(16):
        acks.taken("w", 0.0)
    acks.told("w")
    assert [acks.taken("w", 0.0) for _ in range(16)] == [False] * 15 + [True]


def test_works_are_counted_apart(acks):
    for _ in range(15):
        acks.taken("v", 0.0)
    assert not acks.taken("w", 0.0)
    assert acks.taken("v", 0.0)


def test_a_batch_waits_for_a_second_at_most(acks):
    acks.taken("w", 5.0)
    acks.taken("w", 5.5)
    assert acks.next_s == 6.0
    assert acks.due(5.9) == []
    assert acks.due(6.0) == ["w"]
    assert acks.next_s is None
    assert acks.due(7.0) == []


def test_the_work_that_waits_longest_is_the_next(acks):
    acks.taken("v", 1.0)
    acks.taken("w", 2.0)
    assert acks.next_s == 2.0
    assert acks.due(2.5) == ["v"]
    assert acks.next_s == 3.0


def test_what_was_told_as_taken_is_told_as_applied_unless_it_will_be_soon(acks):
    assert acks.applied("w")
    acks.taken("w", 0.0)
    assert not acks.applied("w")
    acks.due(1.0)
    assert acks.applied("w")


def test_who_asks_is_told_at_once_when_all_is_applied(acks):
    assert acks.asked("w", all_applied=True)
    acks.taken("w", 0.0)
    assert not acks.applied("w")


def test_who_asks_is_told_when_all_is_applied_and_once(acks):
    acks.taken("w", 0.0)
    assert not acks.asked("w", all_applied=False)
    assert acks.applied("w")
    acks.told("w")
    assert not acks.applied("w")


def test_of_a_work_that_is_removed_nothing_is_kept(acks):
    for _ in range(15):
        acks.taken("w", 0.0)
    acks.asked("w", all_applied=False)
    acks.forget("w")
    assert acks.next_s is None
    assert not acks.taken("w", 5.0)
    assert not acks.applied("w")


def test_it_is_counted_what_was_taken_and_told_of_all_works(acks):
    assert (acks.taken_count, acks.told_count) == (0, 0)
    acks.taken("v", 0.0)
    acks.taken("w", 0.0, 3)
    acks.told("w")
    assert (acks.taken_count, acks.told_count) == (4, 1)
