"""What a work's process is told before it can connect: its object, and where to find its code.

Both ends of the contract stand here. The launcher executes `work_command`, with what
`told_environment` has added to the environment, in a session of its own and the
flow's working folder; what `WorkSpec.dump` returns is its standard input, up to its end.
Not another descriptor, which no program that starts one elsewhere hands on.
"""

from __future__ import annotations

import os
import pickle
import sys
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from io import BytesIO
from types import CodeType, FunctionType
from typing import TYPE_CHECKING, Any, Final

from lightgrid.component.node import HasNode
from lightgrid.process.interpreter import interpreter_command
from lightgrid.process.user_code import CodePacker

if TYPE_CHECKING:
    from lightgrid.component.work import Work

#: What `work_command` comes to.
WORK_ENTRY: Final = "lightgrid.worker.work_process:be_process"
#: Objects may hold one another.
_MAX_SEARCH_DEPTH: Final = 8


@dataclass(frozen=True, slots=True)
class WorkSpec:
    """Everything about a work that is not in the environment.

    Attributes:
        work: Its name in the component tree: "root.w".
        pickled_work: The work. Unpickled after the app file was loaded.
        app_file: The file whose classes the work is made of; None in a notebook,
            whose classes are inside `pickled_work`.
        main_module: The name under which the app was started by `python -m`, if it was.
        sys_argv: What the app file finds in `sys.argv`.
        sys_path: Likewise in `sys.path`.
        seen_revision: The revision of the state tree that the work's variables were taken at.
        stop_grace_s: How long leaving may take when nobody says another time.
        log_level: Of the "lightgrid" logger, as `logging` names it.
    """

    work: str
    pickled_work: bytes
    app_file: str | None = None
    main_module: str | None = None
    sys_argv: list[str] = field(default_factory=list)
    sys_path: list[str] = field(default_factory=list)
    seen_revision: int = 0
    stop_grace_s: float = 2.0
    log_level: str = "WARNING"

    def dump(self, seen_revision: int) -> bytes:
        """Return what a new process of the work is to read.

        Args:
            seen_revision: The revision that the state tree came to by all that had been
                written into the work when this was made.
        """
        return pickle.dumps(replace(self, seen_revision=seen_revision), protocol=5)


def make_spec(
    work: Work,
    *,
    app_file: str | None,
    stop_grace_s: float,
    log_level: str = "WARNING",
    main_module: str | None = None,
) -> WorkSpec:
    """Return a work as it is now, for a process of its own.

    Args:
        work: As the flow has it now; its state goes with it.
        app_file: The loaded app file, or None when the app was made interactively.
        stop_grace_s: See `WorkSpec`.
        log_level: See `WorkSpec`.
        main_module: See `WorkSpec`.

    Raises:
        Exception: Something that the work holds cannot be pickled; the error of `pickle`.
    """
    path = list(map(os.path.abspath, filter(None, sys.path)))
    return WorkSpec(
        work=work.name,
        pickled_work=dump_object(work, by_reference=app_file is not None),
        app_file=None if app_file is None else os.path.abspath(app_file),
        main_module=main_module,
        sys_argv=list(sys.argv),
        # "" is wherever the process is when it imports, which is the same place.
        sys_path=[os.getcwd(), *path] if "" in sys.path else path,
        stop_grace_s=stop_grace_s,
        log_level=log_level,
    )


def read_spec() -> WorkSpec:
    """Return the spec that standard input gives, which is empty from then on."""
    with open(0, "rb", closefd=False) as stream:
        spec = pickle.load(stream)  # whoever started us wrote it, where nobody else writes
    assert isinstance(spec, WorkSpec)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    return spec


def work_command(work_name: str) -> list[str]:
    """Return the command that executes a work.

    Args:
        work_name: For people who run `ps`.
    """
    return [*interpreter_command(), "-m", "lightgrid.worker.work_process", "--name", work_name]


def dump_object(value: Any, *, by_reference: bool) -> bytes:
    """Pickle a work, or the arguments of a call, for a work's process.

    Args:
        value: Anything that cloudpickle can take.
        by_reference: What is defined in `__main__` is named, for a process that has
            loaded the same app file; else it is inside the pickle.
    """
    import cloudpickle  # 50 ms, and the process of a work nearly never needs it

    packer = CodePacker()

    class Pickler(cloudpickle.Pickler):  # type: ignore[misc]
        """cloudpickle always takes what is in `__main__` by value, and code without its place."""

        def reducer_override(self, value: Any) -> Any:
            """Reduce what is not to be reduced as cloudpickle does."""
            if isinstance(value, CodeType):
                return packer.pack(value) or super().reducer_override(value)
            if isinstance(value, type | FunctionType) and by_reference and _is_found_in_main(value):
                return NotImplemented  # the ordinary pickle: the other process finds it by its name
            if isinstance(value, FunctionType):
                packer.note_lines(value)
            return super().reducer_override(value)

    stream = BytesIO()
    Pickler(stream, protocol=5).dump(value)
    return stream.getvalue()


def find_unpicklable(value: Any, name: str, *, by_reference: bool) -> tuple[str, Any]:
    """Return the part of a value because of which it cannot be pickled, and what it is called.

    Args:
        value: What cannot be pickled.
        name: What it is called.
        by_reference: See `dump_object`.
    """
    for _ in range(_MAX_SEARCH_DEPTH):
        for inner_name, inner in _parts(value):
            try:
                dump_object(inner, by_reference=by_reference)
            except Exception:
                name, value = name + inner_name, inner
                break
        else:
            break
    return name, value


def _parts(value: Any) -> Iterable[tuple[str, Any]]:
    if isinstance(value, dict):
        return [(f"[{key!r}]", item) for key, item in value.items()]
    if isinstance(value, list | tuple):
        return [(f"[{index}]", item) for index, item in enumerate(value)]
    attributes = getattr(value, "__dict__", {})
    if isinstance(value, HasNode):  # of a component not all travels
        state: Any = value.__getstate__()
        attributes = state["attributes"]
    return [(f".{name}", item) for name, item in attributes.items()]


def _is_found_in_main(value: type | FunctionType) -> bool:
    if value.__module__ != "__main__":
        return False
    here: Any = sys.modules.get("__main__")
    for part in value.__qualname__.split("."):
        here = getattr(here, part, None)
    return here is value
