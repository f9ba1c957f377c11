"""What a work knows of its calls, rule by rule."""

from lightgrid.protocol import known_calls
from lightgrid.protocol.known_calls import KnownCalls
from lightgrid.protocol.messages import CallState, CallUpdate, Run


def calls_of(*call_ids):
    calls = KnownCalls()
    for call_id in call_ids:
        assert calls.hear(Run(call_id))
    return calls


def test_a_call_that_is_told_again_is_no_new_one():
    calls = calls_of("a")
    assert not calls.hear(Run("a"))
    calls.begin("a")
    calls.end("a")
    assert not calls.hear(Run("a"))
    assert calls.hear(Run("b"))


def test_a_call_begins_as_running_and_is_the_current_one_until_its_end():
    calls = calls_of("a")
    assert calls.current is None
    assert calls.begin("a") == CallUpdate("a", CallState.RUNNING)
    assert calls.current == "a"
    assert calls.end("a")
    assert calls.current is None


def test_the_first_end_stands():
    calls = calls_of("a")
    assert calls.end("a")
    assert not calls.end("a")


def test_a_call_that_is_cancelled_before_it_begins_does_not_run():
    calls = calls_of("a", "b")
    assert not calls.cancel("a")
    assert calls.begin("a") == CallUpdate("a", CallState.CANCELLED)
    assert calls.current is None
    assert calls.begin("b").state is CallState.RUNNING


def test_a_call_that_runs_is_to_be_interrupted():
    calls = calls_of("a")
    calls.begin("a")
    assert calls.cancel("a")
    assert calls.begin("a").state is CallState.RUNNING


def test_the_end_of_another_call_leaves_the_current_one_running():
    calls = calls_of("a", "b")
    calls.begin("a")
    calls.end("b")
    assert calls.current == "a"


def test_what_has_ended_or_was_never_told_cannot_be_cancelled():
    calls = calls_of("a")
    calls.end("a")
    assert not calls.cancel("a")
    assert not calls.cancel("never")
    assert calls.begin("a").state is CallState.RUNNING
    assert calls.begin("never").state is CallState.RUNNING


def test_a_cancel_is_over_with_its_call():
    calls = calls_of("a")
    calls.cancel("a")
    calls.end("a")
    assert calls.begin("a").state is CallState.RUNNING


def test_the_oldest_ends_are_forgotten_and_no_call_without_an_end(monkeypatch):
    monkeypatch.setattr(known_calls, "_MAX_KEPT_ENDS", 2)
    calls = calls_of("open", "a", "b", "c", "d")
    for call_id in "abcd":
        calls.end(call_id)
    assert [calls.hear(Run(call_id)) for call_id in "abcd"] == [True, True, False, False]
    assert not calls.hear(Run("open"))
