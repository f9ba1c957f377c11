"""On what was measured."""

from __future__ import annotations

import os
import platform
import time
from contextlib import suppress
from dataclasses import dataclass
from importlib.metadata import version


@dataclass(frozen=True, slots=True)
class Machine:
    """Facts about the machine and what is installed.

    Attributes:
        facts: By name, in order.
    """

    facts: dict[str, str]

    def __str__(self) -> str:
        return "; ".join(f"{name} {value}" for name, value in self.facts.items()) + "."


def this_machine() -> Machine:
    """Look at the machine that this runs on."""
    return Machine(
        {
            "measured": time.strftime("%Y-%m-%d"),
            "processor": f"{_processor()}, {os.cpu_count()} CPUs",
            "system": f"{platform.system()} {platform.release()} {platform.machine()}",
            "Python": platform.python_version(),
            "grpcio": version("grpcio"),
            "protobuf": version("protobuf"),
            "load before": f"{os.getloadavg()[0]:.1f}",
        }
    )


def _processor() -> str:
    with suppress(OSError), open("/proc/cpuinfo") as facts:
        for line in facts:
            name, _, value = line.partition(":")
            if name.strip() == "model name":
                return value.strip()
    return platform.processor() or "unknown"
