"""Many works that each change ten times a second."""

from __future__ import annotations

import time
from collections.abc import Sequence

from lightgrid_bench.peers import Peer, Stage
from lightgrid_bench.plan import Plan

_PERIOD_S = 0.1
_PLAYERS = 2


def measure(plan: Plan) -> None:
    """Have 200 works change, and as many bare streams, in turns."""
    works = plan.pick(200, 10)
    seconds = plan.time_s(5.0, 0.5)
    within_100 = plan.figure("seen within 100 ms", "%", bar=99, at_least=True)
    within_20 = plan.figure("seen within 20 ms", "%", aim=99, at_least=True)
    process = plan.figure("process", "us/change", "bare stream", bar=1.7, aim=1.2)
    thread = plan.figure("loop thread", "us/change", "bare stream", bar=1.7, aim=1.2)
    with Stage() as stage:
        flow = stage.host("external", works=works, looks=True)
        server = stage.host("bare_server")
        server.ask("take", how="stamp_and_values")
        players = [stage.host("players", f"players{index}") for index in range(_PLAYERS)]
        invitations = flow.ask("invitations")
        address = server.ask("address")
        for index, player in enumerate(players):
            player.ask("join", invitations=invitations[index::_PLAYERS], variables=1)
            player.ask("open_bare", address=address, streams=works // _PLAYERS)
        time.sleep(0.5)
        for _ in plan.turns(f"{works} works, 10 changes a second each"):
            flow.ask("ages")
            sent, ours = _tick(players, "ours", flow, works, seconds)
            ages_ms = flow.ask("ages")
            within_100.add(100 * sum(age_ms < 100 for age_ms in ages_ms) / sent)
            within_20.add(100 * sum(age_ms < 20 for age_ms in ages_ms) / sent)
            _, bare = _tick(players, "bare", server, works, seconds)
            process.add(ours["process"], bare["process"])
            thread.add(ours["server"], bare["server"])


def _tick(
    players: Sequence[Peer], who: str, server: Peer, works: int, seconds: float
) -> tuple[int, dict[str, float]]:
    """Return how many changes were sent, and the server's CPU microseconds for each."""
    before = server.ask("cpu")
    each = works // len(players)
    for player in players:
        player.tell("tick", who=who, works=each, seconds=seconds, period_s=_PERIOD_S)
    sent = sum(player.answer() for player in players)
    time.sleep(0.2)
    after = server.ask("cpu")
    return sent, {name: (after[name] - before[name]) / sent * 1e6 for name in ("process", "server")}
