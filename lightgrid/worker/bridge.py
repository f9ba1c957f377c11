"""The thread that owns the network, and the ways into it from others.

There are two. `ask` has a coroutine executed there and waits for its answer. `tell`
only wakes it: one byte into the socket that signals are told by as well, so that the
thread looks what there is to do. Nothing else crosses, and no lock is shared: user
code may be interrupted at any bytecode, also inside a lock's `with`.
"""

from __future__ import annotations

import _thread
import asyncio
import signal
import socket
import threading
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import Any, Final, TypeVar

from lightgrid.errors import ClosedError, ComponentError

AnswerT = TypeVar("AnswerT")

#: What `tell` sends; signals are told by their numbers.
_NEWS: Final = b"\0"


class Bridge:
    """A thread with an event loop.

    Args:
        name: The work's, for errors.
        main: Executed there, to its end.
        on_end: Called there at last, with the error that ended `main`, if one did.
        on_news: Called there when it was told of something, with the numbers of signals
            that have come.
    """

    def __init__(
        self,
        name: str,
        main: Callable[[], Coroutine[Any, Any, None]],
        on_end: Callable[[BaseException | None], None],
        on_news: Callable[[bytes], None],
    ) -> None:
        self._name = name
        self._main = main
        self._on_end = on_end
        self._on_news = on_news
        self._loop: asyncio.AbstractEventLoop
        self._started = threading.Event()
        self._thread = threading.Thread(target=self._run, name="lightgrid work", daemon=True)

    # --- other threads -----------------------------------------------------------------

    def start(self) -> None:
        """Begin, and return when there is a loop. In the main thread."""
        self._reader, self._writer = socket.socketpair()
        for end in (self._reader, self._writer):
            end.setblocking(False)
        self.hear_signals()
        self._thread.start()
        self._started.wait()

    def hear_signals(self) -> None:
        """Have the thread told of signals; an event loop of the user's may have taken that away."""
        signal.set_wakeup_fd(self._writer.fileno(), warn_on_full_buffer=False)

    def tell(self) -> None:
        """Wake the thread. Cheaper than `call_soon_threadsafe`, which makes a handle."""
        try:  # noqa: SIM105 - suppress() costs as much as the send
            self._writer.send(_NEWS)
        except BlockingIOError:
            pass  # full: the thread will wake all the same

    def ask(self, coroutine: Coroutine[Any, Any, AnswerT]) -> AnswerT:
        """Have the thread execute something and wait for it.

        The lock is a bare one that this call alone knows: the exception of an
        interrupt may leave it in any state.

        Raises:
            ClosedError: The thread has ended.
            ComponentError: This is the thread; it would wait for itself.
        """
        if self.is_own_thread:
            coroutine.close()
            raise ComponentError(f"{self._name}: not possible inside of apply_flow_delta")
        answers: list[AnswerT | BaseException] = []
        done = _thread.allocate_lock()
        done.acquire()

        def finish(task: asyncio.Task[AnswerT]) -> None:
            error = ClosedError("the work has left") if task.cancelled() else task.exception()
            answers.append(task.result() if error is None else error)
            done.release()

        def begin() -> None:
            self._loop.create_task(coroutine).add_done_callback(finish)

        try:
            self._loop.call_soon_threadsafe(begin)
        except RuntimeError:
            coroutine.close()
            raise ClosedError("the work has left") from None
        while not done.acquire(timeout=1.0):
            if not self._thread.is_alive() and not answers:
                coroutine.close()
                raise ClosedError("the work has left")
        answer = answers[0]
        if isinstance(answer, BaseException):
            raise answer
        return answer

    def call_after_asked(self, callback: Callable[..., None], *args: Any) -> None:
        """Have the thread call something, behind all that was asked before; not if it has ended."""
        with suppress(RuntimeError):
            # In two steps: behind the task that `ask` makes, should an interrupt have come
            # before its answer did.
            self._loop.call_soon_threadsafe(self._loop.call_soon, callback, *args)

    @property
    def is_own_thread(self) -> bool:
        """Whether this is the thread, where only `apply_flow_delta` is the user's."""
        return threading.current_thread() is self._thread

    def join(self, timeout_s: float) -> None:
        """Wait for the thread's end."""
        self._thread.join(timeout_s)

    def close(self) -> None:
        """Give back what tells the thread of signals."""
        signal.set_wakeup_fd(-1)
        for end in (self._reader, self._writer):
            end.close()

    # --- the thread --------------------------------------------------------------------

    def _run(self) -> None:
        error: BaseException | None = None
        try:
            asyncio.run(self._serve())
        except BaseException as raised:
            error = raised
        self._started.set()
        self._on_end(error)

    async def _serve(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(self._reader.fileno(), self._read)
        main = self._loop.create_task(self._main())
        await asyncio.sleep(0)  # `main` has made what others are to find
        self._started.set()
        await main

    def _read(self) -> None:
        self._on_news(self._reader.recv(64))
