"""What to do about values that cannot be state."""

from __future__ import annotations

import dataclasses
from typing import Final

#: Types by the module that they come with and their own name: libraries move them about
#: inside. Of a type's bases the nearest counts.
_TYPES: Final = {
    "make it a list by list(...), or sorted(...)": (
        "builtins.set", "builtins.frozenset",
    ),
    "make it a list by list(...)": (
        "builtins.range", "builtins.range_iterator", "builtins.generator", "builtins.map",
        "builtins.zip", "builtins.filter", "builtins.dict_keys", "builtins.dict_values",
        "builtins.dict_items", "collections.deque",
    ),
    "make it bytes by bytes(...)": ("builtins.bytearray", "builtins.memoryview"),
    "make it a str by str(...)": (
        "pathlib.PurePath", "uuid.UUID", "numpy.datetime64", "numpy.timedelta64",
    ),
    "make it a str by str(...), which is exact, or a float by float(...)": (
        "decimal.Decimal", "fractions.Fraction",
    ),
    "make it a float by float(...)": ("numpy.floating",),
    "make it a dict by vars(...)": ("types.SimpleNamespace", "argparse.Namespace"),
    "take its .real and .imag": ("builtins.complex", "numpy.complexfloating"),
    "take its .isoformat() or .timestamp()": ("datetime.datetime",),
    "take its .isoformat()": ("datetime.date", "datetime.time"),
    "take its .total_seconds()": ("datetime.timedelta",),
    "take its .value or .name": ("enum.Enum",),
    'take its .to_dict("list"), or keep it in a file, and its path here': ("pandas.DataFrame",),
}  # fmt: skip
_BY_TYPE: Final = {kind: advice for advice, kinds in _TYPES.items() for kind in kinds}


def advice_on(value: object) -> str:
    """Return what to do with a value of a type that cannot be state; "" for one not known.

    Nothing is imported for it, and nothing of the value's is called.
    """
    kind = type(value)
    for base in kind.__mro__:
        advice = _BY_TYPE.get(f"{base.__module__.partition('.')[0]}.{base.__qualname__}")
        if advice is not None:
            return advice
    if dataclasses.is_dataclass(kind):
        return "make it a dict by dataclasses.asdict(...)"
    if hasattr(kind, "tolist"):  # an array of numpy, a tensor of torch, a series of pandas
        one = "take its .item() if it is one number, else " if hasattr(kind, "item") else "take "
        return f"{one}its .tolist(); keep a large one in a file, and its path here"
    return ""
