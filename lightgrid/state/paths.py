"""How people write a place in the state tree, and how a place is shown to them.

Two forms are read. The one people write names components from the root, then a
variable, then what is inside it:

    w.counter                       a variable of the work `w`
    w.items[3]                      an item of a list
    flow.sub.w.d["k.with.dots"]     a key with any characters, in quotes
    trainers.0.loss                 a member of a structure
    root.w.counter                  the same as `w.counter`
    w                               the node of a component
    w.status                        its status, unless it has a variable of that name

Empty text, or `root`, is the whole tree. The other form begins with `root[` and
is the tree's own path as DeepDiff prints it, read literally:

    root['works']['w']['vars']['items'][3]

In quotes every character stands for itself, backslash and line end included, as
in DeepDiff; only the quote itself is written twice. (DeepDiff escapes nothing
either, and therefore cannot read back a key that holds both kinds of quote.)
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from enum import Enum
from typing import Final

from lightgrid.errors import MisfitError, NoSuchPathError, PathSyntaxError
from lightgrid.state.delta import Path, parse_index
from lightgrid.state.layout import FLOWS, STRUCTURES, VARS, WORKS
from lightgrid.state.values import Value

_NAME: Final = re.compile(r"[^\s.\[\]'\"]+")
_IN_BRACKETS: Final = re.compile(r"[^\s\[\]'\"]+")
_INDEX: Final = re.compile(r"0|[1-9][0-9]*")
_MAX_SHOWN_NAMES: Final = 12
_MAX_NAMES_COMPARED: Final = 1000


class Form(Enum):
    """How a step of a path is written."""

    NAME = ".name"
    BARE = "[3]"
    QUOTED = "['key']"


@dataclass(frozen=True, slots=True)
class Step:
    """One step of a path.

    Attributes:
        segment: The name, key or index as it stands, without its quotes.
        form: How it is written.
        position: Where in the text it begins, its dot or bracket included.
    """

    segment: str
    form: Form
    position: int


@dataclass(frozen=True, slots=True)
class PersonPath:
    """A path as a person wrote it, read but not yet looked up.

    Attributes:
        text: What was read.
        is_literal: It is the tree's own path, `root[...]`.
        steps: Outermost first; none means the whole tree.
    """

    text: str
    is_literal: bool
    steps: tuple[Step, ...]


class _Place(Enum):
    COMPONENT = "component"
    STRUCTURE = "structure"
    VALUE = "value"


#: The groups of a node, in the order in which a name is looked for, and what
#: their members are.
_GROUPS: Final = {
    VARS: _Place.VALUE,
    FLOWS: _Place.COMPONENT,
    WORKS: _Place.COMPONENT,
    STRUCTURES: _Place.STRUCTURE,
}


def parse_path(text: str) -> PersonPath:
    """Read a path in either form.

    Raises:
        PathSyntaxError: With the position of what cannot be read.

    Cost: O(text). Nothing of the text is evaluated.
    """
    is_literal = text.startswith("root[")
    at = 4 if is_literal or text == "root" or text.startswith("root.") else 0
    steps: list[Step] = []
    while at < len(text):
        if text[at] == "[":
            step, at = _read_brackets(text, at, is_literal)
        elif is_literal:
            raise PathSyntaxError(
                text, at, "only [...] can follow here: state has keys and indexes, no attributes"
            )
        else:
            step, at = _read_name(text, at)
        steps.append(step)
    return PersonPath(text, is_literal, tuple(steps))


def resolve(tree_root: Mapping[str, Value], text: str) -> Path:
    """Return the place in the tree that a person's text means.

    Args:
        tree_root: A component's node, as the root of the state tree is.
        text: In one of the two forms.

    Raises:
        PathSyntaxError: The text cannot be read.
        NoSuchPathError: The place is not there; the message says what is, and what is near.

    Cost: O(text), not O(tree), but for the error's list of what is near.
    """
    parsed = parse_path(text)
    here: Value = tree_root
    kind = _Place.VALUE if parsed.is_literal else _Place.COMPONENT
    path: Path = ()
    for step in parsed.steps:
        if kind is _Place.VALUE:
            below: Path = (step.segment,)
            _check_inside(here, path, parsed, step)
        else:
            below, kind = _find_member(here, kind, path, parsed, step)
        for segment in below:
            here = here[int(segment) if isinstance(here, list | tuple) else segment]
        path += below
    return path


def show_path(path: Path, tree_root: Value = None) -> str:
    """Return a tree path as DeepDiff prints it; `resolve` reads it back, whatever its keys.

    Args:
        path: From the tree's root.
        tree_root: The tree, which tells list items, `[3]`, from keys, `['3']`.
            Without it all are shown as keys, which `resolve` reads as well.
    """
    shown = ["root"]
    here = tree_root
    for segment in path:
        if isinstance(here, list | tuple) and _INDEX.fullmatch(segment):
            shown.append(show_index(segment))
            here = here[int(segment)] if len(segment) < 12 and int(segment) < len(here) else None
        else:
            shown.append(show_key(segment))
            here = here.get(segment) if isinstance(here, dict) else None
    return "".join(shown)


def show_key(key: str) -> str:
    """Return a dict key as a step of DeepDiff's form."""
    if "'" not in key:
        return f"['{key}']"
    doubled = key.replace('"', '""')
    return f'["{doubled}"]'


def show_index(index: int | str) -> str:
    """Return a list index as a step of DeepDiff's form."""
    return f"[{index}]"


def _read_name(text: str, at: int) -> tuple[Step, int]:
    start = at
    if text[at] == "." and at > 0:
        start += 1
    elif at > 0:
        raise PathSyntaxError(text, at, f"a '.' or '[' has to come before {text[at]!r}")
    match = _NAME.match(text, start)
    if match is None:
        raise PathSyntaxError(text, start, "a name is missing here")
    end = match.end()
    if end < len(text) and text[end] not in ".[":
        raise PathSyntaxError(
            text, end, f'{text[end]!r} cannot be in a name; write the whole name as ["..."]'
        )
    return Step(match.group(), Form.NAME, at), end


def _read_brackets(text: str, at: int, is_literal: bool) -> tuple[Step, int]:
    quote = text[at + 1 : at + 2]
    if quote in {"'", '"'}:
        key, end = _read_quoted(text, at + 1)
        form = Form.QUOTED
    else:
        match = _IN_BRACKETS.match(text, at + 1)
        if match is None:
            raise PathSyntaxError(text, at + 1, "an index or a key in quotes is missing here")
        key, end = match.group(), match.end()
        form = Form.BARE
        if is_literal and not _INDEX.fullmatch(key):
            raise PathSyntaxError(
                text, at + 1, f"{key} is no index from 0 on; a key has to be in quotes"
            )
    if text[end : end + 1] != "]":
        raise PathSyntaxError(text, end, "a ']' is missing here")
    return Step(key, form, at), end + 1


def _read_quoted(text: str, at: int) -> tuple[str, int]:
    quote = text[at]
    parts = []
    start = at + 1
    while True:
        end = text.find(quote, start)
        if end < 0:
            raise PathSyntaxError(text, at, f"this {quote} has no end")
        parts.append(text[start:end])
        if text[end + 1 : end + 2] != quote:
            return "".join(parts), end + 1
        parts.append(quote)
        start = end + 2


def _find_member(
    node: Value, kind: _Place, path: Path, parsed: PersonPath, step: Step
) -> tuple[Path, _Place]:
    name = step.segment
    for group, member_kind in _GROUPS.items():
        if name in (node.get(group) or ()):
            return (group, name), member_kind
    if kind is _Place.COMPONENT and name in node and name not in _GROUPS:
        return (name,), _Place.VALUE  # status, calls, app_state
    there = [name for group in _GROUPS for name in node.get(group) or ()]
    if kind is _Place.COMPONENT:
        there += [name for name in node if name not in _GROUPS]
    raise NoSuchPathError(
        (*path, name), f"{_before(parsed, step)} has no {name!r}. {_what_is_there(name, there)}"
    )


def _check_inside(here: Value, path: Path, parsed: PersonPath, step: Step) -> None:
    segment = step.segment
    if isinstance(here, dict):
        if segment in here:
            return
        cause = f"has no key {segment!r}. {_what_is_there(segment, here)}"
    elif isinstance(here, list | tuple):
        try:
            parse_index(segment, len(here), path)
        except MisfitError as error:
            cause = f"cannot be followed by {segment!r}: {error.cause}"
        else:
            return
    else:
        kind = "null" if here is None else f"of type {type(here).__name__}"
        cause = f"is {kind} and has nothing inside"
    raise NoSuchPathError((*path, segment), f"{_before(parsed, step)} {cause}")


def _before(parsed: PersonPath, step: Step) -> str:
    return parsed.text[: step.position] or "the root"


def _what_is_there(name: str, names: Iterable[str]) -> str:
    there = list(dict.fromkeys(names))
    if not there:
        return "Nothing is there."
    near = get_close_matches(name, there[:_MAX_NAMES_COMPARED], n=3)
    if near:
        return f"Did you mean {' or '.join(map(repr, near))}?"
    shown = ", ".join(map(repr, there[:_MAX_SHOWN_NAMES]))
    more = len(there) - _MAX_SHOWN_NAMES
    return f"There are {shown}" + (f" and {more} more." if more > 0 else ".")
