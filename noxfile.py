"""The tests with other Pythons, and with other versions of what lightgrid depends on.

Usage:
    nox --list
    nox                         the whole suite, with every supported Python that is here
    nox --session oldest newest       what users may have instead of constraints.txt
    nox --session newest -- tests     likewise, the whole suite
"""

from __future__ import annotations

import glob
import os
import shutil
import subprocess
import tomllib
from pathlib import Path

import nox

PROJECT = tomllib.loads(Path("pyproject.toml").read_text())["project"]
PREFIX = "Programming Language :: Python :: 3."
PYTHONS = [f"3.{one[len(PREFIX) :]}" for one in PROJECT["classifiers"] if one.startswith(PREFIX)]
#: Of the dev extra, what the tests of behaviour need.
TOOLS = ("hypothesis", "numpy", "pytest", "pytest-timeout", "pytest-xdist")
#: Tests that need the rest of it: linters, type checkers, generators. What these find depends on
#: their version, so there is one, that of constraints.txt.
JUDGES = ("tests/unit/test_repository.py", "tests/unit/test_types.py")
#: Where the dependencies are used: stubs, gRPC, TLS, pickling, schedules, commands, the terminal.
QUICK = (
    "tests/unit",
    "tests/property",
    "tests/integration/test_app_calls.py",
    "tests/integration/test_app_state.py",
    "tests/integration/test_app_tls.py",
    "tests/integration/test_cli_state.py",
    "tests/integration/test_cli_terminal.py",
    "tests/integration/test_notebook.py",
    "tests/integration/test_server_deltas.py",
    "tests/integration/test_work_process.py",
)

nox.options.sessions = ["tests"]
nox.options.error_on_missing_interpreters = False  # also where CI is set


def find_pythons() -> list[str]:
    """Return the supported Pythons that are here, oldest first, and let nox find them."""
    found = []
    pyenv = os.environ.get("PYENV_ROOT") or os.path.expanduser("~/.pyenv")
    for version in PYTHONS:
        name = f"python{version}"
        beside = sorted(glob.glob(f"{pyenv}/versions/{version}.*/bin/{name}"))
        # pyenv puts every name on PATH, also of what it does not run at present.
        for path in filter(None, (shutil.which(name), *beside)):
            if subprocess.run([path, "-c", ""], capture_output=True, check=False).returncode == 0:
                if path != shutil.which(name):
                    os.environ["PATH"] = os.path.dirname(path) + os.pathsep + os.environ["PATH"]
                found.append(version)
                break
    return found


FOUND = find_pythons()


@nox.session(python=PYTHONS)
def tests(session: nox.Session) -> None:
    """Run the suite with the versions of constraints.txt."""
    session.install("--constraint", "constraints.txt", "--editable", ".[dev]")
    session.run("python", "-m", "pytest", *session.posargs)


@nox.session(python=FOUND[:1])
def oldest(session: nox.Session) -> None:
    """Run the quick tests with the lowest version of every dependency, and the oldest Python."""
    lowest = [one.replace(">=", "==") for one in [*PROJECT["dependencies"], *tools()]]
    session.install("--editable", ".", *lowest)
    run_quick_tests(session)


@nox.session(python=FOUND[-1:])
def newest(session: nox.Session) -> None:
    """Run the quick tests with the newest of everything, and the newest Python."""
    # Without grpcio-tools, which would hold protobuf below what users have.
    session.install("--editable", ".", *tools())
    run_quick_tests(session)


def tools() -> list[str]:
    """Return the requirements of the dev extra that are in `TOOLS`."""
    dev = PROJECT["optional-dependencies"]["dev"]
    return [one for one in dev if one.partition(">=")[0] in TOOLS]


def run_quick_tests(session: nox.Session) -> None:
    """Run pytest on what was asked for, or on the quick tests."""
    paths = session.posargs or QUICK
    session.run("python", "-m", "pytest", *(f"--ignore={path}" for path in JUDGES), *paths)
