"""Large lists, changed in place a hundred times a second."""

from __future__ import annotations

from lightgrid_bench.peers import Stage
from lightgrid_bench.plan import Plan

#: As in `state_size`.
_LARGE = 990_000


def measure(plan: Plan) -> None:
    """Append, and change random items; each must be seen within a second."""
    seconds = plan.time_s(4.0, 0.5)
    for size in (100, 10_000, _LARGE) if not plan.is_quick else (100,):
        power = f"10^{len(str(size)) - (size != _LARGE)}"
        with Stage() as stage:
            work = stage.peer("work")
            flow = stage.host("lists", size=size, work_path=work.path)
            work.wait()
            for how in ("append", "assign"):
                share = plan.figure(f"{power}, {how}: collecting", "% CPU", bar=5, aim=2)
                thread = plan.figure(f"{power}, {how}: with sending it", "% CPU")
                told = plan.figure(f"{power}, {how}: items told per change", "", bar=1.0)
                oldest = plan.figure(f"{power}, {how}: seen after, at most", "ms", bar=1000)
                for _ in plan.turns(f"list of {power}, {how}"):
                    flow.ask("taken")
                    made = work.ask("change", how=how, seconds=seconds, period_s=0.01)
                    taken = flow.ask("taken")
                    share.add(100 * made["collecting"])
                    thread.add(100 * made["thread"])
                    told.add(taken["items"] / made["changes"])
                    oldest.add(taken["oldest_ms"])
                    told.note = f"{taken['ops']} ops in {taken['batches']} deltas"
