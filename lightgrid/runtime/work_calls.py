"""Executing one call of a work, and saying how it ended."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from lightgrid.component.work import Work
from lightgrid.errors import UnsupportedValueError, WorkStopped
from lightgrid.protocol.messages import CallError, CallState, CallUpdate, Run
from lightgrid.runtime.app_file import user_trace
from lightgrid.runtime.interrupt import CallCancelled, Interrupter
from lightgrid.state.values import Value, copy_value


class InvalidReturnValue(TypeError):  # noqa: N818 - what a failed call shows as its type
    """What `run` returned cannot be state."""


def execute_call(
    work: Work,
    run: Run,
    interrupter: Interrupter,
    leave_child: Callable[[BaseException | None], None],
) -> CallUpdate:
    """Execute a call in the main thread and return its end, whatever user code does.

    Args:
        work: Has the method.
        run: Names it.
        interrupter: Ends it, when it is to end.
        leave_child: Called with what came out of user code; does not return in a
            child that user code has forked.
    """
    try:
        result = interrupter.call(_execute, work, run, leave_child)
    except BaseException as error:
        if isinstance(error, WorkStopped | CallCancelled) or (
            # Code that was told to end may say what it likes on its way out.
            interrupter.has_raised and (interrupter.is_stopping or interrupter.is_cancelling)
        ):
            return CallUpdate(run.call_id, CallState.CANCELLED)
        return failed(run.call_id, error)
    if interrupter.has_raised and (interrupter.is_stopping or interrupter.is_cancelling):
        return CallUpdate(run.call_id, CallState.CANCELLED)
    try:
        return CallUpdate(run.call_id, CallState.SUCCEEDED, _checked(work, run, result))
    except InvalidReturnValue as error:
        return failed(run.call_id, error)


def failed(call_id: str, error: BaseException) -> CallUpdate:
    """Return the end of a call that failed with an exception."""
    try:
        message = str(error)
    except Exception as inner:  # the user's own __str__
        message = f"its message cannot be shown: {type(inner).__name__}"
    try:
        trace = user_trace(error)
    except Exception:
        trace = ""
    told = CallError(type(error).__name__, message, trace)
    return CallUpdate(call_id, CallState.FAILED, error=told)


def _execute(work: Work, run: Run, leave_child: Callable[[BaseException | None], None]) -> Any:
    try:
        args, kwargs = _arguments(run)
        result = getattr(work, run.method_name)(*args, **kwargs)
        leave_child(None)
        return result
    except (WorkStopped, CallCancelled):
        raise
    except BaseException as error:
        leave_child(error)
        trace = error.__traceback__
        try:
            work.on_exception(error)
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


def _checked(work: Work, run: Run, result: Any) -> Value:
    try:
        return copy_value(result, ("result",))
    except UnsupportedValueError as error:
        inner = ".".join(error.path[1:])
        where = f" at {inner}" if inner else ""
        kind = f"{type(result).__module__}.{type(result).__qualname__}"
        raise InvalidReturnValue(
            f"{work.name}.{run.method_name}() returned a {kind.removeprefix('builtins.')}"
            f"{where}: {error.what}"
        ) from None
