"""Tracebacks as users see them: without the frames that only say how their code was reached."""

from __future__ import annotations

from types import TracebackType
from typing import TYPE_CHECKING, Final

from lightgrid.errors import Explained
from lightgrid.frames import is_caller, is_own_file

if TYPE_CHECKING:
    from traceback import TracebackException

#: Errors whose frames of ours, where they come last, say nothing to a user.
_EXPLAINED: Final = (Explained, SyntaxError)


def user_trace(error: BaseException) -> str:
    """Return an exception and its traceback as text, from the user's first line on."""
    import traceback

    told = traceback.TracebackException.from_exception(error)
    _drop_own_frames(told, error)
    if not told.stack and error.__cause__ is error.__context__ is None:
        return "".join(told.format_exception_only())  # as Python shows a SyntaxError of a script
    return "".join(told.format())


def _drop_own_frames(told: TracebackException | None, error: BaseException | None) -> None:
    """Take our own frames out of a traceback, and out of those that are told with it."""
    if told is None or error is None:
        return
    stack = told.stack
    users = [at for at, frame in enumerate(stack) if not is_own_file(frame.filename)]
    # What we refuse, we explain: where in our code we did is of no interest. Of an accident
    # below user code it is: that is a fault of ours.
    is_explained = isinstance(error, _EXPLAINED) or _is_about_a_call(error.__traceback__)
    last = len(stack) if is_explained else max(users, default=-1)
    for at in reversed(range(last)):
        if at not in users:
            del stack[at]
    _drop_own_frames(told.__cause__, error.__cause__)
    _drop_own_frames(told.__context__, error.__context__)


def _is_about_a_call(trace: TracebackType | None) -> bool:
    """Tell whether the innermost frame is one that calls user code: it could not be called."""
    if trace is None:
        return False
    while trace.tb_next is not None:
        trace = trace.tb_next
    return is_caller(trace.tb_frame.f_code)
