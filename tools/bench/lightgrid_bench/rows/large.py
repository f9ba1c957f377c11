"""One large value, from the assignment until `run` sees it."""

from __future__ import annotations

import time

from lightgrid_bench.figures import percentile
from lightgrid_bench.peers import Stage
from lightgrid_bench.plan import Plan

_PERIOD_S = 0.5


def measure(plan: Plan) -> None:
    """Assign large values, and send the same on a bare stream half a period later."""
    count = plan.pick(12, 3)
    with Stage() as stage:
        work = stage.peer("work")
        flow = stage.host("stamper", work_path=work.path)
        server, client = stage.host("bare_server"), stage.host("players")
        client.ask("open_bare", address=server.ask("address"), streams=1)
        work.wait()
        for kind, title, size in (
            ("text", "1 MB string", 2**20),
            ("floats", "100,000 floats", 100_000),
        ):
            figure = plan.figure(title, "ms", "bare stream", bar=2, aim=1.2)
            flow.ask("look_at", what=kind)
            server.ask("take", how=kind)
            for _ in plan.turns(title):
                flow.ask("ages")
                server.ask("ages")
                slots = {"kind": kind, "period_s": _PERIOD_S, "count": count, "size": size}
                first_s = time.monotonic() + 0.3
                work.tell("large", first_s=first_s, **slots)
                client.ask("large", first_s=first_s + _PERIOD_S / 2, **slots)
                work.answer()
                time.sleep(plan.time_s(1.0, 0.2))
                ours, bare = flow.ask("ages"), server.ask("ages")
                figure.add(percentile(ours, 0.5), percentile(bare, 0.5))
