"""What a work knows of its calls, rule by rule."""

from lightgrid.protocol import known_calls
from lightgrid.protocol.known_calls import KnownCalls
from lightgrid.protocol.messages import CallState, CallUpdate, Run


def calls_of(*call_ids):
    calls = KnownCalls()
    for call_id in call_ids:
        assert calls.hear(Run(call_id))
    return calls


def begin(calls, call_id):
    return calls.begin(calls._open[call_id])


def test_a_call_that_is_told_again_is_no_new_one():
    calls = calls_of("a")
    assert not calls.hear(Run("a"))
    begin(calls, "a")
    calls.end("a")
    assert not calls.hear(Run("a"))
    assert calls.hear(Run("b"))


def test_a_call_begins_as_running_and_is_the_current_one_until_its_end():
    calls = calls_of("a")
    assert calls.current is None
    assert begin(calls, "a") == CallUpdate("a", CallState.RUNNING)
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
    assert begin(calls, "a") == CallUpdate("a", CallState.CANCELLED)
    assert calls.current is None
    assert begin(calls, "b").state is CallState.RUNNING


def test_a_call_that_runs_is_to_be_interrupted():
    calls = calls_of("a")
    begin(calls, "a")
    assert calls.cancel("a")


def test_the_end_of_another_call_leaves_the_current_one_running():
    calls = calls_of("a", "b")
    begin(calls, "a")
    calls.end("b")
    assert calls.current == "a"


def test_a_call_that_runs_is_interrupted_once_however_often_the_cancel_comes():
    calls = calls_of("a")
    begin(calls, "a")
    assert calls.cancel("a")
    assert not calls.cancel("a")


def test_what_has_ended_or_was_never_told_cannot_be_cancelled():
    calls = calls_of("a")
    calls.end("a")
    assert not calls.cancel("a")
    assert not calls.cancel("never")
    assert calls._cancelled == set()


def test_a_cancel_is_over_with_its_call():
    calls = calls_of("a")
    calls.cancel("a")
    calls.end("a")
    assert calls._cancelled == set()


def test_a_call_that_has_not_begun_when_a_new_stream_begins_counts_as_it_is_told_there():
    calls = KnownCalls()
    old, new = Run("a", args=(1,)), Run("a", args=(1,))
    calls.hear(old)
    calls.forget_what_waits()
    assert calls.begin(old) is None
    assert calls.hear(new)
    assert calls.begin(old) is None
    assert calls.begin(new).state is CallState.RUNNING


def test_a_cancel_of_a_call_that_has_not_begun_counts_on_the_stream_that_tells_it_alone():
    calls = calls_of("a")
    calls.cancel("a")
    calls.forget_what_waits()
    assert calls.hear(Run("a"))
    assert begin(calls, "a").state is CallState.RUNNING


def test_the_call_that_runs_and_those_that_ended_are_known_over_streams():
    calls = calls_of("a", "b")
    begin(calls, "a")
    calls.end("a")
    begin(calls, "b")
    calls.forget_what_waits()
    assert calls.current == "b"
    assert not calls.hear(Run("a"))
    assert not calls.hear(Run("b"))
    assert calls.cancel("b")


def test_the_oldest_ends_are_forgotten_and_no_call_without_an_end(monkeypatch):
    monkeypatch.setattr(known_calls, "_MAX_KEPT_ENDS", 2)
    calls = calls_of("open", "a", "b", "c", "d")
    for call_id in "abcd":
        calls.end(call_id)
    assert [calls.hear(Run(call_id)) for call_id in "abcd"] == [True, True, False, False]
    assert not calls.hear(Run("open"))
