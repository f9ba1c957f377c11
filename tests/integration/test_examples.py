"""The examples, each run as a newcomer would, with the result that it must end with."""

import contextlib
import json
import os
import pathlib
import re
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor

import pytest

import lightgrid as L
from lightgrid.runtime.reporting.observer import Observer

EXAMPLES = pathlib.Path(__file__).parents[2] / "examples"
LIGHTGRID = [sys.executable, "-c", "from lightgrid.cli.main import main; main()"]
PATIENCE_S = 50.0


@pytest.fixture
def environment(tmp_path):
    """Let `lightgrid state` find the app of this test, and no other."""
    return {
        **os.environ,
        "XDG_RUNTIME_DIR": str(tmp_path),
        "PYTHONPATH": os.pathsep.join(path for path in sys.path if path),
    }


def run_example(name, environment):
    """Run an example to its end; return its exit code and what its flow printed."""
    done = subprocess.run(
        [*LIGHTGRID, "flow", str(EXAMPLES / name)],
        env=environment,
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
    )
    lines = (done.stdout + done.stderr).splitlines()
    return done.returncode, [line for line in lines if not line.startswith("lightgrid: ")]


@contextlib.contextmanager
def running_example(name, environment):
    """Run an example; give its process, what it has said, and a wait for a line with a pattern.

    The wait returns what stands behind the pattern.
    """
    app = subprocess.Popen(
        [*LIGHTGRID, "flow", str(EXAMPLES / name)],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    lines = []

    def until(pattern):
        for line in app.stdout:
            lines.append(line.rstrip("\n"))
            found = re.search(pattern, line)
            if found:
                return line[found.end() :].strip()
        raise AssertionError(f"no line with {pattern!r} in {lines}")

    try:
        yield app, lines, until
    finally:
        if app.poll() is None:
            os.killpg(app.pid, signal.SIGKILL)
            app.wait()
        app.stdout.close()


def test_a_server_reacts_to_each_checkpoint_of_a_trainer(environment):
    code, lines = run_example("train_and_serve.py", environment)
    assert code == 0, lines
    answers = [float(line.rpartition("=")[2]) for line in lines]
    assert [line.partition(":")[0] for line in lines] == [f"epoch {n}" for n in range(1, 7)]
    assert answers == sorted(answers)
    assert answers[-1] == pytest.approx(21, abs=0.2)


def test_a_work_walks_through_all_statuses(environment):
    code, lines = run_example("statuses.py", environment)
    printed_by_work = [line for line in lines if line.startswith("[walker] ")]
    assert printed_by_work[-1] == "[walker] ValueError: as you wish"  # where it failed, in its log
    assert (code, [line for line in lines if line not in printed_by_work]) == (
        0,
        [
            "not_started",
            "started",
            "work: pending, running, succeeded (did work)",
            "fail: pending, running, failed (user_exception)",
            "wait: pending, running, stopped (stop_requested)",
            "something else: pending, running, succeeded (did something else)",
        ],
    )


def test_a_graph_of_parallel_works_ends_as_its_result_says(environment):
    code, lines = run_example("pipeline.py", environment)
    assert (code, lines) == (0, ["the parabola fits: [1.0, 2.0, -3.0], wrong by 0.064"])


def test_a_search_makes_its_trials_as_it_goes_and_writes_into_finished_ones(environment):
    code, lines = run_example("search.py", environment)
    assert code == 0, lines
    *trials, best = lines
    assert sorted(line.partition(":")[0] for line in trials) == [f"trial {n}" for n in range(9)]
    smallest = min(line.rpartition(" ")[2] for line in trials)
    assert best == f"the best of 9 trials: x=1.73 y=-1.11 loss={smallest}"


def test_works_in_a_list_meet_by_address_and_rank(environment):
    code, lines = run_example("ring.py", environment)
    assert (code, lines) == (0, ["all know the total: [14, 14, 14]"])


def test_an_app_takes_requests_from_outside_while_it_makes_and_stops_works(environment):
    def state(*arguments):
        told = subprocess.run(
            [*LIGHTGRID, "state", *arguments], env=environment, capture_output=True, text=True
        )
        assert told.returncode == 0, told.stderr
        return json.loads(told.stdout)

    with running_example("job_desk.py", environment) as (app, lines, until):
        until("^lightgrid: job_desk.py listens on")
        state("set", "wanted", '{"short": 3, "endless": 0}')
        until("^short is done: 3 steps")
        assert state("get", "done") == {"short": "3 steps"}
        jobs = state("get", "root['structures']['jobs']['works']")
        assert list(jobs) == ["endless"]
        state("set", "wanted", '{"short": 3, "late": 1}')
        until("^late is done: 1 steps")
        assert any(line.startswith("endless is stopped after") for line in lines)
        assert state("get", "root['structures']['jobs']['works']") == {}
        state("set", "closed", "true")
        rest = app.stdout.read()
        assert app.wait(PATIENCE_S) == 0
        assert "closed, with 2 jobs done" in rest


def test_a_web_service_answers_what_it_has_begun_when_its_app_ends(environment):
    def ask(path, body=None):
        for _ in range(100):
            try:
                with urllib.request.urlopen(url + path, body, timeout=PATIENCE_S) as answer:
                    return json.load(answer)
            except urllib.error.URLError:  # it does not listen yet
                time.sleep(0.1)
        raise AssertionError(f"no answer from {url}")

    with running_example("web_service.py", environment) as (app, _, until):
        url = until("orders go to ")
        assert ask("", b"bread") == {"number": 0}
        while ask("/0") == {"baked": "not yet"}:
            time.sleep(0.05)
        assert ask("/0") == {"baked": "one bread, still warm"}
        with ThreadPoolExecutor() as pool:
            answer = pool.submit(ask, "", b"cake")
            until("an order of cake")
            app.send_signal(signal.SIGINT)
            assert answer.result() == {"number": 1}
        rest = app.stdout.read().splitlines()
        assert app.wait(PATIENCE_S) == 128 + signal.SIGINT
        assert [line for line in rest if not line.startswith("lightgrid: ")] == []
        assert "lightgrid: shop has stopped (app_ended)" in rest


def test_a_program_that_knows_no_lightgrid_counts(environment):
    code, lines = run_example("any_language.py", environment)
    counts = [int(line.rpartition(" ")[2]) for line in lines]
    assert code == 0, lines
    assert counts == sorted(counts)
    assert counts[-1] == 5


def test_a_program_of_any_language_loses_nothing_when_the_server_ends_its_streams():
    seen = []

    class Root(L.Flow):
        def __init__(self):
            super().__init__()
            program = EXAMPLES / "any_language_worker.py"
            self.w = L.CommandWork([sys.executable, str(program)], counter=0)

        def run(self):
            self.w.run(30)
            seen.append(self.w.counter)
            if self.w.has_succeeded:
                self.stop()

    # Some ten streams for what is counted in three seconds.
    options = L.RunOptions(stream_lifetime_s=(0.2, 0.4))
    outcome = L.App(Root()).execute(options, Observer())
    assert outcome.exit_code == 0, outcome.message
    assert seen[-1] == 30
    assert seen == sorted(seen)
