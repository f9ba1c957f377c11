"""From the command until the first delta of every work."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from lightgrid_bench.environments import LIGHTNING, SCRIPTS
from lightgrid_bench.peers import PeerError
from lightgrid_bench.plan import Plan

_APP = Path(__file__).resolve().parent.parent / "hosts" / "start.py"


def measure(plan: Plan) -> None:
    """Start both, in turns."""
    for works, bar in ((1, 1.5), (16, 2.0)) if not plan.is_quick else ((1, 1.5),):
        figure = plan.figure(
            f"{works} works",
            "s",
            "removed framework",
            bar=bar,
            aim=1.0,
            missing=LIGHTNING.missing,
        )
        for _ in plan.turns(f"starting {works} works"):
            lightgrid = [str(Path(sys.executable).parent / "lightgrid"), "flow", str(_APP)]
            lightning = [LIGHTNING.python, str(SCRIPTS / "lightning_start.py")]
            figure.add(
                start_s(lightgrid, works),
                None if LIGHTNING.missing else start_s(lightning, works),
            )


def start_s(command: Sequence[str], works: int) -> float:
    """Return the seconds from the start of an app until it writes that all works were heard."""
    with tempfile.TemporaryDirectory(prefix="lightgrid-bench-") as folder:
        result = Path(folder) / "heard"
        begin_ns = time.monotonic_ns()
        done = subprocess.run(
            [*command, str(works), str(result)],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=120,
            cwd=folder,
        )
        if not result.exists():
            raise PeerError(f"{command}: {done.stdout}{done.stderr}")
        return (int(result.read_text()) - begin_ns) / 1e9
