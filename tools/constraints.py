"""Renew `constraints.txt`: the version of everything that a developer's environment holds.

Usage:
    python tools/constraints.py     ask pip what it would install today, and write it down

It changes nothing in the environment. Afterwards install with the new file and run the suite, as
the README says; what broke is visible before anybody else meets it.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
CONSTRAINTS = ROOT / "constraints.txt"
HEADER = """\
# Every version that the tests are run with, by the README's command. Written by
# `python tools/constraints.py`, which also renews it; not edited by hand.
"""


def newest() -> dict[str, str]:
    """Return the newest version of all that the dev extra brings, by name.

    Raises:
        subprocess.CalledProcessError: pip finds no solution; it has said why.
    """
    command = [sys.executable, "-m", "pip", "--disable-pip-version-check", "install", "--quiet"]
    options = ["--dry-run", "--ignore-installed", "--report", "-", f"{ROOT}[dev]"]
    done = subprocess.run([*command, *options], stdout=subprocess.PIPE, text=True, check=True)
    found = [one["metadata"] for one in json.loads(done.stdout)["install"]]
    return {normal_name(one["name"]): one["version"] for one in found}


def normal_name(name: str) -> str:
    """Return the one form of a distribution's name in which two of them can be compared."""
    return re.sub(r"[-_.]+", "-", name).lower()


def main() -> int:
    """Write the file; return the exit code."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    oldest = project["requires-python"].removeprefix(">=")
    if ".".join(map(str, sys.version_info[:2])) != oldest:
        # What is the newest for a newer Python may not exist for this one.
        print(f"run it with Python {oldest}, the oldest that lightgrid supports", file=sys.stderr)
        return 2
    versions = newest()
    del versions[normal_name(project["name"])]
    lines = [f"{name}=={version}\n" for name, version in sorted(versions.items())]
    CONSTRAINTS.write_text(HEADER + "".join(lines))
    print(f"{CONSTRAINTS.name}: {len(lines)} versions")
    return 0


if __name__ == "__main__":
    sys.exit(main())
