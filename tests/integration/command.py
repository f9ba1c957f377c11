"""The command `lightgrid`, run as a process of its own, for tests."""

import contextlib
import os
import signal
import subprocess
import sys
import time
import uuid
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = ROOT / "examples"
#: Generous: a slow machine is no failure.
LIMIT_S = 40.0
_MAIN = "import sys; from lightgrid.cli.main import main; main(sys.argv[1:], prog_name='lightgrid')"


def wait_until(condition, what, limit_s=LIMIT_S):
    """Wait until a condition holds and return what it gives."""
    end_s = time.monotonic() + limit_s
    while time.monotonic() < end_s:
        found = condition()
        if found:
            return found
        time.sleep(0.02)
    raise AssertionError(f"{what} did not happen within {limit_s} s")


class Running:
    """A command that runs, its output in files."""

    def __init__(self, process, folder):
        self.process = process
        self._folder = folder

    @property
    def pid(self):
        return self.process.pid

    @property
    def out(self):
        return (self._folder / "out").read_text()

    @property
    def err(self):
        return (self._folder / "err").read_text()

    def wait_out(self, text):
        return self._wait(lambda: text in self.out, f"{text!r} on stdout")

    def wait_err(self, text):
        return self._wait(lambda: text in self.err, f"{text!r} on stderr")

    def _wait(self, condition, what):
        try:
            wait_until(lambda: condition() or self.process.poll() is not None, what)
            assert condition(), f"it ended without {what}"
        except AssertionError as error:
            raise AssertionError(f"{error}\n{self.out[-3000:]}\n{self.err[-3000:]}") from None

    def wait_end(self):
        try:
            return self.process.wait(LIMIT_S)
        except subprocess.TimeoutExpired:
            raise AssertionError(
                f"it did not end\n{self.out[-3000:]}\n{self.err[-3000:]}"
            ) from None

    def interrupt(self):
        """Do what Ctrl-C does: a signal to the process group."""
        os.killpg(self.pid, signal.SIGINT)


class Lightgrid:
    """Runs commands in a folder, out of sight of other apps of the same user."""

    def __init__(self, folder):
        self.folder = folder
        self._mark = uuid.uuid4().hex
        self._running = []
        runtime = folder / "runtime"
        runtime.mkdir()
        self.environment = {
            **{key: text for key, text in os.environ.items() if not key.startswith("LIGHTGRID")},
            "PYTHONPATH": os.pathsep.join((str(ROOT), str(ROOT / "generated/python"))),
            "PYTHONWARNINGS": "",
            "XDG_RUNTIME_DIR": str(runtime),
            "MARK": self._mark,
            "TERM": "xterm-256color",
        }

    def write(self, name, text):
        path = self.folder / name
        path.write_text(text)
        return path

    def arguments(self, *arguments):
        return [sys.executable, "-c", _MAIN, *map(str, arguments)]

    def run(self, *arguments, **more):
        """Run a command to its end."""
        environment = {**self.environment, **more}
        return subprocess.run(
            self.arguments(*arguments),
            cwd=self.folder,
            env=environment,
            capture_output=True,
            text=True,
            timeout=LIMIT_S,
            check=False,
        )

    def start(self, *arguments):
        """Start a command in a process group of its own."""
        folder = self.folder / f"run{len(self._running)}"
        folder.mkdir()
        with (folder / "out").open("wb") as out, (folder / "err").open("wb") as err:
            process = subprocess.Popen(
                self.arguments(*arguments),
                cwd=self.folder,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=err,
                start_new_session=True,
            )
        running = Running(process, folder)
        self._running.append(running)
        return running

    def start_app(self, path, *options):
        """Start an app and wait until it listens."""
        app = self.start("flow", *options, path)
        app.wait_err("listens on")
        return app

    def processes(self):
        """The pids of all that was started here, at any remove."""
        if not Path("/proc/self/environ").exists():
            pytest.skip("processes are looked for in /proc")
        return self._marked()

    def _marked(self):
        found = []
        for folder in Path("/proc").glob("[0-9]*"):
            try:
                state = (folder / "stat").read_text().rpartition(")")[2].split()[0]
                if self._mark.encode() in (folder / "environ").read_bytes() and state != "Z":
                    found.append(int(folder.name))
            except OSError:
                continue
        return found

    def close(self):
        for running in self._running:
            if running.process.poll() is None:
                os.killpg(running.pid, signal.SIGKILL)
                running.process.wait()
        # After a test that has failed, also what no guard ends: it may have been stopped.
        for pid in self._marked():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
