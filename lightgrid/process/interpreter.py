"""How this interpreter was started, for others that are to be started alike."""

from __future__ import annotations

import sys
from typing import Final

#: The options that are letters, by their names in `sys.flags`. One that was given twice is
#: 2 there. Not -i and -q, which are for people at a prompt.
_LETTERS: Final = {
    "debug": "d",
    "optimize": "O",
    "dont_write_bytecode": "B",
    "no_user_site": "s",
    "no_site": "S",
    "ignore_environment": "E",
    "isolated": "I",
    "verbose": "v",
    "bytes_warning": "b",
}


def interpreter_command() -> list[str]:
    """Return the command that starts another interpreter like this one.

    With -P: a file of the user's that is called like a module of the standard library does not
    stand in its place before the app's own sys.path is known.
    """
    return [sys.executable, *interpreter_options(), "-P"]


def interpreter_options() -> list[str]:
    """Return the options of the command line that make another interpreter behave as this one.

    They also say what this one was told by its environment.
    """
    letters = [
        f"-{letter * given}"
        for name, letter in _LETTERS.items()
        if (given := getattr(sys.flags, name))
    ]
    warnings = [f"-W{option}" for option in sys.warnoptions]
    others = [
        f"-X{name}" if value is True else f"-X{name}={value}"
        for name, value in sys._xoptions.items()
    ]
    return [*letters, *warnings, *others]
