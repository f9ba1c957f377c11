"""State values as JSON, and back, without a loss.

What JSON has a word for is written as it is. The rest is an object with one key:

    {"$bytes": "aGVsbG8="}          bytes, in base64
    {"$tuple": [1, 2]}              a tuple
    {"$float": "nan"}               nan, inf and -inf
    {"$dict": {"$tuple": 1}}        a dict that would be read as one of these

So `lightgrid state set PATH "$(lightgrid state get PATH)"` changes nothing.
"""

from __future__ import annotations

import base64
import binascii
import json
import math
from typing import Any, Final

from lightgrid.state.values import Value, copy_value

_TAGS: Final = frozenset({"$bytes", "$tuple", "$float", "$dict"})
_FLOATS: Final = ("nan", "inf", "-inf")


def to_json(value: Value, indent: int | None = None) -> str:
    """Return a value as JSON text."""
    return json.dumps(to_jsonable(value), ensure_ascii=False, indent=indent, allow_nan=False)


def from_json(text: str) -> Value:
    """Return the value that a text means.

    Raises:
        ValueError: It is no JSON, or one of our objects has other content than it may.
        UnsupportedValueError: What it means cannot be state.
    """
    return copy_value(
        _untagged(json.loads(text, parse_constant=_refuse_constant, parse_float=_finite_float))
    )


def to_jsonable(value: Any) -> Any:
    """Return a value made of what `json` can write."""
    match value:
        case float() if not math.isfinite(value):
            return {"$float": str(float(value))}
        case bytes():
            return {"$bytes": base64.b64encode(value).decode()}
        case tuple():
            return {"$tuple": list(map(to_jsonable, value))}
        case list():
            return list(map(to_jsonable, value))
        case dict():
            written = {key: to_jsonable(item) for key, item in value.items()}
            return {"$dict": written} if _is_tagged(value) else written
    return value


def _untagged(value: Any) -> Any:
    if isinstance(value, list):
        return list(map(_untagged, value))
    if not isinstance(value, dict):
        return value
    if not _is_tagged(value):
        return {key: _untagged(item) for key, item in value.items()}
    ((tag, content),) = value.items()
    if tag == "$bytes" and isinstance(content, str):
        try:
            return base64.b64decode(content, validate=True)
        except binascii.Error as error:
            raise ValueError(f"$bytes: {error}") from None
    if tag == "$tuple" and isinstance(content, list):
        return tuple(map(_untagged, content))
    if tag == "$float" and content in _FLOATS:
        return float(content)
    if tag == "$dict" and isinstance(content, dict):
        return {key: _untagged(item) for key, item in content.items()}
    raise ValueError(f"{tag}: {json.dumps(content)} is not what belongs there")


def _is_tagged(value: dict[str, Any]) -> bool:
    return len(value) == 1 and next(iter(value)) in _TAGS


def _refuse_constant(name: str) -> Any:
    raise ValueError(f'{name} is no JSON; write {{"$float": "{float(name)}"}}')


def _finite_float(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(
            f'{text} is more than a float can hold; infinity is written {{"$float": "{number}"}}'
        )
    return number
