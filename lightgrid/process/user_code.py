"""User code that travels inside a pickle: under its file's name, and with its lines.

An error in it, in the other process, then shows the line that the user wrote. A pickler
may leave both out, so that equal functions have equal pickles wherever they stand; to us
the place is what counts.
"""

from __future__ import annotations

import inspect
import linecache
import marshal
import os
from collections.abc import Callable
from types import CodeType, FunctionType


class CodePacker:
    """Packs the code of one pickle."""

    def __init__(self) -> None:
        # By file. A pickler writes an object once: one list for all code of a file.
        self._lines: dict[str, list[str]] = {}

    def note_lines(self, function: FunctionType) -> None:
        """Remember the lines of the file of a function whose code may be packed next."""
        name = function.__code__.co_filename
        if name not in self._lines:
            self._lines[name] = _find_lines(function)

    def pack(self, code: CodeType) -> tuple[Callable[..., CodeType], tuple[object, ...]] | None:
        """Return what a pickle is to hold in place of a code object, as `__reduce__` does.

        None if it was not made by Python's compiler alone: its constants may be anything.
        """
        try:
            # The same interpreter executes both processes. Inner functions are inside.
            packed = marshal.dumps(code)
        except ValueError:
            return None
        return unpack_code, (packed, code.co_filename, self._lines.get(code.co_filename, []))


def unpack_code(packed: bytes, filename: str, lines: list[str]) -> CodeType:
    """Return a code object that `CodePacker` packed; make its lines known in this process."""
    if lines:
        # Without a time of change: there is no file that could be newer.
        linecache.cache[filename] = (sum(map(len, lines)), None, lines, filename)
    code = marshal.loads(packed)
    assert isinstance(code, CodeType)
    return code


def _find_lines(function: FunctionType) -> list[str]:
    if os.path.isfile(function.__code__.co_filename):
        return []  # the other process reads the file itself
    try:
        # A notebook's cell, what was typed at a prompt, a module inside of a zip file.
        return inspect.findsource(function)[0]
    except (OSError, TypeError):
        return []  # the text of an `exec`: nobody has its lines
