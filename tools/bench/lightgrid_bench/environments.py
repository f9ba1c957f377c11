"""The environments of the rivals: made when asked for, in a cache of the user's."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from lightgrid_bench.peers import PeerError

SCRIPTS: Final = Path(__file__).resolve().parent / "rivals"
_CACHE: Final = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "lightgrid-bench"


@dataclass(frozen=True, slots=True)
class Rival:
    """Something else that moves state, in a virtual environment of its own.

    Attributes:
        name: What it is called in the table, and its folder.
        requirements: For pip.
        program: A program that must be found besides.
    """

    name: str
    requirements: tuple[str, ...]
    program: str = ""

    @property
    def python(self) -> str:
        """The interpreter of its environment."""
        return str(_CACHE / self.name / "bin" / "python")

    @property
    def missing(self) -> str:
        """Why it cannot be measured; empty when it can."""
        if not os.path.exists(self.python):
            return "say --rivals"
        if self.program and shutil.which(self.program) is None:
            return f"{self.program} is not on PATH"
        return ""

    def run(self, script: str, *arguments: object) -> str:
        """Run a program of `rivals` in its environment; return what it wrote into its last file.

        Raises:
            PeerError: It wrote nothing.
        """
        with tempfile.TemporaryDirectory(prefix="lightgrid-bench-") as folder:
            result = Path(folder) / "result"
            done = subprocess.run(
                [self.python, str(SCRIPTS / script), *map(str, arguments), str(result)],
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                timeout=300,
                cwd=folder,
            )
            if not result.exists():
                raise PeerError(f"{script}: {done.stdout}{done.stderr}")
            return result.read_text()

    def make(self) -> None:
        """Make its environment."""
        folder = _CACHE / self.name
        folder.parent.mkdir(parents=True, exist_ok=True)
        subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
        subprocess.run([self.python, "-m", "pip", "install", "-q", *self.requirements], check=True)


#: The framework that was removed hangs at its start with a newer uvicorn.
LIGHTNING: Final = Rival("lightning", ("lightning-app==2.3.2", "uvicorn<0.36"))
RAY: Final = Rival("ray", ("ray",))
REDIS: Final = Rival("redis", ("redis",), "redis-server")
RIVALS: Final = (LIGHTNING, RAY, REDIS)


def make_all(say: Callable[[str], None]) -> None:
    """Make the environments that are not there."""
    for rival in RIVALS:
        if not os.path.exists(rival.python):
            say(f"making the environment of {rival.name}")
            rival.make()
