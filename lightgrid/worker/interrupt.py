"""Ending user code from outside: an exception raised in the main thread, until it has unwound.

A signal breaks what Python code waits in (sleep, a lock, a socket), and its
handler can raise. The trap is where. A flag "user code runs" cannot say it:
between two bytecodes at its edges the exception would hit our own code. So the
handler looks at the frames that it interrupts and raises only below
`Interrupter.call`: by construction the exception comes out of the call of the
user's function, and nowhere else. Interrupts that come too early or too late
are not lost: a thread repeats them for as long as there is a reason, but not
while user code handles the last one: what stands in `finally` or `__exit__` is
to come to its end.

Some code has a way of its own to be ended: coroutines are cancelled (`tell_by`), and
who has installed a handler of a stop signal, as web servers do, shuts down by it. It
is told once in that way, and is interrupted only when most of the time is over.

Nothing here takes a lock that the interrupted code may hold.
"""

from __future__ import annotations

import _thread
import signal
import sys
import threading
import time
from collections.abc import Callable
from types import FrameType
from typing import Any, Final, TypeVar

from lightgrid.errors import WorkStopped
from lightgrid.frames import calls_user_code

ResultT = TypeVar("ResultT")

#: Ignored unless handled, and no one's: Go's runtime interrupts its threads by it
#: for these reasons.
_POKE: Final = signal.SIGURG
_REPEAT_S: Final = 0.1
#: Raised this often and caught each time, `WorkStopped` will not get out.
_PATIENCE: Final = 5


class CallCancelled(BaseException):
    """Ends a call that the flow has cancelled.

    A `BaseException`, so that `except Exception` lets it pass.
    """


class Interrupter:
    """Interrupts user code in the main thread. To be made there.

    Args:
        on_stop: Called once, when a signal or anyone else asks to stop; maybe in the
            signal's handler, where it must not wait for anything.
        on_stuck: Called on top of user code that catches every `WorkStopped`; it is to
            end the process.
        has_time: Tells whether user code that ends by itself may go on with it.
        is_signalled: Who asks to stop sends a signal as well, always. Else a handler of
            the user's is called by one that is raised here.

    Attributes:
        is_stopping: Someone asked to stop.
        has_raised: An exception of ours was raised in the call that runs, or ran last; or
            it was told of one in a way of its own.
    """

    def __init__(
        self,
        on_stop: Callable[[], None],
        on_stuck: Callable[[], None] | None = None,
        has_time: Callable[[], bool] = lambda: True,
        *,
        is_signalled: bool = True,
    ) -> None:
        self.is_stopping = False
        self.has_raised = False
        self._on_stop = on_stop
        self._on_stuck = on_stuck
        self._has_time = has_time
        self._is_signalled = is_signalled
        self._tell: Callable[[], None] | None = None
        self._told: type[BaseException] | None = None  # what the call was told of in its own way
        self._raised: BaseException | None = None
        self._raise_count = 0
        self._main_thread = threading.main_thread().ident or 0
        self._make_error: Callable[[], BaseException] | None = None
        self._is_poking = False
        self._is_closed = False
        self._stop_signals: frozenset[int] = frozenset()

    def install(self, *stop_signals: signal.Signals) -> None:
        """Handle signals from now on; each of these asks to stop."""
        self._stop_signals = frozenset(stop_signals)
        for number in (*stop_signals, _POKE):
            signal.signal(number, self._handle)

    def is_stop_signal(self, numbers: bytes) -> bool:
        """Tell whether one of these signals, as their numbers, asks to stop."""
        return not self._stop_signals.isdisjoint(numbers)

    def call(self, function: Callable[..., ResultT], *args: Any, **kwargs: Any) -> ResultT:
        """Execute user code that may be interrupted.

        Raises:
            WorkStopped: It is to stop.
            CallCancelled: Its call was cancelled.
            BaseException: What else `interrupt` was asked to raise, or the code raises.
        """
        self.has_raised = False
        self._told = None
        self._handle_again()
        error = self._pending_error()
        if error is not None:
            self.has_raised = True
            raise error
        return _execute(function, args, kwargs)

    def stop(self) -> None:
        """Raise `WorkStopped` in user code until there is none left. From any thread."""
        first = not self.is_stopping
        self.is_stopping = True
        self._poke()
        if first:
            self._on_stop()

    def interrupt(self, make_error: Callable[[], BaseException]) -> None:
        """Raise an error in user code until `end_call`. From any thread.

        Args:
            make_error: Makes it, a new one each time: a raised one grows a traceback.
        """
        self._make_error = make_error
        self._poke()

    def tell_by(self, tell: Callable[[], None] | None) -> None:
        """Have user code told by a function, once for each kind of error, before it is interrupted.

        Args:
            tell: Called in the signal's handler; None when there is no such way any more.
        """
        self._tell = tell

    def told_error(self) -> BaseException | None:
        """Return the error of which user code was told in its own way, if it was."""
        return None if self._told is None else self._pending_error()

    @property
    def is_cancelling(self) -> bool:
        """Whether the call that runs was cancelled."""
        return self._make_error is CallCancelled

    def end_call(self) -> None:
        """Note that the call is over, and with it what `interrupt` was asked."""
        self._make_error = None

    def close(self) -> None:
        """Raise nothing any more. A further signal does nothing."""
        self._is_closed = True

    def forget_in_child(self) -> None:
        """Let a forked child be an ordinary process."""
        self._is_closed = True
        for number in (signal.SIGTERM, signal.SIGINT, _POKE):
            if _is_own(signal.getsignal(number)):
                default = number != signal.SIGINT
                signal.signal(number, signal.SIG_DFL if default else signal.default_int_handler)

    def _pending_error(self) -> BaseException | None:
        if self._is_closed:
            return None
        if self.is_stopping:
            return WorkStopped(0)
        make_error = self._make_error
        return None if make_error is None else make_error()

    def _handle(self, number: int, frame: FrameType | None) -> None:
        if number != _POKE:
            self.stop()
        if _is_below_call(frame):
            error = self._pending_error()
            if error is None or (self._has_time() and self._is_told(type(error))):
                return
            if self._is_handled(type(error)):
                if self._has_time():
                    return
                # It is told once more; then it is stuck, there is no time for further patience.
                self._raise_count = max(self._raise_count, _PATIENCE - 1)
            self.has_raised = True
            self._raised = error
            self._raise_count += self.is_stopping
            if self._raise_count > _PATIENCE and self._on_stuck is not None:
                self._on_stuck()
            raise error

    def _is_told(self, kind: type[BaseException]) -> bool:
        """Tell user code in its own way, unless it was told; return whether it has one."""
        tell = self._tell
        number = self._users_signal() if tell is None and self.is_stopping else 0
        if tell is None and not number:
            return False
        if self._told is not kind:
            self._told = kind
            self.has_raised = True
            if tell is not None:
                tell()
            elif not self._is_signalled:
                signal.raise_signal(number)
        return True

    def _users_signal(self) -> int:
        """Return a stop signal that user code handles itself; 0 if there is none."""
        for number in self._stop_signals:
            handler = signal.getsignal(number)
            if callable(handler) and not _is_own(handler):
                return number
        return 0

    def _handle_again(self) -> None:
        """Take back signals that nobody handles: an event loop that is closed leaves them so."""
        for number in self._stop_signals:
            if signal.getsignal(number) in (signal.SIG_DFL, signal.default_int_handler):
                signal.signal(number, self._handle)

    def _is_handled(self, kind: type[BaseException]) -> bool:
        """Tell whether user code is in an `except`, `finally` or `__exit__` for what was raised.

        Args:
            kind: What is to be raised: a stop is told also to who handles something else.
        """
        if type(self._raised) is not kind:
            return False
        error = sys.exc_info()[1]
        while error is not None and error is not self._raised:
            error = error.__context__
        return error is not None

    def _poke(self) -> None:
        # Not a threading.Thread: starting one takes a lock, which the code that this
        # handler interrupts may hold.
        if not self._is_poking:
            self._is_poking = True
            _thread.start_new_thread(self._poke_repeatedly, ())

    def _poke_repeatedly(self) -> None:
        while True:
            while not self._is_closed and (self.is_stopping or self._make_error is not None):
                signal.pthread_kill(self._main_thread, _POKE)
                time.sleep(_REPEAT_S)
            self._is_poking = False
            # A reason to interrupt that came just before the line above has started no other
            # thread, since this one was there: so this one looks once more. If the reason has
            # started one after all, two threads do the same for a while, which does no harm.
            if self._is_closed or (not self.is_stopping and self._make_error is None):
                return
            self._is_poking = True


@calls_user_code
def _execute(function: Callable[..., ResultT], args: Any, kwargs: Any) -> ResultT:
    # A frame below `call` even where the function has none, because it is written in C.
    return function(*args, **kwargs)


def _is_own(handler: object) -> bool:
    return getattr(handler, "__func__", None) is Interrupter._handle


def _is_below_call(frame: FrameType | None) -> bool:
    """Tell whether a frame was called, however far, by `Interrupter.call`.

    Not the frame of `call` itself, and none of a handler of ours: that one
    raises for itself when it is done.
    """
    if frame is None or frame.f_code is _CALL_CODE:
        return False
    here: FrameType | None = frame
    while here is not None:
        if here.f_code is _CALL_CODE:
            return True
        if here.f_code is _HANDLE_CODE:
            return False
        here = here.f_back
    return False


_CALL_CODE: Final = Interrupter.call.__code__
_HANDLE_CODE: Final = Interrupter._handle.__code__
