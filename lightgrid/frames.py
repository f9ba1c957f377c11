"""Whose code a frame of a stack is: lightgrid's, the user's, or where one calls the other."""

from __future__ import annotations

import os
from collections.abc import Callable
from types import CodeType, FrameType
from typing import Final, ParamSpec, TypeVar

_OWN_FOLDER: Final = os.path.join(os.path.dirname(os.path.abspath(__file__)), "")

P = ParamSpec("P")
T = TypeVar("T")

_callers: Final[set[CodeType]] = set()


def calls_user_code(function: Callable[P, T]) -> Callable[P, T]:
    """Note that a function of ours calls the user's.

    An error whose innermost frame is such a function is about how the user's code is called
    or made, such as with other arguments than it takes, and no fault of ours.
    """
    _callers.add(function.__code__)
    return function


def is_caller(code: CodeType) -> bool:
    """Tell whether code is a function that `calls_user_code` has noted."""
    return code in _callers


def is_own_file(filename: str) -> bool:
    """Tell whether code is lightgrid's own."""
    return filename.startswith(_OWN_FOLDER)


def frames_below(caller: Callable[..., object], frame: FrameType | None) -> list[FrameType] | None:
    """Return what a thread has on its stack of what a function has called.

    Args:
        caller: A function that calls the user's.
        frame: Where the thread is.

    Returns:
        Innermost first; empty while it just is called. None if the thread is elsewhere.
    """
    code = caller.__code__
    frames: list[FrameType] = []
    while frame is not None:
        if frame.f_code is code:
            return frames
        frames.append(frame)
        frame = frame.f_back
    return None
