import random

import pytest

from lightgrid.component.restart import Restart


def delays(policy, count):
    return [policy.delay_s(failures) for failures in range(1, count + 1)]


def test_the_longest_delay_doubles_with_each_failure_in_a_row_up_to_its_cap(monkeypatch):
    monkeypatch.setattr(random, "uniform", lambda _low, high: high)
    assert delays(Restart("on_failure"), 9) == [0.5, 1, 2, 4, 8, 16, 30, 30, 30]
    assert delays(Restart("always", first_delay_s=1, factor=3, max_delay_s=10), 4) == [1, 3, 9, 10]


def test_a_delay_is_drawn_so_that_works_do_not_come_back_together():
    drawn = {Restart("on_failure").delay_s(4) for _ in range(50)}
    assert len(drawn) > 40
    assert all(2.0 <= delay_s <= 4.0 for delay_s in drawn)


def test_after_a_good_end_there_is_no_delay_and_after_very_many_failures_the_cap():
    assert Restart("always").delay_s(0) == 0.0
    assert Restart("on_failure").delay_s(10**6) <= 30.0


@pytest.mark.parametrize(
    ("when", "after_failure", "after_success"),
    [("never", False, False), ("on_failure", True, False), ("always", True, True)],
)
def test_each_policy_says_after_which_end_a_work_starts_again(when, after_failure, after_success):
    assert Restart(when).allows(1, failed=True) is after_failure
    assert Restart(when).allows(0, failed=False) is after_success


def test_failures_in_a_row_may_be_bounded():
    policy = Restart("on_failure", max_attempts=3)
    assert [policy.allows(count, failed=True) for count in (1, 2, 3, 4)] == [
        True, True, False, False,
    ]  # fmt: skip
    assert Restart("on_failure").allows(10**6, failed=True)


def test_a_word_that_is_no_policy_is_refused_at_once():
    with pytest.raises(ValueError, match="sometimes"):
        Restart("sometimes")
