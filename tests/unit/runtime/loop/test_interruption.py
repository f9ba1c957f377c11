import os
import signal
import subprocess
import sys
import threading

import pytest

from lightgrid.runtime.loop.interruption import Interruption

PATIENCE_S = 30.0


@pytest.fixture
def woken():
    return []


@pytest.fixture
def interruption(woken):
    return Interruption(lambda: woken.append(True))


def test_a_signal_breaks_what_the_flow_waits_in(interruption):
    def press():
        os.kill(os.getpid(), signal.SIGINT)

    timer = threading.Timer(0.05, press)
    with interruption.handling():
        timer.start()
        with pytest.raises(KeyboardInterrupt):
            interruption.call_user_code(lambda: threading.Event().wait(PATIENCE_S))
        assert interruption.count == 1
    timer.join()


def test_a_signal_that_nohup_has_put_off_stays_put_off(interruption):
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with interruption.handling():
            signal.raise_signal(signal.SIGHUP)
            assert interruption.count == 0
            signal.raise_signal(signal.SIGTERM)
            assert interruption.count == 1
    finally:
        signal.signal(signal.SIGHUP, before)


def test_outside_of_user_code_a_signal_is_noted_and_wakes_the_loop(interruption, woken):
    with interruption.handling():
        signal.raise_signal(signal.SIGTERM)
        assert woken  # by the handler, and by the thread beside it
        assert interruption.exit_code == 128 + signal.SIGTERM
        with pytest.raises(KeyboardInterrupt):
            interruption.check()
        with pytest.raises(KeyboardInterrupt):
            interruption.call_user_code(lambda: pytest.fail("user code is not begun any more"))


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_the_exit_code_is_what_a_shell_expects(interruption, number):
    with interruption.handling():
        signal.raise_signal(number)
    assert interruption.exit_code == 128 + number


def test_every_press_counts(interruption):
    with interruption.handling():
        for _ in range(3):
            signal.raise_signal(signal.SIGINT)
    assert interruption.count == 3


def swallow(count):
    """Send so many signals to code that catches everything; return how many it caught."""
    caught = 0
    for _ in range(count):
        try:
            signal.raise_signal(signal.SIGTERM)
        except BaseException:
            caught += 1
    return caught


def test_code_that_has_swallowed_one_signal_gets_the_next(interruption):
    caught = []
    with interruption.handling():
        interruption.call_user_code(lambda: caught.append(swallow(5)))
        assert caught == [5]
        signal.raise_signal(signal.SIGINT)  # behind it, nothing is broken any more


def test_the_third_signal_is_not_kept_waiting_by_code_that_catches_everything(woken):
    caught, ended = [], []
    interruption = Interruption(lambda: woken.append(True), ended.append)
    with interruption.handling():
        interruption.call_user_code(lambda: caught.append(swallow(3)))
    assert (caught, ended) == ([2], [signal.SIGTERM])


def test_the_third_signal_counts_also_while_the_app_is_ending(woken):
    ended = []
    interruption = Interruption(lambda: woken.append(True), ended.append)
    with interruption.handling():
        signal.raise_signal(signal.SIGTERM)
        signal.raise_signal(signal.SIGINT)
        assert not ended
        signal.raise_signal(signal.SIGINT)
    assert ended == [signal.SIGINT]


def test_ending_here_and_now_is_ending_by_the_signal():
    code = (
        "import signal; from lightgrid.runtime.loop.interruption import end_process;"
        "signal.signal(signal.SIGTERM, signal.SIG_IGN); end_process(signal.SIGTERM)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == -signal.SIGTERM
    assert "its works are ended behind it" in done.stderr


def test_handlers_are_put_back_as_they_were(interruption):
    before = [signal.getsignal(one) for one in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)]
    with interruption.handling():
        assert signal.getsignal(signal.SIGTERM) != before[1]
    after = [signal.getsignal(one) for one in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)]
    assert after == before


def test_in_another_thread_signals_are_left_alone(interruption):
    handlers = []

    def flow():
        with interruption.handling():
            interruption.call_user_code(lambda: handlers.append(signal.getsignal(signal.SIGTERM)))

    before = signal.getsignal(signal.SIGTERM)
    thread = threading.Thread(target=flow)
    thread.start()
    thread.join()
    assert handlers == [before]
