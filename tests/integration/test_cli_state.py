"""The commands that look into a running app: ps, logs, state, work."""

import json
from pathlib import Path

import pytest
from integration.command import Lightgrid, wait_until

pytestmark = pytest.mark.timeout(150)

APP = """
import time
import lightgrid as L

class W(L.Work):
    def __init__(self, lines, start_with_flow=True):
        super().__init__(parallel=True, start_with_flow=start_with_flow)
        self._lines = lines
        self.counter = 0
        self.items = [1, {"k": 2}]
        self.options = {"a": 1}
        self.odd = [b"hi", (1, 2), float("nan")]
    def on_start(self):
        if self._lines == 0:
            print("here is", self.name, flush=True)
    def run(self):
        for line in range(self._lines):
            print("line", line)
        self.counter = 1
        while True:
            time.sleep(0.05)

class Sub(L.Flow):
    def __init__(self):
        super().__init__()
        self.label = "x"
        self.inner = W(0)
    def run(self):
        pass

class Root(L.Flow):
    def __init__(self):
        super().__init__()
        self.w = W(5)
        self.sub = Sub()
        self.late = W(0, start_with_flow=False)
        self.done = False
        self.big = ""
    def run(self):
        self.w.run()
        if self.big == "grow":
            self.big = ["x" * 1_000_000] * 5  # over what one message takes
        if self.done:
            self.stop()

app = L.App(Root())
"""


LONG_ERROR = """
import lightgrid as L

class W(L.Work):
    def __init__(self):
        super().__init__(parallel=True, raise_exception=False)
    def run(self):
        raise ValueError("x" * 5_000_000)

class Root(L.Flow):
    def __init__(self):
        super().__init__()
        self.w = W()
        self.done = False
    def run(self):
        self.w.run()
        if self.done:
            self.stop()

app = L.App(Root())
"""


@pytest.fixture(scope="module")
def lightgrid(tmp_path_factory):
    command = Lightgrid(tmp_path_factory.mktemp("cli"))
    yield command
    command.close()


@pytest.fixture(scope="module")
def app(lightgrid):
    """One app for all tests here that only look, or change what no other looks at."""
    running = lightgrid.start_app(lightgrid.write("app.py", APP))
    running.wait_out("[w] line 4")
    wait_until(lambda: get(lightgrid, "w.counter") == 1, "the work's first change")
    return running


def get(lightgrid, path):
    done = lightgrid.run("state", "get", path)
    assert done.returncode == 0, done
    return json.loads(done.stdout)


def assert_failed(done, exit_code, *words):
    assert done.returncode == exit_code, done
    (line,) = done.stderr.splitlines()
    assert line.startswith("lightgrid: ")
    for word in words:
        assert word in line, line


@pytest.mark.usefixtures("app")
class TestOneApp:
    def test_ps_shows_the_app_and_its_works(self, lightgrid, app):
        done = lightgrid.run("ps")
        assert done.returncode == 0, done
        head, titles, *rows = done.stdout.splitlines()
        assert str(app.pid) in head
        assert "app.py" in head
        assert "127.0.0.1:" in head
        assert titles.split()[:3] == ["WORK", "STAGE", "CALLS"]
        assert titles.split()[3:] == ["LAUNCHER", "HOST", "PID", "RESOURCES", "REASON"]
        cells = {row.split()[0]: row.split()[1:3] for row in rows}
        assert cells == {
            "late": ["not_started", "0"],
            "w": ["running", "1"],
            "sub.inner": ["started", "0"],
        }
        places = {row.split()[0]: row.split()[3:] for row in rows}
        assert places["late"] == ["-", "-", "-", "-", "-"]
        launcher, host, pid, resources, reason = places["w"]
        assert (launcher, host, resources, reason) == ("local", "here", "-", "-")
        assert "work_process --name root.w" in Path(f"/proc/{pid}/cmdline").read_text().replace(
            "\0", " "
        )

    def test_logs_shows_what_a_work_printed(self, lightgrid):
        done = lightgrid.run("logs", "w")
        assert done.stdout.splitlines() == [f"line {n}" for n in range(5)]
        assert lightgrid.run("logs", "--lines", "2", "root.w").stdout == "line 3\nline 4\n"

    def test_logs_of_a_work_that_has_not_started_are_empty(self, lightgrid):
        done = lightgrid.run("logs", "late")
        assert (done.returncode, done.stdout) == (0, "")

    def test_logs_of_no_work_says_what_is_near(self, lightgrid):
        assert_failed(lightgrid.run("logs", "sub.iner"), 1, "sub.iner", "'sub.inner'")

    def test_state_get_prints_json(self, lightgrid):
        assert get(lightgrid, "w.items[1].k") == 2
        assert get(lightgrid, "root['flows']['sub']['vars']['label']") == "x"
        assert set(get(lightgrid, "")) >= {"vars", "works", "flows", "app_state"}

    def test_state_get_tells_what_json_has_no_word_for(self, lightgrid):
        expected = [{"$bytes": "aGk="}, {"$tuple": [1, 2]}, {"$float": "nan"}]
        assert get(lightgrid, "w.odd") == expected

    def test_a_bad_path_says_what_is_near(self, lightgrid):
        assert_failed(lightgrid.run("state", "get", "w.conter"), 1, "'counter'")
        assert_failed(lightgrid.run("state", "get", "w.items[7]"), 1, "2 items")
        assert_failed(lightgrid.run("state", "get", "w..x"), 2, "character")

    def test_state_set_changes_a_variable_and_makes_keys(self, lightgrid):
        done = lightgrid.run("state", "set", "sub.inner.options.new", '{"b": [1, 2.5, null]}')
        assert done.returncode == 0, done
        assert int(done.stdout) > 0
        assert get(lightgrid, "sub.inner.options") == {"a": 1, "new": {"b": [1, 2.5, None]}}

    def test_what_get_prints_set_takes(self, lightgrid):
        text = lightgrid.run("state", "get", "sub.inner.odd").stdout
        assert lightgrid.run("state", "set", "sub.inner.odd", text).returncode == 0
        assert lightgrid.run("state", "get", "sub.inner.odd").stdout == text

    @pytest.mark.parametrize("number", ["-5", "-1.5e3"])
    def test_state_set_takes_a_negative_number(self, lightgrid, number):
        done = lightgrid.run("state", "set", "sub.inner.options.negative", number)
        assert done.returncode == 0, done
        assert get(lightgrid, "sub.inner.options.negative") == float(number)

    def test_state_set_knows_no_other_option(self, lightgrid):
        assert lightgrid.run("state", "set", "--new", "sub.label", '"x"').returncode == 2

    def test_state_set_refuses_what_is_no_variable(self, lightgrid):
        assert_failed(lightgrid.run("state", "set", "w", "5"), 1, "no declared variable")
        assert_failed(lightgrid.run("state", "set", "w.new", "5"), 1, "'new'")
        assert_failed(lightgrid.run("state", "set", "app_state.stage", '"x"'), 1)

    def test_state_set_refuses_what_is_no_json(self, lightgrid):
        done = lightgrid.run("state", "set", "sub.label", "hello")
        assert_failed(done, 2, "hello", "'\"hello\"'")
        assert_failed(lightgrid.run("state", "set", "sub.label", "None"), 2, "JSON writes null")

    def test_state_set_refuses_an_old_revision(self, lightgrid):
        set_ = ("state", "set", "sub.label")
        first = lightgrid.run(*set_, '"y"')
        assert first.returncode == 0, first
        revision = int(first.stdout)
        late = lightgrid.run(*set_, '"z"', "--expected-revision", revision - 1)
        assert_failed(late, 1, "changed after revision")
        again = lightgrid.run(*set_, '"x"', "--expected-revision", revision)
        assert again.returncode == 0, again

    def test_state_watch_prints_a_line_for_each_change(self, lightgrid):
        watch = lightgrid.start("state", "watch", "sub.inner.counter")
        watch.wait_err("watching")
        assert lightgrid.run("state", "set", "sub.inner.counter", "42").returncode == 0
        watch.wait_out("42")
        _, origin_and_delta = watch.out.rstrip("\n").split(" ", 1)
        place = "root['flows']['sub']['works']['inner']['vars']['counter']"
        delta = f'{{"values_changed": {{"{place}": {{"new_value": 42}}}}}}'
        assert origin_and_delta == f"outside:lightgrid state set {delta}"
        watch.interrupt()
        assert watch.wait_end() == 130
        assert watch.err.count("\n") == 1

    def test_state_watch_can_be_read_by_programs(self, lightgrid):
        watch = lightgrid.start("state", "watch", "--json", "sub.inner.items")
        watch.wait_out("\n")
        assert lightgrid.run("state", "set", "sub.inner.items[1].k", "3").returncode == 0
        wait_until(lambda: watch.out.count("\n") == 2, "the change")
        snapshot, change = map(json.loads, watch.out.splitlines())
        assert snapshot["snapshot"] == [1, {"k": 2}]
        place = "root['flows']['sub']['works']['inner']['vars']['items'][1]['k']"
        assert change["delta"] == {"values_changed": {place: {"new_value": 3}}}
        assert change["revision"] > snapshot["revision"]

    def test_a_value_that_is_larger_than_a_message_is_read_watched_and_set_like_any_other(
        self, lightgrid
    ):
        watch = lightgrid.start("state", "watch", "--json", "big")
        watch.wait_out("\n")
        assert lightgrid.run("state", "set", "big", '"grow"').returncode == 0
        wait_until(lambda: get(lightgrid, "big") == ["x" * 1_000_000] * 5, "the texts")
        wait_until(lambda: len(watch.out) > 5_000_000, "the change")
        assert lightgrid.run("ps").returncode == 0
        assert lightgrid.run("state", "set", "big", '"small"').returncode == 0
        assert get(lightgrid, "big") == "small"
        wait_until(lambda: watch.out.endswith('"small"}}}}\n'), "the next change")

    def test_the_app_is_found_by_pid_address_and_file(self, lightgrid, app):
        address = lightgrid.run("ps").stdout.split()[3]
        for name in (app.pid, address, "app.py", "app", lightgrid.folder / "app.py"):
            done = lightgrid.run("state", "get", "sub.label", "--connect", name)
            assert done.stdout == '"x"\n', done
        assert_failed_lines(lightgrid.run("ps", "--connect", "nobody"), 1, "nobody", "app.py")

    def test_a_wrong_token_is_one_line(self, lightgrid):
        done = lightgrid.run("state", "get", LIGHTGRID_TOKEN="wrong")
        assert_failed(done, 1, "token")


def assert_failed_lines(done, exit_code, *words):
    assert done.returncode == exit_code, done
    for word in words:
        assert word in done.stderr


def test_no_app_is_one_line(tmp_path):
    assert_failed(Lightgrid(tmp_path).run("ps"), 1, "no app is running")


def test_an_address_needs_a_token_and_someone_who_listens(tmp_path):
    lightgrid = Lightgrid(tmp_path)
    where = ("state", "get", "--connect", "127.0.0.1:1")
    assert_failed(lightgrid.run(*where), 2, "LIGHTGRID_TOKEN")
    assert_failed(lightgrid.run(*where, LIGHTGRID_TOKEN="x"), 1, "127.0.0.1:1", "cannot be reached")


def test_several_apps_are_named_and_one_is_chosen(tmp_path):
    lightgrid = Lightgrid(tmp_path)
    try:
        first = lightgrid.start_app(lightgrid.write("first.py", APP))
        second = lightgrid.start_app(lightgrid.write("second.py", APP))
        asked = lightgrid.run("state", "get", "done")
        assert_failed_lines(asked, 2, "first.py", "second.py", str(first.pid), "--connect")
        shown = lightgrid.run("ps").stdout
        assert "first.py" in shown
        assert "second.py" in shown
        follow = lightgrid.start("logs", "-f", "w", "--connect", "second")
        follow.wait_out("line 4")
        watch = lightgrid.start("state", "watch", "done", "--connect", "second")
        watch.wait_err("watching")
        done = lightgrid.run("state", "set", "done", "true", "--connect", second.pid)
        assert done.returncode == 0, done
        assert second.wait_end() == 0
        # Who follows an app ends with it.
        assert follow.wait_end() == 0
        assert watch.wait_end() == 0
        assert "new_value" in watch.out
        first.interrupt()
        assert first.wait_end() == 130
    finally:
        lightgrid.close()


def test_an_error_that_fills_a_message_leaves_the_app_to_be_looked_into(tmp_path):
    lightgrid = Lightgrid(tmp_path)
    try:
        app = lightgrid.start_app(lightgrid.write("app.py", LONG_ERROR))
        wait_until(lambda: get(lightgrid, "w")["status"]["stage"] == "failed", "the failure")
        assert len(get(lightgrid, "w")["status"]["message"]) > 4_000_000
        assert "failed" in lightgrid.run("ps").stdout
        watch = lightgrid.start("state", "watch", "--json")
        watch.wait_out("\n")
        done = lightgrid.run("state", "set", "done", "true")
        assert done.returncode == 0, done
        assert app.wait_end() == 0
        assert watch.wait_end() == 0
    finally:
        lightgrid.close()


def test_a_work_runs_in_the_foreground(tmp_path):
    lightgrid = Lightgrid(tmp_path)
    try:
        text = APP.replace(
            "super().__init__(parallel=True, start_with_flow=start_with_flow)", FOREGROUND
        )
        lightgrid.start_app(path := lightgrid.write("app.py", text.replace("self.w.run()", "pass")))
        work = lightgrid.start("work", path, "sub.inner")
        work.wait_out("here is root.sub.inner")
        work.interrupt()
        assert work.wait_end() == 0, work.err
        assert_failed(
            lightgrid.run("work", path, "nobody"), 2, "nobody", "its works are: late, sub.inner, w"
        )
    finally:
        lightgrid.close()


FOREGROUND = "super().__init__(parallel=True, start_with_flow=False)"
