"""What a work needs of the place where it runs."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any, Final

from lightgrid.component.options import OptionChecker
from lightgrid.errors import OptionError

_UNITS: Final = {
    "": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12,
    "KIB": 2**10, "MIB": 2**20, "GIB": 2**30, "TIB": 2**40,
}  # fmt: skip
_AMOUNT: Final = re.compile(r"([0-9]+(?:\.[0-9]+)?)\s*([A-Za-z]*)")


@dataclass(frozen=True, slots=True)
class Resources:
    """What a work needs; nothing where nothing is said. What a launcher cannot honour it refuses.

    Args:
        cpus: Processors; may be a part of one. 0 for none that are set aside.
        gpus: GPUs, whole ones.
        memory: In bytes, or as a text: "8GiB", "500MB".
        labels: What the place must be marked with, by name: {"zone": "b"}.

    Raises:
        OptionError: One of these has a value that it cannot have.
    """

    cpus: float = 0.0
    gpus: int = 0
    memory: int | str = 0
    labels: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Refuse what no work can need, at the line that gives it."""
        given = OptionChecker("Resources")
        cpus = given.number("cpus", self.cpus, 0, 1e6)
        gpus = given.number("gpus", self.gpus, 0, 1e6)
        if gpus != int(gpus):
            raise OptionError("Resources", "gpus", self.gpus, "a whole number of GPUs")
        object.__setattr__(self, "cpus", cpus)
        object.__setattr__(self, "gpus", int(gpus))
        object.__setattr__(self, "memory", _bytes(self.memory))
        labels = given.kind("labels", self.labels, Mapping, "a dict of texts, by name")
        for name, value in labels.items():
            given.text("a name in labels", name, "a text")
            given.text(f"labels[{name!r}]", value, "a text")
        object.__setattr__(self, "labels", dict(labels))

    def needs(self) -> dict[str, Any]:
        """Return what is asked for, by name; memory in bytes."""
        every = {one.name: getattr(self, one.name) for one in fields(self)}
        return {name: value for name, value in every.items() if value}

    def __str__(self) -> str:
        """Return it for people: "cpus=2 gpus=1 memory=8GiB zone=b"; "" for none."""
        needs = self.needs()
        labels = needs.pop("labels", {})
        if "cpus" in needs:
            needs["cpus"] = f"{self.cpus:g}"
        if "memory" in needs:
            needs["memory"] = shown_bytes(needs["memory"])
        return " ".join(f"{name}={value}" for name, value in {**needs, **labels}.items())


def shown_bytes(count: int) -> str:
    """Return an amount of memory for people, in the largest unit that it is whole in."""
    for unit in ("TiB", "GiB", "MiB", "KiB"):
        size = _UNITS[unit.upper()]
        if count % size == 0:
            return f"{count // size}{unit}"
    return str(count)


def _bytes(amount: object) -> int:
    parts = _AMOUNT.fullmatch(amount.strip()) if isinstance(amount, str) else None
    if parts is not None and parts[2].upper() in _UNITS:
        return int(float(parts[1]) * _UNITS[parts[2].upper()])
    if isinstance(amount, int) and not isinstance(amount, bool) and amount >= 0:
        return amount
    allowed = 'a number of bytes, or a text such as "8GiB" or "500MB"'
    raise OptionError("Resources", "memory", amount, allowed)
