"""Coroutines in the main thread, and interrupts that reach them as cancellation."""

import asyncio
import queue
import threading

import pytest

from lightgrid.errors import WorkStopped
from lightgrid.worker.coroutines import Coroutines
from lightgrid.worker.interrupt import CallCancelled

PATIENCE_S = 20.0


def once(inside, function, *args):
    """Do something in another thread when the coroutine says that it is where it waits."""
    threading.Thread(
        target=lambda: (inside.get(timeout=PATIENCE_S), function(*args)), daemon=True
    ).start()


@pytest.fixture
def inside():
    return queue.SimpleQueue()


@pytest.fixture
def coroutines(interrupter):
    coroutines = Coroutines(interrupter)
    yield coroutines
    coroutines.close()


def test_what_is_no_coroutine_is_just_called(coroutines):
    assert coroutines.call(lambda a, b: a + b, 1, b=2) == 3


def test_all_coroutines_share_one_loop_and_leave_no_task_behind(coroutines):
    tasks = []

    async def begin():
        tasks.append(asyncio.create_task(asyncio.sleep(1000)))
        return asyncio.get_running_loop()

    async def look():
        return asyncio.get_running_loop(), len(asyncio.all_tasks())

    loop = coroutines.call(begin)
    assert tasks[0].cancelled()
    assert coroutines.call(look) == (loop, 1)


@pytest.mark.parametrize("kind", [WorkStopped, CallCancelled])
def test_an_interrupt_cancels_a_coroutine_which_cleans_up_and_waits_in_peace(
    interrupter, coroutines, kind, inside
):
    told = []

    async def run():
        inside.put(1)
        try:
            await asyncio.sleep(1000)
        finally:
            await asyncio.sleep(0.3)  # three times as long as interrupts are apart
            told.append("cleaned up")

    if kind is WorkStopped:
        once(inside, interrupter.stop)
    else:
        once(inside, interrupter.interrupt, kind)
    with pytest.raises(kind):
        interrupter.call(coroutines.call, run)
    assert told == ["cleaned up"]
    assert interrupter.has_raised


def test_what_a_coroutine_raises_on_its_way_out_counts(interrupter, coroutines, inside):
    async def run():
        inside.put(1)
        try:
            await asyncio.sleep(1000)
        except asyncio.CancelledError:
            raise ValueError("my own") from None

    once(inside, interrupter.stop)
    with pytest.raises(ValueError, match="my own"):
        interrupter.call(coroutines.call, run)
    assert interrupter.has_raised


def test_a_coroutine_that_goes_on_is_interrupted_when_the_time_is_over(
    interrupter, coroutines, inside
):
    is_over = threading.Event()
    interrupter._has_time = lambda: not is_over.is_set()

    async def run():
        inside.put(1)
        try:
            await asyncio.sleep(1000)
        except asyncio.CancelledError:
            is_over.set()
        await asyncio.sleep(1000)

    once(inside, interrupter.stop)
    with pytest.raises(WorkStopped):
        interrupter.call(coroutines.call, run)


def test_a_coroutine_that_is_stopped_before_it_began_does_not_begin(
    interrupter,
    coroutines,
):
    interrupter.stop()
    with pytest.raises(WorkStopped):
        interrupter.call(coroutines.call, lambda: pytest.fail("it began"))


def test_a_cancellation_of_its_own_is_the_coroutines_affair(interrupter, coroutines):
    async def run():
        raise asyncio.CancelledError

    with pytest.raises(asyncio.CancelledError):
        interrupter.call(coroutines.call, run)


def test_a_coroutine_runs_on_top_of_a_loop_that_never_got_to_its_end(coroutines):
    async def inner():
        await asyncio.sleep(0)
        return "done"

    async def outer():
        done = coroutines.call(inner)
        coroutines.close()
        return done

    assert coroutines.call(outer) == "done"
