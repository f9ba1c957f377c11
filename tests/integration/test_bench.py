"""The bench works; how fast anything is, it says itself."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


def bench(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(ROOT / "tools" / "bench.py"), *arguments],
        env={
            **os.environ,
            "PYTHONPATH": os.pathsep.join(map(str, (ROOT, ROOT / "generated/python"))),
        },
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=280,
    )


@pytest.mark.timeout(300)  # It measures; a machine may be busy.
def test_small_form_of_the_bench_measures_rows_of_every_kind(tmp_path):
    result, page = tmp_path / "result.json", tmp_path / "performance.md"
    page.write_text("# Performance\n\n<!-- bench: begin -->\nold\n<!-- bench: end -->\n\nAfter.\n")

    rows = ("loop", "throughput", "run-loop")
    done = bench("--quick", *rows, "--json", str(result), "--markdown", str(page))

    assert done.returncode == 0, done.stdout + done.stderr
    figures = json.loads(result.read_text())["figures"]
    assert {figure["row"] for figure in figures} == set(rows)
    assert all(figure["median"] > 0 for figure in figures)
    told = page.read_text()
    assert told.startswith("# Performance\n")
    assert told.endswith("\n\nAfter.\n")
    assert "old" not in told
    assert "1 works, process" in told


def test_bench_tells_the_rows_it_has():
    done = bench("--help")

    assert done.returncode == 0
    assert "self.counter += 1 in a work" in done.stdout


def test_unknown_row_is_refused_with_the_rows_that_are_there():
    done = bench("no-such-row")

    assert done.returncode == 2
    assert "throughput" in done.stderr
