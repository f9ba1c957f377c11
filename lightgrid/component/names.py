"""What a component, or a variable of one, can be called.

A component's name stands in the paths that people write, in a process' environment and
command line, on the wire and in the table on a terminal. What all of them can take is
text that can be printed. A slash is no trouble: only the file of a work's log has to do
without it, and has a name of its own. A dot would be: it stands between the names of two
components.
"""

from __future__ import annotations

from typing import Final

from lightgrid.errors import ComponentError

#: In UTF-8. Names of components are put together, level by level, and one argument of a
#: program can have 128 KiB.
MAX_NAME_BYTES: Final = 255
_MAX_SHOWN: Final = 40


def check_component_name(owner: str, name: str) -> None:
    """Refuse what no component can be called.

    Args:
        owner: The component above, as errors call it.
        name: What is to be its key there.

    Raises:
        ComponentError: Another name is needed.
    """
    fault = _fault(name)
    if fault is None and "." in name:
        fault = "it has a dot, which stands between the names of two components"
    if fault is not None:
        raise ComponentError(f"{owner}: {_shown(name)} cannot be a component's name: {fault}")


def check_variable_name(owner: str, name: str) -> None:
    """Refuse what no variable can be called; see `check_component_name`."""
    fault = _fault(name)
    if fault is not None:
        raise ComponentError(f"{owner}: {_shown(name)} cannot be a variable's name: {fault}")


def _fault(name: str) -> str | None:
    if not name:
        return "it is empty"
    for character in name:
        if not character.isprintable():
            return f"it has the character {character!r}, which cannot be printed"
    size = len(name.encode())
    if size > MAX_NAME_BYTES:
        return f"it has {size} bytes, and {MAX_NAME_BYTES} are allowed"
    return None


def _shown(name: str) -> str:
    return repr(name) if len(name) <= _MAX_SHOWN else f"{name[:_MAX_SHOWN]!r}..."
