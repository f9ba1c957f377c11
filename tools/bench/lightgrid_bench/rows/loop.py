"""The seed's loop: what an assignment costs while it streams."""

from __future__ import annotations

from lightgrid_bench.peers import PeerError, Stage
from lightgrid_bench.plan import Plan


def measure(plan: Plan) -> None:
    """Count ten million times on a work and on a plain object, in turns."""
    times = plan.pick(10_000_000, 200_000)
    figure = plan.figure("time", "s", "plain object", bar=6, aim=4)
    with Stage() as stage:
        work = stage.peer("work")
        flow = stage.host("counter", work_path=work.path)
        flow.wait()
        for _ in plan.turns(f"{times:,} times self.counter += 1"):
            seconds = work.ask("measure", times=times, turns=20)
            figure.add(seconds["ours"], seconds["plain"])
        refusals = work.ask("refusals")
        if refusals != ["UndeclaredAttributeError", "UnsupportedValueError"]:
            raise PeerError(f"a new name and a bad value were not refused: {refusals}")
        seen = flow.ask("seen")
        figure.note = f"the flow saw {seen['values']:,} of {times * plan.rounds:,} values"
