"""Methods of a work that are `async def`: executed in the main thread, in one event loop.

It is one for the life of the process, so that what `on_start` opens is of use in `run`.
The tasks that a method leaves behind are cancelled at its end, as `asyncio.run` does.

An exception raised by a signal would hit the loop in any of its own lines. So an
interrupt cancels the method's task, which asyncio brings to where the method waits;
`finally` and `async with` come to their end, also where they wait themselves. What
goes on regardless is interrupted like any other code when most of the time is over.
"""

from __future__ import annotations

import asyncio
import inspect
import threading
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import Any

from lightgrid.worker.interrupt import Interrupter


class Coroutines:
    """Executes what a work's methods return, where that is a coroutine.

    Args:
        interrupter: Is told how to end one.
    """

    def __init__(self, interrupter: Interrupter) -> None:
        self._interrupter = interrupter
        self._runner: asyncio.Runner | None = None

    def call(self, method: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        """Call a method, and see a coroutine through. For the main thread.

        Raises:
            WorkStopped: Or what else the interrupter was asked to raise, in place of the
                cancellation by which the coroutine was told of it.
            BaseException: What the method raises.
        """
        result = method(*args, **kwargs)
        return self._see_through(result) if inspect.iscoroutine(result) else result

    def close(self) -> None:
        """End the tasks and generators that are left; not on top of a loop that still runs."""
        if self._runner is not None and not _is_in_loop():
            runner, self._runner = self._runner, None
            runner.close()

    def _see_through(self, coroutine: Coroutine[Any, Any, Any]) -> Any:
        if _is_in_loop():
            return _run_beside(coroutine)
        if self._runner is None:
            self._runner = asyncio.Runner()
        following = self._follow(coroutine, self._runner.get_loop())
        try:
            return self._runner.run(following)
        except asyncio.CancelledError:
            error = self._interrupter.told_error()
            if error is None:
                raise
            raise error from None
        finally:
            self._interrupter.tell_by(None)
            if inspect.getcoroutinestate(coroutine) == inspect.CORO_CREATED:
                following.close()  # interrupted before it began
                coroutine.close()
            elif inspect.getcoroutinestate(coroutine) != inspect.CORO_CLOSED:
                self.close()  # torn out of the loop: it is given the rest of the time to unwind

    async def _follow(
        self, coroutine: Coroutine[Any, Any, Any], loop: asyncio.AbstractEventLoop
    ) -> Any:
        task = asyncio.current_task()
        assert task is not None
        before = asyncio.all_tasks()

        def cancel() -> None:
            with suppress(RuntimeError):  # the loop is closed
                loop.call_soon_threadsafe(task.cancel)

        self._interrupter.tell_by(cancel)
        try:
            return await coroutine
        finally:
            left = asyncio.all_tasks() - before
            for other in left:
                other.cancel()
            await asyncio.gather(*left, return_exceptions=True)


def _run_beside(coroutine: Coroutine[Any, Any, Any]) -> Any:
    """Execute a coroutine in another thread, on top of a loop that never got to its end."""
    outcome: list[BaseException | Any] = []

    def run() -> None:
        try:
            outcome.append(asyncio.run(coroutine))
        except BaseException as error:
            outcome.append(error)

    thread = threading.Thread(target=run, name="lightgrid on_exit")
    thread.start()
    thread.join()
    if isinstance(outcome[0], BaseException):
        raise outcome[0]
    return outcome[0]


def _is_in_loop() -> bool:
    """Tell whether an event loop runs what is executed here."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True
