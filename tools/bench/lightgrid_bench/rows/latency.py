"""One change of one work until the flow's `run` sees it."""

from __future__ import annotations

import time

from lightgrid_bench.environments import RAY, REDIS
from lightgrid_bench.figures import percentile
from lightgrid_bench.peers import Peer, Stage
from lightgrid_bench.plan import Plan

_PERIOD_S = 0.05


def measure(plan: Plan) -> None:
    """Assign the time every 50 ms, and send it on a bare stream 25 ms later."""
    count = max(1, plan.pick(5000, 40) // plan.rounds)
    p50 = plan.figure("p50", "ms", "bare stream", bar=2, aim=1.2)
    p99 = plan.figure("p99", "ms", "bare stream", bar=2, aim=1.2)
    with Stage() as stage:
        work = stage.peer("work")
        flow = stage.host("stamper", work_path=work.path)
        server, client = stage.host("bare_server"), stage.host("players")
        client.ask("open_bare", address=server.ask("address"), streams=1)
        server.ask("take", how="stamp")
        work.wait()
        for _ in plan.turns(f"{count} changes, 50 ms apart"):
            flow.ask("ages")
            server.ask("ages")
            first_s = time.monotonic() + 0.2
            work.tell("pace", first_s=first_s, period_s=_PERIOD_S, count=count)
            client.ask(
                "pace", who="bare", first_s=first_s + _PERIOD_S / 2, period_s=_PERIOD_S, count=count
            )
            work.answer()
            time.sleep(0.1)
            ours, bare = flow.ask("ages"), server.ask("ages")
            p50.add(percentile(ours, 0.5), percentile(bare, 0.5))
            p99.add(percentile(ours, 0.99), percentile(bare, 0.99))
        _others(plan, flow, work)


def _others(plan: Plan, flow: Peer, work: Peer) -> None:
    """Measure other systems, in turns with ours; their p50 over ours."""
    count = plan.pick(100, 10)
    for title, rival, script, how in (
        ("Ray actor, called per change", RAY, "ray_latency.py", ("called",)),
        ("Ray actor, polled without a pause", RAY, "ray_latency.py", ("polled",)),
        ("Redis hash, polled without a pause", REDIS, "redis_latency.py", ()),
    ):
        figure = plan.figure(title, "ms", rival.name, inverted=True, missing=rival.missing)
        for _ in plan.turns(title) if not rival.missing else ():
            work.ask("pace", first_s=time.monotonic(), period_s=_PERIOD_S, count=count)
            time.sleep(0.1)
            ours = flow.ask("ages")
            theirs = rival.run(script, *how, count, _PERIOD_S).split()
            figure.add(percentile(ours, 0.5), percentile(list(map(float, theirs)), 0.5))
