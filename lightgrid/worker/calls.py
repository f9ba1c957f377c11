"""Executing one call of a work, and saying how it ended."""

from __future__ import annotations

import pickle
import traceback
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from lightgrid.component.work import Work
from lightgrid.errors import UnsupportedValueError, WorkStopped, place_of, short_name
from lightgrid.frames import calls_user_code
from lightgrid.process.user_trace import user_trace
from lightgrid.protocol.messages import CallError, CallErrorReason, CallState, CallUpdate, Run
from lightgrid.state.values import copy_value, type_name
from lightgrid.wire.calls import check_result
from lightgrid.worker.coroutines import Coroutines
from lightgrid.worker.interrupt import CallCancelled, Interrupter

_TRACEBACK: Final = "Traceback (most recent call last):"
#: Above the frames that an error was raised into, which it does not come from.
_IN_PASSING: Final = (
    "Noticed while the line below ran; what put the value there came before, or runs in another "
    "thread:"
)


def execute_call(
    work: Work,
    run: Run,
    interrupter: Interrupter,
    coroutines: Coroutines,
    leave_child: Callable[[BaseException | None], None],
    max_message_bytes: int,
) -> CallUpdate:
    """Execute a call in the main thread and return its end, whatever user code does.

    Args:
        work: Has the method.
        run: Names it.
        interrupter: Ends it, when it is to end.
        coroutines: Sees it through, where it is one.
        leave_child: Called with what came out of user code; does not return in a
            child that user code has forked.
        max_message_bytes: What a result has to fit into.
    """
    unreadable: list[BaseException] = []
    try:
        result = interrupter.call(_execute, work, run, coroutines, leave_child, unreadable)
    except BaseException as error:
        if isinstance(error, WorkStopped | CallCancelled) or (
            # Code that was told to end may say what it likes on its way out.
            interrupter.has_raised and (interrupter.is_stopping or interrupter.is_cancelling)
        ):
            return CallUpdate(run.call_id, CallState.CANCELLED)
        in_passing = interrupter.has_raised and isinstance(error, UnsupportedValueError)
        is_unreadable = any(error is one for one in unreadable)
        return failed(run.call_id, error, in_passing=in_passing, is_unreadable=is_unreadable)
    if interrupter.has_raised and (interrupter.is_stopping or interrupter.is_cancelling):
        return CallUpdate(run.call_id, CallState.CANCELLED)
    try:
        copied = copy_value(result, ("result",))
        check_result(copied, max_message_bytes)
        return CallUpdate(run.call_id, CallState.SUCCEEDED, copied)
    except UnsupportedValueError as error:
        return CallUpdate(
            run.call_id, CallState.FAILED, error=_bad_result(work, run, result, error)
        )


def failed(
    call_id: str,
    error: BaseException,
    *,
    in_passing: bool = False,
    is_unreadable: bool = False,
) -> CallUpdate:
    """Return the end of a call that failed with an exception.

    Args:
        call_id: Of the call.
        error: The exception.
        in_passing: It was raised into user code and does not come from there.
        is_unreadable: It is why the call could not be made.
    """
    try:
        message = str(error)
    except Exception as inner:  # the user's own __str__
        message = f"its message cannot be shown: {type(inner).__name__}"
    try:
        trace = user_trace(error)
    except Exception:
        trace = ""
    if type(error).__name__ == "BdbQuit" and not message:
        message = "a debugger found no terminal here; breakpoint() says what to do"
        trace = f"{trace.rstrip()}: {message}\n"
    if in_passing:
        trace = trace.replace(_TRACEBACK, _IN_PASSING, 1)
    if is_unreadable:
        reason = CallErrorReason.INVALID_CALL
    elif isinstance(error, UnsupportedValueError):  # a class of the user's may have its name
        reason = CallErrorReason.INVALID_STATE
    else:
        reason = CallErrorReason.USER_EXCEPTION
    told = CallError(type(error).__name__, message, trace, reason)
    return CallUpdate(call_id, CallState.FAILED, error=told)


@calls_user_code
def _execute(
    work: Work,
    run: Run,
    coroutines: Coroutines,
    leave_child: Callable[[BaseException | None], None],
    unreadable: list[BaseException],
) -> Any:
    """Make a call; why it could not be, if so, is put into `unreadable` as well."""
    try:
        try:
            method, (args, kwargs) = getattr(work, run.method_name), _arguments(run)
            if not callable(method):
                raise TypeError(f"{short_name(work.name)}.{run.method_name} is not a method")
        except Exception as error:
            unreadable.append(error)
            raise
        result = coroutines.call(method, *args, **kwargs)
        leave_child(None)
        return result
    except (WorkStopped, CallCancelled):
        raise
    except BaseException as error:
        leave_child(error)
        trace = error.__traceback__
        try:
            coroutines.call(work.on_exception, error)
        except BaseException as again:
            if again is error:  # its way through `on_exception` says nothing
                raise error.with_traceback(trace) from error.__cause__
            raise
        return None


def _arguments(run: Run) -> tuple[Sequence[Any], Mapping[str, Any]]:
    if run.python_arguments:
        # The flow's process made it, and the flow server only carries it: the one place
        # where a pickle from another process is read.
        args, kwargs = pickle.loads(run.python_arguments)
        return args, kwargs
    return run.args, run.kwargs


def _bad_result(work: Work, run: Run, result: Any, error: UnsupportedValueError) -> CallError:
    inner = ".".join(error.path[1:])
    where = f" at {inner}" if inner else ""
    message = (
        f"{short_name(work.name)}.{run.method_name}() returned a {type_name(result)}{where}: "
        f"{error.what}"
    )
    file, line = place_of(getattr(type(work), run.method_name, None))
    # Which `return` it was is not known; the function is.
    frames = traceback.format_list([(file, line, run.method_name, None)] if file else [])
    trace = f"{''.join(frames)}TypeError: {message}\n"
    return CallError("TypeError", message, trace, CallErrorReason.INVALID_RETURN_VALUE)
