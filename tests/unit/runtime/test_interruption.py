import os
import signal
import threading

import pytest

from lightgrid.runtime.interruption import Interruption

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
        with pytest.raises(KeyboardInterrupt), interruption.user_code():
            threading.Event().wait(PATIENCE_S)
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
        with pytest.raises(KeyboardInterrupt), interruption.user_code():
            raise AssertionError("user code is not begun any more")


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


def test_handlers_are_put_back_as_they_were(interruption):
    before = [signal.getsignal(one) for one in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)]
    with interruption.handling():
        assert signal.getsignal(signal.SIGTERM) != before[1]
    after = [signal.getsignal(one) for one in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)]
    assert after == before


def test_in_another_thread_signals_are_left_alone(interruption):
    handlers = []

    def flow():
        with interruption.handling(), interruption.user_code():
            handlers.append(signal.getsignal(signal.SIGTERM))

    before = signal.getsignal(signal.SIGTERM)
    thread = threading.Thread(target=flow)
    thread.start()
    thread.join()
    assert handlers == [before]
