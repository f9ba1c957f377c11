"""The live display, in a real pseudo terminal."""

import os
import pty
import re
import subprocess
import threading

import pytest
from integration.command import LIMIT_S, Lightgrid, wait_until

pytestmark = pytest.mark.timeout(150)

APP = """
import time
import lightgrid as L

class W(L.Work):
    def __init__(self):
        super().__init__(parallel=True)
        self.value = 0
    def run(self):
        print("hello from the work")
        for _ in range(5):
            self.value += 1
            time.sleep(0.1)

class Root(L.Flow):
    def __init__(self):
        super().__init__()
        self.w = W()
    def run(self):
        self.w.run()
        print("flow sees", self.w.value, "x" * 300)
        if self.w.has_succeeded:
            self.stop("bye")

app = L.App(Root())
"""


class Terminal:
    """Reads what a process writes to its terminal."""

    def __init__(self, command, **more):
        parent, child = pty.openpty()
        os.set_inheritable(child, True)
        self.process = subprocess.Popen(
            command, stdin=child, stdout=child, stderr=child, start_new_session=True, **more
        )
        os.close(child)
        self._parent = parent
        self._data = b""
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    @property
    def text(self):
        return self._data.decode()

    def wait_end(self):
        code = self.process.wait(LIMIT_S)
        self._thread.join(LIMIT_S)
        os.close(self._parent)
        return code

    def _read(self):
        while True:
            try:
                data = os.read(self._parent, 65536)
            except OSError:  # how Linux tells that nobody has the other end any more
                return
            if not data:
                return
            self._data += data


def test_a_terminal_shows_a_table_below_what_is_printed(tmp_path):
    lightgrid = Lightgrid(tmp_path)
    path = lightgrid.write("app.py", APP)
    command = lightgrid.arguments("flow", path)
    terminal = Terminal(command, cwd=tmp_path, env=lightgrid.environment)
    wait_until(lambda: "last change" in terminal.text, "the table")
    assert terminal.wait_end() == 0, terminal.text
    plain = re.sub(r"\x1b\[[0-9;]*m", "", terminal.text)
    assert "[w] hello from the work\r\n" in plain
    # Whole, not wrapped at the width of the terminal, and not torn.
    assert f"flow sees 5 {'x' * 300}\r\n" in plain
    assert "\x1b[K" in plain  # the table was drawn over
    last = plain.rpartition("app.py on 127.0.0.1")[2]
    assert re.search(r"w\s+succeeded\s+1\s", last), last
    assert last.rstrip().endswith("lightgrid: bye")
