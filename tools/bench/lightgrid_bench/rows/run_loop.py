"""The flow's own loop: cached calls, and what the loop costs around them."""

from __future__ import annotations

import time

from lightgrid_bench.peers import Peer, Stage
from lightgrid_bench.plan import Plan


def measure(plan: Plan) -> None:
    """Have one of 1,000 works change, and the only one of another flow, in turns."""
    many = plan.pick(1000, 20)
    seconds = plan.time_s(2.0, 0.4)
    call = plan.figure(f"a cached run(), {many:,} works", "us", bar=3, aim=1)
    rest = plan.figure("a loop without its calls", "us", "1 work", bar=2, aim=1.2)
    with Stage() as stage:
        hosts: dict[int, tuple[Peer, Peer]] = {}
        for works in (many, 1):
            flow = stage.host("external", f"flow{works}", works=works, calls=True)
            players = stage.host("players", f"players{works}")
            players.ask("join", invitations=flow.ask("invitations")[:1], variables=1)
            hosts[works] = (flow, players)
        time.sleep(plan.time_s(1.0, 0.2))
        for _ in plan.turns("one change every 10 ms"):
            ours, alone = (_loop(*hosts[works], seconds) for works in (many, 1))
            call.add(ours["call"])
            rest.add(ours["rest"], alone["rest"])


def _loop(flow: Peer, players: Peer, seconds: float) -> dict[str, float]:
    """Return microseconds of one call, and of the flow's thread per loop beside the calls."""
    cpu, before = flow.ask("cpu")["flow"], flow.ask("counts")
    players.ask("tick", who="ours", works=1, seconds=seconds, period_s=0.01)
    time.sleep(0.1)
    after, cpu = flow.ask("counts"), flow.ask("cpu")["flow"] - cpu
    spent = {name: after[name] - before[name] for name in after}
    return {
        "call": spent["call_s"] / spent["calls"] * 1e6,
        "rest": (cpu - spent["run_cpu_s"]) / spent["runs"] * 1e6,
    }
