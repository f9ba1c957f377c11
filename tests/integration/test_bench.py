"""The bench works; how fast anything is, it says itself."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


def bench(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(ROOT / "tools" / "bench.py"), *arguments],
        env={
            **os.environ,
            "PYTHONPATH": os.pathsep.join(map(str, (ROOT, ROOT / "generated/python"))),
            **environment,
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


@pytest.mark.timeout(300)  # As above.
def test_a_rival_without_its_environment_is_a_missing_column_said_before_the_first_round(tmp_path):
    result = tmp_path / "result.json"

    done = bench("--quick", "start", "--json", str(result), XDG_CACHE_HOME=str(tmp_path))

    assert done.returncode == 0, done.stdout + done.stderr
    said = done.stderr
    assert said.index("lightning is left out: say --rivals") < said.index("starting 1 works")
    (figure,) = json.loads(result.read_text())["figures"]
    assert len(figure["ours"]) == 1
    assert (figure["rival"], figure["median"]) == ([], None)
    assert figure["missing"] == "say --rivals"
    assert "not measured: say --rivals" in done.stdout


def test_rounds_that_were_measured_are_written_whatever_ends_the_row(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(ROOT / "tools" / "bench")
    from lightgrid_bench import command, rows

    result = tmp_path / "result.json"

    class Breaking:
        name, title, rivals = "breaking", "", ()

        def measure(self, plan):
            figure = plan.figure("time", "s")
            for number in plan.turns("a few"):
                if number == 2:
                    written.append(json.loads(result.read_text())["figures"])
                    raise KeyboardInterrupt
                figure.add(1.5)

    written = []
    monkeypatch.setitem(rows.ROWS, "breaking", Breaking())
    with pytest.raises(KeyboardInterrupt):
        command.main(["breaking", "--rounds", "3", "--json", str(result)])
    assert [figure["ours"] for figure in written[0]] == [[1.5, 1.5]]
    assert json.loads(result.read_text())["figures"] == written[0]


def test_bench_tells_the_rows_it_has():
    done = bench("--help")

    assert done.returncode == 0
    assert "self.counter += 1 in a work" in done.stdout


def test_unknown_row_is_refused_with_the_rows_that_are_there():
    done = bench("no-such-row")

    assert done.returncode == 2
    assert "throughput" in done.stderr
