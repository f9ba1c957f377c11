"""Apps that are modules of packages, and what `lightgrid work` takes where."""

import pytest
from integration.command import Lightgrid

pytestmark = pytest.mark.timeout(150)

APP = """
import sys
import lightgrid as L
from .parts import Part, greet

class Root(L.Flow):
    def __init__(self):
        super().__init__()
        self.w = Part(launch="--by-hand" not in sys.argv)
    def run(self):
        self.w.run()
        if self.w.has_succeeded:
            print(greet(), __name__, __package__, sys.argv[1:], self.w.value)
            self.stop()

app = L.App(Root())
"""
PARTS = """
import lightgrid as L

def greet():
    return "hello"

class Part(L.Work):
    def __init__(self, **options):
        super().__init__(parallel=True, **options)
        self.value = 0
    def run(self):
        self.value = 1
"""


@pytest.fixture
def lightgrid(tmp_path):
    command = Lightgrid(tmp_path)
    (tmp_path / "package/sub").mkdir(parents=True)
    for name, text in (
        ("__init__.py", ""),
        ("sub/__init__.py", ""),
        ("sub/app.py", APP),
        ("sub/parts.py", PARTS),
        ("sub/broken.py", "import no_such_thing\n"),
    ):
        command.write(f"package/{name}", text)
    yield command
    command.close()


def test_an_app_is_run_as_a_module_of_its_package_and_its_works_too(lightgrid):
    done = lightgrid.run("flow", "-m", "package.sub.app", "--lr", "3")
    assert done.returncode == 0, done.stderr
    assert done.stdout == "hello __main__ package.sub ['--lr', '3'] 1\n"


def test_a_package_is_run_by_its_main_module(lightgrid):
    lightgrid.write("package/sub/__main__.py", APP)
    done = lightgrid.run("flow", "-m", "package.sub")
    assert (done.returncode, done.stdout) == (0, "hello __main__ package.sub [] 1\n"), done.stderr


@pytest.mark.parametrize(
    ("folder", "how"),
    [
        (".", "lightgrid flow -m package.sub.app"),
        ("package", "&& lightgrid flow -m package.sub.app"),
    ],
)
def test_a_file_that_imports_from_beside_it_is_told_how_it_is_run(lightgrid, folder, how):
    lightgrid.folder = lightgrid.folder / folder
    file = "package/sub/app.py" if folder == "." else "sub/app.py"
    done = lightgrid.run("flow", file)
    assert done.returncode == 1
    *_, error, hint = done.stderr.splitlines()
    assert error.startswith("ImportError: attempted relative import")
    assert hint.startswith(f"lightgrid: {file} is a module of a package; run it as one: ")
    assert hint.endswith(how)


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("no_such_module", "no module named 'no_such_module'"),
        ("package.other", "no module named 'package.other'"),
        ("nowhere.app", "no module named 'nowhere.app' in "),
        ("package.sub", "is a package without a module __main__"),
        ("..", "no module named '..'"),
        ("package/sub/app.py", "Without -m it is a file"),
    ],
)
def test_what_is_no_module_is_told_in_one_line(lightgrid, name, told):
    done = lightgrid.run("flow", "-m", name)
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert told in line


def test_a_module_that_cannot_import_what_it_needs_shows_its_own_line(lightgrid):
    done = lightgrid.run("flow", "-m", "package.sub.broken")
    assert done.returncode == 1
    assert "import no_such_thing" in done.stderr
    assert "lightgrid/process" not in done.stderr


def test_options_of_the_command_work_come_in_any_place(lightgrid):
    app = lightgrid.start("flow", "-m", "package.sub.app", "--by-hand")
    app.wait_err("waits for a process")
    pid = str(app.pid)
    done = lightgrid.run("work", "-m", "package.sub.app", "w", "--connect", pid, "--lr", "3")
    assert done.returncode == 0, done.stderr
    assert app.wait_end() == 0
    assert app.out == "hello __main__ package.sub ['--by-hand'] 1\n"
