"""One thread that waits, and whoever wakes it."""

import sys
import threading

from lightgrid.process.wakeup import Wakeup


def test_what_was_set_often_lets_one_wait_pass():
    wakeup = Wakeup()
    wakeup.set()
    wakeup.set()
    assert wakeup.wait(10.0)
    assert not wakeup.wait(0.0)


def test_a_wait_until_a_time_that_has_passed_does_not_wait():
    wakeup = Wakeup()
    assert not wakeup.wait(-1.0)
    wakeup.set()
    assert wakeup.wait(-1.0)


def test_a_wait_without_a_limit_ends_when_another_thread_sets_it():
    wakeup = Wakeup()
    waiter = threading.Thread(target=wakeup.wait)
    waiter.start()
    wakeup.set()
    waiter.join(10.0)
    assert not waiter.is_alive()


def test_many_threads_may_set_it_at_once():
    wakeup = Wakeup()
    failures = []

    def set_often():
        try:
            for _ in range(5000):
                wakeup.set()
        except RuntimeError as error:
            failures.append(error)

    threads = [threading.Thread(target=set_often) for _ in range(4)]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        wakeup.wait(0.001)
    assert failures == []


def test_a_signal_handler_may_set_it_between_any_two_steps_of_a_wait_or_a_set():
    wakeup = Wakeup()
    handled = []

    def interrupt(frame, event, _argument):
        frame.f_trace_opcodes = True
        if event == "opcode":
            sys.settrace(None)  # a handler's own code is not interrupted here
            wakeup.set()
            handled.append(frame.f_code.co_name)
            sys.settrace(interrupt)
        return interrupt

    before = sys.gettrace()
    sys._getframe().f_trace_opcodes = True  # Python 3.12 asks for any such frame in settrace
    sys.settrace(interrupt)
    try:
        wakeup.set()
        assert wakeup.wait(10.0)
    finally:
        sys.settrace(before)
    assert {"set", "wait"} <= set(handled)
