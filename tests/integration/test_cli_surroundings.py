"""What an app finds around it: its streams, its folder, the names that it gives."""

import subprocess
import sys

import pytest
from integration.command import LIMIT_S, Lightgrid

pytestmark = pytest.mark.timeout(150)

APP = """
import sys
import lightgrid as L

class W(L.Work):
    def __init__(self):
        super().__init__(parallel=True)
        self.value = 0
    def run(self):
        print("hello from the work")
        self.value = 1

class Root(L.Flow):
    def __init__(self):
        super().__init__()
        self.d = L.Dict()
    def run(self):
        for key in sys.argv[1:] or ["w"]:
            if key not in self.d:
                self.d[key] = W()
            self.d[key].run()
        print("the flow sees", sum(work.value for work in self.d.values()), flush=True)
        if all(work.has_succeeded for work in self.d.values()):
            open("done", "w").close()
            self.stop("bye")

app = L.App(Root())
if __name__ == "__main__":
    app.run()
"""
#: The same with a flow that prints nothing: where it could not, Python itself would fail.
QUIET_APP = APP.replace(
    'print("the flow sees", sum(work.value for work in self.d.values()), flush=True)', "pass"
)


@pytest.fixture
def lightgrid(tmp_path):
    command = Lightgrid(tmp_path)
    command.write("app.py", APP)
    yield command
    command.close()


def run_in_shell(lightgrid, words, redirections):
    return subprocess.run(
        ["sh", "-c", f'exec "$@" {redirections}', "sh", *words],
        cwd=lightgrid.folder,
        env=lightgrid.environment,
        timeout=LIMIT_S,
        check=False,
    )


@pytest.mark.parametrize(
    "redirections",
    [">&- 2>err", "2>&- >out", "<&- >&- 2>&-", ">/dev/full 2>err"],
)
@pytest.mark.parametrize("by_python", [False, True], ids=["lightgrid", "python"])
def test_an_app_runs_without_the_streams_that_it_was_not_given(lightgrid, redirections, by_python):
    words = [sys.executable, "app.py"] if by_python else lightgrid.arguments("flow", "app.py")
    if redirections.startswith(">/dev/full"):
        lightgrid.write("app.py", QUIET_APP)
    done = run_in_shell(lightgrid, words, redirections)
    told = [path.read_text() for path in lightgrid.folder.glob("err")]
    assert done.returncode == 0, told
    assert (lightgrid.folder / "done").exists(), told


def test_what_works_print_gets_into_no_file_of_the_users(lightgrid):
    # The first file that is opened where there is no stdout gets its number.
    lightgrid.write("app.py", "file = open('mine', 'w')\n" + APP)
    done = run_in_shell(lightgrid, [sys.executable, "app.py"], ">&- 2>err")
    assert done.returncode == 0, (lightgrid.folder / "err").read_text()
    assert (lightgrid.folder / "mine").read_text() == ""


def test_a_stream_that_the_file_closes_ends_nothing(lightgrid):
    closing = "    sys.stdout.close()\n    sys.stderr.close()\n"
    lightgrid.write("app.py", QUIET_APP.replace("    app.run()", f"{closing}    app.run()"))
    done = lightgrid.run("flow", "app.py")
    assert (done.returncode, done.stdout) == (0, "")
    assert (lightgrid.folder / "done").exists()


def test_an_app_runs_in_a_folder_that_is_gone(lightgrid):
    lightgrid.write("app.py", APP.replace('open("done", "w").close()', "pass"))
    words = lightgrid.arguments("flow", str(lightgrid.folder / "app.py"))
    shell = 'mkdir gone && cd gone && rmdir ../gone && exec "$@"'
    done = subprocess.run(
        ["sh", "-c", shell, "sh", *words],
        cwd=lightgrid.folder,
        env=lightgrid.environment,
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("kind", ["no folder", "a file"])
def test_a_run_folder_that_cannot_be_made_is_told_in_one_sentence(lightgrid, kind):
    place = lightgrid.folder / "elsewhere"
    if kind == "a file":
        place.write_text("")
    done = lightgrid.run("flow", "app.py", XDG_RUNTIME_DIR=str(place))
    (line,) = done.stderr.splitlines()
    assert done.returncode == 1
    assert line.startswith(
        f"lightgrid: the folder for the app's address and logs cannot be used: {place}"
    )
    assert line.endswith("set XDG_RUNTIME_DIR to a folder that you can write")
    assert not (lightgrid.folder / "done").exists()


def test_works_are_called_by_any_text_that_can_be_printed(lightgrid):
    names = ["org/model", "a b", "%2F", "x" * 255, "/"]
    done = lightgrid.run("flow", "app.py", *names)
    assert done.returncode == 0, done.stderr
    for name in names:
        assert f"[d.{name}] hello from the work\n" in done.stdout


def test_the_log_of_a_work_with_a_slash_in_its_name_is_found(lightgrid):
    lightgrid.write("app.py", APP.replace("self.stop(", "str("))
    app = lightgrid.start("flow", "app.py", "org/model")
    app.wait_out("hello from the work")
    assert lightgrid.run("logs", "d.org/model").stdout == "hello from the work\n"
    assert "d.org/model" in lightgrid.run("ps").stdout
    assert lightgrid.run("state", "get", "d.org/model.value").stdout == "1\n"
    app.interrupt()
    assert app.wait_end() == 130


@pytest.mark.parametrize("name", ["a\nb", "x" * 300, "a.b"], ids=["a line", "long", "a dot"])
def test_a_name_that_cannot_be_had_is_refused_at_the_users_line(lightgrid, name):
    done = lightgrid.run("flow", "app.py", name)
    assert done.returncode == 1
    assert "self.d[key] = W()" in done.stderr
    *_, last = done.stderr.splitlines()
    assert "cannot be a component's name" in last
    assert "lightgrid/component" not in done.stderr
