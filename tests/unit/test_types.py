"""What type checkers, `help` and `inspect` know of the classes that users subclass."""

import inspect
import json
import pydoc
import re
import subprocess
import sys
from pathlib import Path

import pytest

import lightgrid as L

ROOT = Path(__file__).parents[2]
PROGRAMS = ROOT / "tests" / "types"


def mypy(program, tmp_path):
    """The numbers of the lines at which mypy finds a mistake."""
    done = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", "--cache-dir", tmp_path, program],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode in (0, 1), done.stderr
    return {int(line) for line in re.findall(rf"{program.name}:(\d+): error", done.stdout)}


def pyright(program, tmp_path):
    """The numbers of the lines at which pyright finds a mistake."""
    # A folder of its own, where no settings for another purpose are found.
    copy = tmp_path / program.name
    copy.write_text(program.read_text())
    done = subprocess.run(
        [sys.executable, "-m", "pyright", "--outputjson", "--pythonpath", sys.executable, copy],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode in (0, 1), done.stdout + done.stderr
    found = json.loads(done.stdout)["generalDiagnostics"]
    return {one["range"]["start"]["line"] + 1 for one in found if one["severity"] == "error"}


CHECKERS = pytest.mark.parametrize("checker", [mypy, pyright], ids=["mypy", "pyright"])


@CHECKERS
def test_a_type_checker_finds_all_mistakes_of_a_wrong_program(checker, tmp_path):
    program = PROGRAMS / "wrong.py"
    lines = program.read_text().splitlines()
    planted = {number for number, line in enumerate(lines, 1) if "# mistake: " in line}
    assert len(planted) == 7
    assert checker(program, tmp_path) == planted


@CHECKERS
def test_a_type_checker_has_nothing_against_a_right_program(checker, tmp_path):
    assert checker(PROGRAMS / "right.py", tmp_path) == set()


class Counter(L.Work):
    def __init__(self, first: int, *, steps: int = 3) -> None:
        super().__init__()
        self.count = first + steps

    def run(self):
        pass


def test_the_signature_of_a_class_is_that_of_its_init():
    assert list(inspect.signature(L.Work).parameters)[:3] == [
        "parallel",
        "cache_calls",
        "raise_exception",
    ]
    assert str(inspect.signature(Counter)) == "(first: int, *, steps: int = 3) -> None"
    assert "(root: " in str(inspect.signature(L.App))
    assert not inspect.signature(L.Flow).parameters
    assert "members" in inspect.signature(L.List).parameters


def test_help_shows_how_an_object_is_made():
    assert "Counter(first: int, *, steps: int = 3)" in pydoc.plain(pydoc.render_doc(Counter))


def test_lists_and_dicts_of_components_take_the_type_of_their_members_as_programs_run():
    assert L.List[Counter](Counter(1))[0].count == 4
    assert L.Dict[Counter](a=Counter(2))["a"].count == 5
    members = L.List[Counter]()
    assert isinstance(members, L.List)
    assert members.state_vars["vars"] == {}
