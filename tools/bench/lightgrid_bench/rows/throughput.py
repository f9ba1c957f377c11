"""Changes of 256 scalars per batch, as fast as they go: what one costs the server."""

from __future__ import annotations

import time

from lightgrid_bench.peers import Peer, Stage
from lightgrid_bench.plan import Plan

_VARIABLES = 257


def measure(plan: Plan) -> None:
    """Flood a flow, then a bare server that makes path and value, in turns."""
    seconds = plan.time_s(1.5, 0.3)
    for works in (1, 8, 32) if not plan.is_quick else (1, 2):
        process = plan.figure(
            f"{works} works, process", "us/change", "bare stream", bar=1.7, aim=1.1
        )
        thread = plan.figure(
            f"{works} works, loop thread", "us/change", "bare stream", bar=1.7, aim=1.1
        )
        rate = plan.figure(f"{works} works, changes", "k/s", "bare stream")
        with Stage() as stage:
            flow = stage.host("external", works=works, variables=_VARIABLES)
            server, players = stage.host("bare_server"), stage.host("players")
            players.ask("join", invitations=flow.ask("invitations"), variables=_VARIABLES)
            players.ask("open_bare", address=server.ask("address"), streams=works)
            time.sleep(0.2)
            for _ in plan.turns(f"{works} works"):
                ours = _flood(players, "ours", flow, works, seconds)
                bare = _flood(players, "bare", server, works, seconds)
                process.add(ours["process"], bare["process"])
                thread.add(ours["server"], bare["server"])
                rate.add(ours["rate"], bare["rate"])


def _flood(players: Peer, who: str, server: Peer, works: int, seconds: float) -> dict[str, float]:
    """Return the CPU microseconds of the server per change, and changes per millisecond."""
    before, taken_before = server.ask("cpu"), server.ask("counts")["ops"]
    begin_s = time.monotonic()
    sent = players.ask("flood", who=who, works=works, seconds=seconds)
    while server.ask("counts")["ops"] < taken_before + sent:
        time.sleep(0.005)
        if time.monotonic() > begin_s + seconds + 30:
            raise TimeoutError(f"{who}: not all of {sent} changes arrived")
    took_s = time.monotonic() - begin_s
    after = server.ask("cpu")
    costs = {name: (after[name] - before[name]) / sent * 1e6 for name in ("process", "server")}
    return {**costs, "rate": sent / took_s / 1000}
