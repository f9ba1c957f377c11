"""The pages of the guide, and one beside: their programs are run, and say what the pages say."""

import re
import subprocess
import sys

import pytest
from integration.command import _MAIN, LIMIT_S, ROOT, Lightgrid

pytestmark = pytest.mark.timeout(300)

GUIDE = sorted((ROOT / "docs/guide").glob("*.md"))
PAGES = [*GUIDE, ROOT / "docs/launchers.md"]
#: What a page types is run by the Python of the tests.
PROGRAMS = {
    "lightgrid": [sys.executable, "-c", _MAIN],
    "python": [sys.executable],
    "pytest": [sys.executable, "-m", "pytest", "-p", "no:cacheprovider"],
}


def blocks(text):
    """The fenced blocks of a page: language and content, in order."""
    return re.findall(r"^```(\w*)\n(.*?)^```$", text, re.M | re.S)


def sessions(content):
    """What is typed in a console block, and what comes of it."""
    for part in re.split(r"^\$ ", content, flags=re.M)[1:]:
        command, _, output = part.partition("\n")
        yield command, output


def pattern_of(output):
    """`...` stands for some lines where it is one, else for a part of one."""
    lines = []
    for line in output.splitlines():
        if line.strip() == "...":
            lines.append(r"(?:.*\n)*?")
        else:
            lines.append(r"[^\n]*?".join(map(re.escape, line.rstrip().split("..."))) + r" *\n")
    return "".join(lines)


def run(command, shown, lightgrid):
    program, *arguments = command.split()
    done = subprocess.run(
        [*PROGRAMS[program], *arguments],
        cwd=lightgrid.folder,
        env={**lightgrid.environment, "COLUMNS": "100"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=LIMIT_S,
        check=False,
    )
    assert re.fullmatch(pattern_of(shown), done.stdout), f"$ {command}\n{done.stdout}"


@pytest.mark.parametrize("page", PAGES, ids=[page.stem for page in PAGES])
def test_what_a_page_types_says_what_the_page_shows(page, tmp_path):
    lightgrid = Lightgrid(tmp_path)
    commands = 0
    for language, content in blocks(page.read_text()):
        if language == "python":
            name = re.match(r"# (\w+\.py)\n", content)
            assert name, f"a program of {page.name} does not begin with its file's name"
            lightgrid.write(name[1], content)
        elif language == "console":
            for command, shown in sessions(content):
                run(command, shown, lightgrid)
                commands += 1
    assert commands


def test_the_guide_has_its_pages():
    assert [page.stem for page in GUIDE] == ["calls", "failure", "first-app", "state", "testing"]


@pytest.mark.parametrize(
    ("shown", "output", "fits"),
    [
        ("a\nb\n", "a\nb\n", True),
        ("a\n", "a\nb\n", False),
        ("a\n...\nc\n", "a\nb\nb\nc\n", True),
        ("a\n...\nc\n", "a\nc\n", True),
        ("on 127.0.0.1:...\n", "on 127.0.0.1:4711\n", True),
        ("a...\n", "a\nb\n", False),
        ("a.c\n", "abc\n", False),
    ],
)
def test_three_dots_stand_for_a_part_of_a_line_or_for_some(shown, output, fits):
    assert bool(re.fullmatch(pattern_of(shown), output)) == fits
