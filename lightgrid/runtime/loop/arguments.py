"""The arguments of a run call, as they travel."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from lightgrid.component.work_node import WorkNode
from lightgrid.errors import ComponentError, UnsupportedValueError, short_name
from lightgrid.process.app_file import find_app_file
from lightgrid.process.work_spec import dump_object
from lightgrid.protocol.messages import Run
from lightgrid.state.sizes import MAX_PIECE_BYTES, MAX_STATE_BYTES, size_of
from lightgrid.state.values import copy_value, type_name

_ELSEWHERE: Final = "Keep it in a file and pass its path"


def pack_arguments(
    run: Run, args: Sequence[Any], kwargs: Mapping[str, Any], work: WorkNode
) -> None:
    """Put arguments into a call: as values where they are and fit a message, else as a pickle.

    Only the process of a work in Python reads the pickle, which travels in parts.

    Raises:
        ComponentError: An argument can be neither, or is too large.
    """
    call = f"{short_name(work.name)}.run()"
    try:
        run.args = [copy_value(argument, (f"argument {n}",)) for n, argument in enumerate(args, 1)]
        run.kwargs = {name: copy_value(value, (name,)) for name, value in kwargs.items()}
    except UnsupportedValueError as error:
        if not work.is_python:
            raise ComponentError(
                f"{call}: {error} So have arguments of a program, which need not be in Python"
            ) from None
        run.args, run.kwargs = (), {}
    else:
        if not _has_large_one(run, call, refuse=not work.is_python):
            return
        run.args, run.kwargs = (), {}
    try:
        pickled = dump_object(
            (tuple(args), dict(kwargs)), by_reference=find_app_file()[0] is not None
        )
    except Exception as error:
        raise ComponentError(
            f"{call}: an argument can be sent to no other process: {error}"
        ) from error
    if len(pickled) > MAX_STATE_BYTES:
        raise ComponentError(
            f"{call}: the arguments take {len(pickled):,} bytes, the limit is {MAX_STATE_BYTES:,}. "
            f"{_ELSEWHERE}"
        )
    run.python_arguments = pickled


def _has_large_one(run: Run, call: str, *, refuse: bool) -> bool:
    """Tell whether a message may have no room for one of the arguments.

    Raises:
        ComponentError: So it is, and `refuse`: the work reads no pickle.
    """
    named = [
        *((f"argument {n}", value) for n, value in enumerate(run.args, 1)),
        *run.kwargs.items(),
    ]
    for name, value in named:
        size_bytes = size_of(value).bytes + len(name)
        if size_bytes > MAX_PIECE_BYTES:
            if refuse:
                raise ComponentError(
                    f"{call}: {name}, a {type_name(value)}, takes up to {size_bytes:,} bytes and "
                    f"has to fit into one message, which has room for {MAX_PIECE_BYTES:,}. "
                    f"{_ELSEWHERE}, or write it into a variable"
                )
            return True
    return False
