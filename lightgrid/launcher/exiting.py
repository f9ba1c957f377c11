"""How a forked work exits: as Python does, but for taking apart what it was forked with."""

from __future__ import annotations

import atexit
import gc
import io
import os
import sys
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Any, Final, NoReturn


def open_files() -> list[io.IOBase]:
    """Return the file objects of this process, but for those that `gc.freeze` has put aside."""
    return [one for one in gc.get_objects() if issubclass(type(one), io.IOBase)]


def call(function: Callable[[], object]) -> int:
    """Call what is all that a program does; return its exit code."""
    code: Any
    try:
        code = function()
    except SystemExit as exit_:
        code = exit_.code
    except BaseException:
        sys.excepthook(*sys.exc_info())
        return 1
    if code is None or isinstance(code, int):
        return code or 0
    print(code, file=sys.stderr)
    return 1


def let_be_last() -> None:
    """Have `exit_process` come after all that is registered from now on to be called at exit."""
    atexit.register(_finish)


def exit_process(code: int, files: Iterable[io.IOBase]) -> NoReturn:
    """Exit: wait for threads, call what is to be called at exit, write out what is not yet.

    An interpreter that ends would then visit each object that there is, and all memory that is
    shared with the fork server would be copied for that: 20 ms and 20 MB for each work. What
    has a `__del__` and still lives is not told; Python promises no one that.

    Args:
        code: The exit code.
        files: Those that `open_files` does not know of.
    """
    _exiting.append((code, tuple(files)))
    sys.exit(code)


#: What `exit_process` was called with.
_exiting: Final[list[tuple[int, tuple[io.IOBase, ...]]]] = []


def _finish() -> None:
    for code, files in _exiting:
        for file in [*files, *open_files()]:
            with suppress(Exception):  # closed, or its other end is
                file.flush()
        os._exit(code & 0xFF)
