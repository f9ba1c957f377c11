"""The rows of the bench, by name, in the order of the table."""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from typing import Final

from lightgrid_bench.environments import LIGHTNING, RAY, REDIS, Rival
from lightgrid_bench.plan import Plan


@dataclass(frozen=True, slots=True)
class Row:
    """One row of the table.

    Attributes:
        name: What to type on the command line.
        title: What is measured.
        module: The module here that measures it.
        rivals: What it is compared with that needs an environment of its own.
    """

    name: str
    title: str
    module: str
    rivals: tuple[Rival, ...] = ()

    def measure(self, plan: Plan) -> None:
        """Measure the row's figures; the plan keeps them."""
        importlib.import_module(f"lightgrid_bench.rows.{self.module}").measure(plan)


ROWS: Final = {
    row.name: row
    for row in (
        Row("loop", "self.counter += 1 in a work, streaming", "loop"),
        Row(
            "change-cost",
            "one change, as the user's code pays for it",
            "change_cost",
            (LIGHTNING, RAY, REDIS),
        ),
        Row("latency", "one change until run sees it", "latency", (RAY, REDIS)),
        Row("throughput", "256 scalars per batch, as fast as they go", "throughput"),
        Row("state-size", "one random leaf of a large state", "state_size"),
        Row("lists", "large lists changed in place, 100 times a second", "lists"),
        Row("start", "start until the first delta", "start", (LIGHTNING,)),
        Row("idle", "connected works that change nothing", "idle"),
        Row("many", "200 works, each changing 10 times a second", "many"),
        Row("busy", "the server's answer while run computes", "busy"),
        Row("large", "one large value", "large"),
        Row("run-loop", "a flow of 1,000 works, one of which changes", "run_loop"),
    )
}
