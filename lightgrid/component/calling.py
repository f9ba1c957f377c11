"""What `work.run(...)` does: alone, in the flow's process, and in the work's own."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping, Sequence
from types import FunctionType
from typing import Any

from lightgrid.component.backend import ProcessSide, is_in_flow_code
from lightgrid.component.call_key import NO_ARGUMENTS, call_key
from lightgrid.component.calls import CallPending
from lightgrid.component.work_node import WHERE_TO_PUT, WorkNode
from lightgrid.errors import ComponentError, ComponentTypeError, place_of, short_name
from lightgrid.frames import calls_user_code


def run_alone(node: WorkNode) -> None:
    """Have `run` execute in place: a work that is in no app is an ordinary object."""
    work = node.component
    # On the instance, so that the class keeps the method that the user wrote.
    node.live["run"] = functools.partial(_run_in_place, node, type(work).run.__get__(work))


def run_by_calls(node: WorkNode) -> None:
    """Have `run` make calls, in the process of the flow."""
    node.live["run"] = _making_calls(node)


def run_as_written(node: WorkNode, side: ProcessSide | None) -> None:
    """Have `run` be what the user wrote, in the work's own process.

    Args:
        node: Of the work.
        side: What it can ask of its connection.
    """
    node.process_side = side
    node.live.pop("run", None)


@calls_user_code
def _run_in_place(node: WorkNode, run: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    if is_in_flow_code():
        raise ComponentError(
            f"{node.label}.run(): the work is in no flow, and here it would run inside the flow's "
            f"process. {WHERE_TO_PUT}"
        )
    # Of coroutines, each awaits one of its own.
    if not node.options.cache_calls or inspect.iscoroutinefunction(run):
        return run(*args, **kwargs)
    key = _key_of(node, args, kwargs)
    if key not in node.results:
        node.results[key] = run(*args, **kwargs)
    return node.results[key]


def _making_calls(node: WorkNode) -> Callable[..., None]:
    """Return the `run` of a work in a flow: it makes a call, unless it was made before.

    A flow of a thousand works asks each of them in each of its runs, and nearly
    always the answer is that there is nothing to do. Hence the bound names.
    """
    calls, records = node.calls, node.calls.records
    passes = calls.passes = node.backend_for("run").passes
    parallel, cache_calls = node.options.parallel, node.options.cache_calls
    is_known_enough = parallel and cache_calls

    def run(*args: Any, **kwargs: Any) -> None:
        key = NO_ARGUMENTS if not args and not kwargs else _key_of(node, args, kwargs)
        if is_known_enough and (record := records.get(key)) is not None:
            record.asked_in = passes.run
            return
        decision = calls.decide(key, cache_calls=cache_calls, parallel=parallel)
        if decision.sends:
            _check_arguments(node, args, kwargs)
            node.backend_for("run").call(node, key, args, kwargs)
        if decision.waits:
            passes.is_held_up = True
            raise CallPending(node.name)

    return run


def _check_arguments(node: WorkNode, args: Sequence[Any], kwargs: Mapping[str, Any]) -> None:
    """Refuse at the flow's line what the work's `run` cannot be called with.

    Raises:
        ComponentTypeError: As Python would, in the work's process.
        OptionError: A program cannot be started with it.
    """
    run = type(node.component).run
    # What is no function of the user's may take anything; so may a program that dials in.
    if not isinstance(run, FunctionType) or not node.options.launch:
        return
    signature = _signature_of(run)
    try:
        signature.bind(node.component, *args, **kwargs)
    except TypeError as error:
        file, line = place_of(run)
        raise ComponentTypeError(
            f"{short_name(node.name)}.run(): {error}. It is run{signature} in {file}, line {line}"
        ) from None
    node.program(args, kwargs)  # which refuses what no program can be given


@functools.cache
def _signature_of(function: FunctionType) -> inspect.Signature:
    # Of a wrapper it is the wrapper's own that counts.
    return inspect.signature(function, follow_wrapped=False)


def _key_of(node: WorkNode, args: Sequence[Any], kwargs: Mapping[str, Any]) -> str:
    try:
        return call_key(args, kwargs)
    except ComponentError as error:
        raise ComponentError(f"{node.label}.run(): {error}") from None
