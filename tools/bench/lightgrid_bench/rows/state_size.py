"""One random leaf of a state of 100, 10,000 and 1,000,000 leaves."""

from __future__ import annotations

from lightgrid_bench.peers import Peer, Stage
from lightgrid_bench.plan import Plan

#: The limit on the values of one work, a million, counts the map around them, too, and is
#: only an upper bound between two counts of all: so a little less.
_LARGE = 990_000
_SIDES = ("flow side", "work side", "merging it", "watcher")


def measure(plan: Plan) -> None:
    """Assign random variables of a flow and of a work, and watch; in turns of the sizes."""
    sizes = (100, 10_000, _LARGE) if not plan.is_quick else (100, 1000)
    count = plan.pick(200, 10)
    figures = {
        (side, size): plan.figure(
            f"{side}, 10^{len(str(size)) - (size != _LARGE)}",
            "us",
            "10^2 leaves",
            bar=3 if size == sizes[-1] else None,
            aim=1.5 if size == sizes[-1] else None,
        )
        for side in _SIDES
        for size in sizes[1:]
    }
    with Stage() as stage:
        hosts: dict[int, tuple[Peer, Peer, Peer]] = {}
        for size in sizes:
            plan.say(f"making a state of {size:,} leaves")
            work = stage.peer(f"work{size}")
            flow = stage.host("wide", f"flow{size}", leaves=size, work_path=work.path)
            flow.wait()
            work.wait()
            watcher = stage.host("watcher", f"watcher{size}", **flow.ask("access"))
            watcher.ask("settle", at_least=1)
            hosts[size] = (flow, work, watcher)
        for peers in hosts.values():
            _costs(*peers, plan.pick(20, 2))  # snapshots are still on their way to the watchers
        for _ in plan.turns("one random leaf"):
            costs = {size: _costs(*peers, count) for size, peers in hosts.items()}
            for (side, size), figure in figures.items():
                figure.add(costs[size][side], costs[sizes[0]][side])
        memory = plan.figure("memory of the flow's process", "bytes/leaf")
        small, large = (hosts[size][0].ask("memory") for size in (sizes[0], sizes[-1]))
        # As many leaves in the work as in the flow.
        memory.add((large - small) / (2 * (sizes[-1] - sizes[0])))


def _costs(flow: Peer, work: Peer, watcher: Peer, count: int) -> dict[str, float]:
    """Return CPU microseconds by side: of one run of the flow, and of one delta of the work.

    While it takes long to collect, a delta brings several changes.
    """
    work.ask("settle")
    watched, before, deltas = watcher.ask("settle", at_least=0), flow.ask("cpu"), flow.ask("deltas")
    work_s = work.ask("assign", count=count, period_s=0.01)
    after, deltas = flow.ask("cpu"), flow.ask("deltas") - deltas
    seen = watcher.ask("settle", at_least=int(watched["changes"]) + 1)
    merging_s = after["flow"] - before["flow"]
    watching_s = after["server"] - before["server"] + seen["cpu"] - watched["cpu"]
    flow.ask("expect", count=count)
    work.ask("start_flow")
    flow_s = flow.ask("flow_cpu_s", count=count)
    costs_s = (flow_s, work_s / deltas, merging_s / deltas, watching_s / deltas)
    return dict(zip(_SIDES, (1e6 * cost_s for cost_s in costs_s), strict=True))
