"""What one change costs the user's code: here, in the removed framework, in Ray, in Redis."""

from __future__ import annotations

from collections.abc import Callable

from lightgrid_bench.environments import LIGHTNING, RAY, REDIS, Rival
from lightgrid_bench.peers import Stage
from lightgrid_bench.plan import Plan

_TITLES = {
    LIGHTNING.name: "removed framework",
    RAY.name: "Ray actor, a call per change",
    REDIS.name: "Redis, HSET per change",
}


def measure(plan: Plan) -> None:
    """Count here, then there, in turns."""
    here_times = plan.pick(2_000_000, 100_000)
    rivals: list[tuple[Rival, Callable[[], float], float | None, float | None]] = [
        (LIGHTNING, lambda: _script_s(LIGHTNING, "lightning_loop.py", plan), 5000, 20_000),
        (RAY, lambda: _script_s(RAY, "ray_loop.py", plan), None, None),
        (REDIS, lambda: _script_s(REDIS, "redis_loop.py", plan), None, None),
    ]
    with Stage() as stage:
        work = stage.peer("work")
        stage.host("counter", work_path=work.path).wait()
        for rival, there_s, bar, aim in rivals:
            figure = plan.figure(
                _TITLES[rival.name],
                "us/change",
                rival.name,
                bar=bar,
                aim=aim,
                at_least=True,
                inverted=True,
                missing=rival.missing,
            )
            if not rival.missing:
                for _ in plan.turns(_TITLES[rival.name]):
                    ours = work.ask("measure", times=here_times, turns=4)["ours"] / here_times
                    figure.add(ours * 1e6, there_s() * 1e6)


def _script_s(rival: Rival, script: str, plan: Plan) -> float:
    """Return the seconds that one change took in a program of a rival."""
    times = plan.pick(1000, 50)
    return float(rival.run(script, times)) / times
