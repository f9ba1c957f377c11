"""What an option may be, and the sentence that says so where it is given.

A time that is `nan`, a port that is None or a flag that is the text "0" does harm long
after the line that gave it, in a thread that knows nothing of it. So every option of
works, flows, apps, tests and commands passes through here first.
"""

from __future__ import annotations

import ipaddress
import logging
import math
import re
import sys
from collections.abc import Mapping
from enum import StrEnum
from numbers import Real
from typing import Any, Final, TypeVar

from lightgrid.errors import OptionError

#: Some 30 years. Above it the clocks of operating systems overflow, each at a place of its own.
MAX_SECONDS: Final = 1e9
_MAX_PORT: Final = 65535
#: A name, an IPv4 address, or an IPv6 address in brackets; and a port or none.
_DIALLED: Final = re.compile(r"(?:\[([^\[\]]+)\]|([A-Za-z0-9._-]+))(?::([0-9]{1,5}))?")

_Word = TypeVar("_Word", bound=StrEnum)


class OptionChecker:
    """Checks what one owner is given; each method returns the value if it is allowed.

    All raise `OptionError` otherwise.

    Args:
        owner: What is made or called, as the user wrote it: "Trainer", "Root.schedule()".
    """

    def __init__(self, owner: str) -> None:
        self._owner = owner

    def flag(self, option: str, value: object) -> bool:
        """Take True and False alone: the text "False" is true, and so is every other word."""
        if not isinstance(value, bool):
            raise self._refusal(option, value, "True or False")
        return value

    def seconds(self, option: str, value: object, *, may_be_zero: bool = True) -> float:
        """Take a time."""
        return self._seconds(option, value, may_be_zero, "")

    def seconds_or_none(
        self, option: str, value: object, none: str, *, may_be_zero: bool = True
    ) -> float | None:
        """Take a time, or None.

        Args:
            option: Its name.
            value: What was given.
            none: What None stands for, in words: "no limit".
            may_be_zero: Whether no time at all has a meaning.
        """
        if value is None:
            return None
        return self._seconds(option, value, may_be_zero, f", or None for {none}")

    def range_of_seconds(self, option: str, value: object) -> tuple[float, float]:
        """Take two times, the shorter one first."""
        if isinstance(value, tuple) and len(value) == 2:
            # What is no number is below every range.
            shortest, longest = (_number(one) or 0.0 for one in value)
            if 0 < shortest <= longest <= MAX_SECONDS:
                return shortest, longest
        raise self._refusal(option, value, "two numbers of seconds above 0, the smaller one first")

    def number(self, option: str, value: object, least: float, most: float) -> float:
        """Take a number between two others."""
        number = _number(value)
        if number is None or not least <= number <= most:
            raise self._refusal(option, value, f"a number from {least:g} to {most:g}")
        return number

    def count_or_none(self, option: str, value: object, none: str) -> int | None:
        """Take how many of something, at least one; None for what `none` says."""
        if value is None:
            return None
        number = _number(value)
        if number is None or number < 1 or number != int(number):
            raise self._refusal(option, value, f"a whole number, 1 or more, or None for {none}")
        return int(number)

    def port_or_none(self, option: str, value: object, none: str) -> int | None:
        """Take the number of a TCP port; None for what `none` says."""
        if value is None:
            return None
        number = _number(value)
        if number is None or not 1 <= number <= _MAX_PORT or number != int(number):
            raise self._refusal(
                option, value, f"a whole number from 1 to {_MAX_PORT}, or None for {none}"
            )
        return int(number)

    def host(self, option: str, value: object) -> str:
        """Take the name or the address of a machine."""
        if not (isinstance(value, str) and value and value.isprintable() and " " not in value):
            raise self._refusal(option, value, 'the name or address of a machine: "127.0.0.1"')
        return value

    def address(self, option: str, value: object) -> str:
        """Take where to listen."""
        if isinstance(value, str):
            _, colon, port = value.rpartition(":")
            if colon and port.isascii() and port.isdigit() and int(port) <= _MAX_PORT:
                return value
        raise self._refusal(
            option, value, f"HOST:PORT with a port up to {_MAX_PORT}, where 0 is any free one"
        )

    def advertised_or_none(self, option: str, value: object) -> str | None:
        """Take what others are to dial, HOST or HOST:PORT; None for where the server listens."""
        if value is None or (isinstance(value, str) and _can_be_dialled(value)):
            return value
        raise self._refusal(
            option,
            value,
            f"HOST or HOST:PORT that others can dial, with a port from 1 to {_MAX_PORT} and an "
            "IPv6 address in brackets; 0.0.0.0 and [::] are no host",
        )

    def text(self, option: str, value: object, allowed: str) -> str:
        """Take a text that can be state.

        Args:
            option: Its name.
            value: What was given.
            allowed: What it is, in words.
        """
        if not isinstance(value, str) or not _is_unicode(value):
            raise self._refusal(option, value, allowed)
        return value

    def word(self, option: str, value: object, words: type[_Word], more: str = "") -> _Word:
        """Take one of some words; `more` says what else there is."""
        if isinstance(value, words):
            return value
        if not isinstance(value, str) or value not in list(words):
            *first, last = words
            raise self._refusal(option, value, f"{', '.join(first)} or {last}{more}")
        return words(value)

    def log_level(self, option: str, value: object) -> str:
        """Take the name of a level of `logging`; return it in capitals."""
        if not isinstance(value, str) or value.upper() not in logging.getLevelNamesMapping():
            raise self._refusal(option, value, "DEBUG, INFO, WARNING or ERROR")
        return value.upper()

    def environment(self, option: str, value: object) -> Mapping[str, str]:
        """Take what a process is to find in its environment."""
        if not isinstance(value, Mapping):
            raise self._refusal(option, value, "a dict of texts, by name")
        for key, text in value.items():
            if not is_system_text(key) or not key or "=" in key:
                raise self._refusal(f"a name in {option}", key, "a text without = and null")
            if not is_system_text(text):
                raise self._refusal(f"{option}[{key!r}]", text, "a text without null")
        return value

    def words(self, option: str, value: object) -> tuple[str, ...]:
        """Take a command: a program and its arguments."""
        if isinstance(value, str | bytes) or not hasattr(value, "__iter__"):
            example = value.split() if isinstance(value, str) else ["program", "argument"]
            raise self._refusal(option, value, f"a list of its words: {example!r}")
        words = tuple(map(str, value))
        if not words or not words[0] or not all(map(is_system_text, words)):
            raise self._refusal(option, value, "a program and its arguments, without null")
        return words

    def modules(self, option: str, value: object) -> tuple[str, ...]:
        """Take names of modules."""
        if isinstance(value, str | bytes) or not hasattr(value, "__iter__"):
            raise self._refusal(option, value, "a list of the names of modules")
        names = tuple(value)
        for name in names:
            is_name = isinstance(name, str) and all(map(str.isidentifier, name.split(".")))
            if not is_name:
                raise self._refusal(f"a name in {option}", name, "the name of a module")
        return names

    def kind(self, option: str, value: object, kind: type, allowed: str) -> Any:
        """Take an object of a class; `allowed` says what it is, in words."""
        if not isinstance(value, kind):
            raise self._refusal(option, value, allowed)
        return value

    def function(self, option: str, value: object) -> Any:
        """Take what can be called."""
        if not callable(value):
            raise self._refusal(option, value, "a function")
        return value

    def _seconds(self, option: str, value: object, may_be_zero: bool, more: str) -> float:
        number = _number(value)
        if number is None or not 0 <= number <= MAX_SECONDS or (number == 0 and not may_be_zero):
            least = "0 or more" if may_be_zero else "above 0"
            raise self._refusal(
                option, value, f"a number of seconds, {least} and up to {MAX_SECONDS:g}{more}"
            )
        return number

    def _refusal(self, option: str, value: object, allowed: str) -> OptionError:
        return OptionError(self._owner, option, value, allowed)


def is_system_text(value: object) -> bool:
    """Tell whether the operating system can take a text, as an argument of a program."""
    if not isinstance(value, str) or "\0" in value:
        return False
    try:
        value.encode(sys.getfilesystemencoding(), "surrogateescape")
    except UnicodeEncodeError:
        return False
    return True


def _number(value: object) -> float | None:
    """Return a finite real number, of whatever kind, as one of Python's own; None for others."""
    if isinstance(value, bool) or not isinstance(value, Real):
        return None
    try:
        number = float(value)
    except OverflowError:
        return None
    return number if math.isfinite(number) else None


def _can_be_dialled(text: str) -> bool:
    parts = _DIALLED.fullmatch(text)
    if parts is None:
        return False
    in_brackets, host, port = parts.groups()
    if port is not None and not 1 <= int(port) <= _MAX_PORT:
        return False
    if in_brackets is None:
        return bool(host.strip("0."))  # "0" and "0.0" are 0.0.0.0 as well
    try:
        return not ipaddress.IPv6Address(in_brackets).is_unspecified
    except ValueError:
        return False


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
