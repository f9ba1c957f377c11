"""Telling people, once for each, of what their program says and nothing comes of."""

from __future__ import annotations

import sys
import warnings
from typing import Final

_MORE: Final = "See docs/moving-from-lightning.md"

#: Arguments that are taken, and why nothing comes of them.
_OPTIONS: Final = {
    "cloud_compute": "works run on this machine",
    "flow_cloud_compute": "the flow runs on this machine",
    "cloud_build_config": "works run in the environment that the flow runs in",
    "local_build_config": "works run in the environment that the flow runs in",
    "log_level": "how much is told is said where the app is run: lightgrid flow --log-level error",
}

#: Methods that were called, and what there is in their place.
_HOOKS: Final = {
    "configure_layout": (
        "there is no web page; lightgrid state watch shows the state of a running app, and a work "
        "can serve a page of its own"
    ),
    "configure_commands": (
        "lightgrid state set changes the state of a running app, and the flow acts on it"
    ),
    "configure_api": (
        "there is no HTTP server; a work can be one, and lightgrid state get and set do the rest"
    ),
}

_told: Final[set[str]] = set()


class MovedWarning(UserWarning):
    """A program written for the removed framework says what has no effect here."""


def tell_options(**values: object) -> None:
    """Tell of arguments that nothing comes of, if they were given.

    Args:
        values: By the names of the arguments; None for one that was not given.
    """
    for name, value in values.items():
        if value is not None:
            _tell(name, f"{name}= has no effect: {_OPTIONS[name]}")


def tell_hooks(cls: type) -> None:
    """Tell of methods of a new class that nothing calls, its own and inherited ones."""
    for name, instead in _HOOKS.items():
        if hasattr(cls, name):
            _tell(name, f"{cls.__name__}.{name} is never called: {instead}")


def ignore_notices() -> None:
    """Tell nothing in this process: in that of a work, which loads what the flow's has loaded."""
    warnings.simplefilter("ignore", MovedWarning)


def _tell(name: str, text: str) -> None:
    if name in _told:
        return
    warnings.warn_explicit(f"{text}. {_MORE}", MovedWarning, *_users_line())
    _told.add(name)  # afterwards: where warnings are errors, each of them is one


def _users_line() -> tuple[str, int]:
    """Return the line of the user's that is at work."""
    frame = sys._getframe(2)
    while frame.f_back and frame.f_globals.get("__name__", "").startswith("lightgrid."):
        frame = frame.f_back
    return frame.f_code.co_filename, frame.f_lineno
