"""The arguments of a run call, as they travel."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from lightgrid.errors import ComponentError, UnsupportedValueError
from lightgrid.process.app_file import find_app_file
from lightgrid.process.work_spec import dump_object
from lightgrid.protocol.messages import Run
from lightgrid.state.values import copy_value


def pack_arguments(run: Run, args: Sequence[Any], kwargs: Mapping[str, Any], work: str) -> None:
    """Put arguments into a call: as values where they are, else as a pickle.

    Only the work's own process reads the pickle.

    Raises:
        ComponentError: An argument can be neither.
    """
    try:
        run.args = [copy_value(argument, (f"argument {n}",)) for n, argument in enumerate(args, 1)]
        run.kwargs = {name: copy_value(value, (name,)) for name, value in kwargs.items()}
    except UnsupportedValueError:
        run.args, run.kwargs = (), {}
        try:
            run.python_arguments = dump_object(
                (tuple(args), dict(kwargs)), by_reference=find_app_file()[0] is not None
            )
        except Exception as error:
            raise ComponentError(
                f"{work}.run(): an argument can be sent to no other process: {error}"
            ) from error
