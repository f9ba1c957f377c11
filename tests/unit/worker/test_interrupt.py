import _thread
import gc
import os
import queue
import signal
import sys
import threading
import time

import pytest

from lightgrid.errors import WorkStopped
from lightgrid.worker.interrupt import CallCancelled

PATIENCE_S = 20.0


@pytest.fixture
def inside():
    """User code puts something in here once it stands where it is to be interrupted."""
    return queue.SimpleQueue()


def once(inside, function, *args):
    threading.Thread(
        target=lambda: (inside.get(timeout=PATIENCE_S), function(*args)), daemon=True
    ).start()


def test_nothing_is_raised_outside_user_code(interrupter):
    os.kill(os.getpid(), signal.SIGTERM)
    assert interrupter.is_stopping
    assert interrupter.stops == [1]
    for _ in range(3):
        signal.raise_signal(signal.SIGURG)  # what comes again and again


def test_a_stop_that_came_before_user_code_is_not_lost(interrupter):
    interrupter.stop()
    with pytest.raises(WorkStopped):
        interrupter.call(pytest.fail, "user code ran")
    assert interrupter.has_raised


def sleep():
    time.sleep(1000)


def wait_for_a_lock():
    lock = _thread.allocate_lock()
    lock.acquire()
    lock.acquire()


def spin():
    while True:
        pass


def read_a_pipe():
    pipe, writer = os.pipe()
    try:
        os.read(pipe, 1)
    finally:
        os.close(pipe)
        os.close(writer)


@pytest.mark.parametrize("block", [sleep, wait_for_a_lock, spin, read_a_pipe])
def test_a_stop_breaks_sleeps_locks_loops_and_reads(interrupter, inside, block):
    def run():
        inside.put(1)
        block()

    once(inside, interrupter.stop)
    with pytest.raises(WorkStopped):
        interrupter.call(run)


def test_stop_is_raised_again_until_user_code_gives_in(interrupter, inside):
    told = []

    def stubborn():
        while len(told) < 3:
            try:
                inside.put(1)
                time.sleep(1000)
            except BaseException as error:
                told.append(type(error))
        return "done"

    once(inside, interrupter.stop)
    assert interrupter.call(stubborn) == "done"
    assert told == [WorkStopped] * 3
    assert interrupter.has_raised


def tidy_up(inside, told):
    try:
        inside.put(1)
        time.sleep(1000)
    finally:
        told.append("finally")
        try:
            raise OSError("not there")
        except OSError:
            signal.raise_signal(signal.SIGURG)  # what comes again and again
            told.append("inner")
        signal.raise_signal(signal.SIGURG)
        told.append("outer")


def test_what_stands_in_finally_is_not_interrupted_again(interrupter, inside):
    told = []
    once(inside, interrupter.stop)
    with pytest.raises(WorkStopped):
        interrupter.call(tidy_up, inside, told)
    assert told == ["finally", "inner", "outer"]


def test_what_stands_in_finally_is_interrupted_again_when_the_time_is_over(interrupter, inside):
    told = []
    interrupter._has_time = lambda: "finally" not in told
    once(inside, interrupter.stop)
    with pytest.raises(WorkStopped):
        interrupter.call(tidy_up, inside, told)
    assert told == ["finally"]


def test_who_handles_a_cancelled_call_is_told_of_a_stop(interrupter, inside):
    def handle():
        try:
            inside.put(1)
            time.sleep(1000)
        except CallCancelled:
            signal.raise_signal(signal.SIGTERM)
            pytest.fail("it was not told")

    once(inside, interrupter.interrupt, CallCancelled)
    with pytest.raises(WorkStopped):
        interrupter.call(handle)


def test_an_interrupt_ends_with_its_call(interrupter, inside):
    def run():
        inside.put(1)
        time.sleep(1000)

    once(inside, interrupter.interrupt, CallCancelled)
    with pytest.raises(CallCancelled):
        interrupter.call(run)
    assert interrupter.is_cancelling
    interrupter.end_call()
    assert not interrupter.is_cancelling
    assert interrupter.call(lambda: 5) == 5
    assert not interrupter.has_raised


def test_interrupts_at_any_moment_come_out_of_the_call_alone(interrupter):
    """Calls are short, so that the signals hit their edges; our own code is never hit."""
    is_over = threading.Event()

    def poke():
        while not is_over.is_set():
            interrupter.interrupt(CallCancelled)
            signal.pthread_kill(threading.main_thread().ident, signal.SIGURG)

    poker = threading.Thread(target=poke, daemon=True)
    poker.start()
    raised = finished = 0
    deadline_s = time.monotonic() + PATIENCE_S
    interval_s = sys.getswitchinterval()
    sys.setswitchinterval(1e-4)  # the poker has more turns
    # An interrupt that hits the finalizer of another test's garbage is reported there.
    gc.collect()
    gc.disable()
    try:
        while min(raised, finished) < 50 and time.monotonic() < deadline_s:
            try:
                interrupter.call(sum, range(100))
                finished += 1
            except CallCancelled:
                raised += 1
            interrupter.end_call()
    finally:
        is_over.set()
        poker.join()
        interrupter.end_call()
        sys.setswitchinterval(interval_s)
        gc.enable()
    assert min(raised, finished) >= 50


def test_a_closed_interrupter_raises_nothing(interrupter):
    interrupter.stop()
    interrupter.close()
    assert interrupter.call(lambda: 1) == 1


@pytest.fixture
def own_handler():
    """Install a handler of the user's, as a server does while it runs."""
    heard = []
    yield lambda: (signal.signal(signal.SIGTERM, lambda *_: heard.append(1)), heard)[1]
    signal.signal(signal.SIGTERM, signal.SIG_DFL)


def test_who_handles_the_signal_shuts_down_in_peace(interrupter, own_handler):
    def serve():
        heard = own_handler()
        os.kill(os.getpid(), signal.SIGTERM)
        interrupter.stop()  # as the server's command does
        for _ in range(3):
            signal.raise_signal(signal.SIGURG)
        return heard

    assert interrupter.call(serve) == [1]
    assert interrupter.has_raised


def test_who_handles_the_signal_gets_one_where_nobody_sends_it(interrupter, own_handler):
    interrupter._is_signalled = False

    def serve():
        heard = own_handler()
        interrupter.stop()
        for _ in range(3):
            signal.raise_signal(signal.SIGURG)
        return heard

    assert interrupter.call(serve) == [1]


def test_who_handles_the_signal_is_interrupted_when_the_time_is_over(interrupter, own_handler):
    interrupter._has_time = lambda: False

    def serve():
        own_handler()
        interrupter.stop()
        time.sleep(1000)

    with pytest.raises(WorkStopped):
        interrupter.call(serve)


def test_a_signal_that_an_event_loop_has_left_to_nobody_is_handled_again(interrupter):
    interrupter.call(signal.signal, signal.SIGTERM, signal.SIG_DFL)
    interrupter.call(lambda: None)
    os.kill(os.getpid(), signal.SIGTERM)
    assert interrupter.is_stopping
