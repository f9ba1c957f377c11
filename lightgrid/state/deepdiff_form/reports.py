"""What a delta of DeepDiff reports, as plain data.

DeepDiff is a language here and nothing else: nothing is ever applied by it, and
only this module imports it, when it is given an object that was made with it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from lightgrid.errors import DeltaFormError, MisfitError
from lightgrid.state.delta import Path, Splice
from lightgrid.state.values import copy_value

#: In the order in which DeepDiff applies them, whatever their order in the mapping.
NAMES: Final = (
    "values_changed",
    "type_changes",
    "_iterable_opcodes",
    "iterable_item_removed",
    "iterable_item_added",
    "dictionary_item_added",
    "dictionary_item_removed",
)


def reports_of(delta: object) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Give the reports of a delta in the order of `NAMES`: each maps paths to what is told.

    Raises:
        TypeError: It is no delta in DeepDiff's form.
        MisfitError: A report has no meaning for state, or is no such mapping.
    """
    reports = _mapping(delta)
    for name in reports:
        if name not in NAMES:
            raise MisfitError((), f"{name} of DeepDiff has no meaning for state")
    for name in NAMES:
        if name in reports:
            content = reports[name]
            if not isinstance(content, Mapping) or not all(isinstance(key, str) for key in content):
                raise MisfitError((), f"{name} has to map paths to what changed there")
            yield name, content


def splices_of(opcodes: Any, length: int, path: Path) -> list[Splice]:
    """Return what opcodes do to a list, at the indexes of before, from the first on.

    Raises:
        MisfitError: They are no opcodes of DeepDiff, or not for a list of that length.
        UnsupportedValueError: A new item cannot be state.
    """
    from deepdiff.helper import Opcode  # loaded already by whoever made the opcodes

    at = 0
    splices = []
    for code in opcodes if isinstance(opcodes, list | tuple) else [None]:
        if type(code) is not Opcode or code.t1_from_index != at or code.t1_to_index < at:
            raise MisfitError(path, "these opcodes do not tell of a list from end to end")
        if code.tag != "equal":
            new_values = copy_value(list(code.new_values or ()), path)
            splices.append(Splice(path, at, code.t1_to_index - at, new_values))
        at = code.t1_to_index
    if at != length:
        raise MisfitError(path, f"the opcodes are for a list of {at} items, not {length}")
    return splices


def _mapping(delta: object) -> Mapping[Any, Any]:
    if type(delta) is dict:
        return delta
    if isinstance(delta, bytes | bytearray | memoryview | str):
        raise DeltaFormError("a serialised delta is not read: DeepDiff would unpickle it")
    import deepdiff  # only now: it takes 100 ms, and only its own objects need it

    # A DeepDiff is a Mapping as well, but of its text view, which is no delta.
    if isinstance(delta, deepdiff.DeepDiff):
        delta = deepdiff.Delta(delta, always_include_values=True)
    if isinstance(delta, deepdiff.Delta):
        reports: Mapping[Any, Any] = delta.to_dict()  # type: ignore[no-untyped-call]
        return reports
    if isinstance(delta, Mapping):
        return delta
    raise DeltaFormError(f"a {type(delta).__qualname__} is no delta in DeepDiff's form")
