"""Works that are connected and change nothing."""

from __future__ import annotations

import time

from lightgrid_bench.peers import Stage
from lightgrid_bench.plan import Plan


def measure(plan: Plan) -> None:
    """Connect works, each on a connection of its own, and look at the server."""
    # Heartbeats come every 10 s, and half as often with 1,000 works.
    seconds = plan.time_s(20.0, 0.5)
    table = ((100, 1.0, 0.5), (1000, 8.0, 3.0)) if not plan.is_quick else ((10, 1.0, 0.5),)
    plan.say("a flow of one work")
    alone = _memory_bytes(1)
    for works, bar, aim in table:
        cpu = plan.figure(f"{works:,} works: server", "% CPU", bar=bar, aim=aim)
        memory = plan.figure(f"{works:,} works: memory", "kB/work", bar=150, aim=80)
        with Stage() as stage:
            flow = stage.host("external", works=works)
            players = [stage.host("players", f"players{index}") for index in range(2)]
            invitations = flow.ask("invitations")
            declared = flow.ask("memory")
            plan.say(f"{works:,} works join")
            for index, player in enumerate(players):
                player.tell("join", invitations=invitations[index::2], variables=1)
            for player in players:
                player.answer()
            time.sleep(plan.time_s(3.0, 0.2))
            held = flow.ask("memory")
            memory.add((held - alone) / (works - 1) / 1000)
            memory.note = f"{(held - declared) / works / 1000:.0f} kB of it from connecting"
            for _ in plan.turns(f"{works:,} idle works, {seconds:.0f} s each"):
                before = flow.ask("cpu")["process"]
                time.sleep(seconds)
                cpu.add(100 * (flow.ask("cpu")["process"] - before) / seconds)


def _memory_bytes(works: int) -> int:
    with Stage() as stage:
        flow = stage.host("external", works=works)
        players = stage.host("players")
        players.ask("join", invitations=flow.ask("invitations"), variables=1)
        time.sleep(0.5)
        memory: int = flow.ask("memory")
        return memory
