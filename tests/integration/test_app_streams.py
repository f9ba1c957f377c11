"""Works whose output goes nowhere, that are debugged without a terminal, that run under -O."""

import textwrap

import pytest

import lightgrid as L
from lightgrid.testing import stepping


class Mute(L.Work):
    def __init__(self):
        super().__init__(parallel=True, raise_exception=False)
        self.changed = 0
        self.left = False

    def run(self, how):
        import sys

        if how == "closed":
            sys.stderr.close()
        elif how == "full":
            sys.stderr = open("/dev/full", "w")  # noqa: SIM115 - it is not to be closed
            sys.stdout = open("/dev/full", "w")  # noqa: SIM115
        else:
            sys.stderr = None
        self.changed += 1
        raise ValueError("my own error")

    def on_exit(self):
        self.left = True
        raise ValueError("another one")


@pytest.mark.parametrize("how", ["closed", "full", "none"])
def test_a_work_whose_stderr_takes_nothing_fails_as_any_other(how):
    class Root(L.Flow):
        def __init__(self):
            super().__init__()
            self.w = Mute()

        def run(self):
            self.w.run(how)

    root = Root()
    with stepping(root) as app:
        app.run_until(lambda: root.w.has_failed)
        assert root.w.status.reason == "user_exception"
        assert root.w.status.message.startswith("ValueError: my own error\n")
        assert root.w.changed == 1
        pid = app.pid_of(root.w)
        root.w.stop()
        app.run_until(lambda: app.is_gone(pid))
        assert root.w.left
        assert root.w.status.stage == "stopped"


APP = """
import lightgrid as L

class W(L.Work):
    def __init__(self):
        super().__init__(parallel=True)
        self.seen = 0
    def run(self):
        {work}

class Root(L.Flow):
    def __init__(self):
        super().__init__()
        self.w = W()
    def run(self):
        self.w.run()
        if self.w.has_succeeded:
            self.stop(f"{{self.w.seen == self.w.port}}, debug is {{__debug__}}")

app = L.App(Root())
"""


def test_an_app_is_the_same_under_python_dash_O(lightgrid):  # noqa: N802 - the option's name
    lightgrid.write("app.py", APP.format(work="self.seen = self.port"))
    done = lightgrid.run("flow", "app.py", PYTHONOPTIMIZE="1")
    assert done.returncode == 0, done.stderr
    assert "True, debug is False" in done.stderr


def test_a_breakpoint_in_a_work_says_how_to_debug_it(lightgrid):
    path = lightgrid.write("app.py", APP.format(work="breakpoint()"))
    done = lightgrid.run("flow", "app.py")
    assert done.returncode == 1
    told = done.stdout + done.stderr
    assert f"launch=False, and be it in a terminal of your own: lightgrid work {path} w" in told
    assert f'File "{path}", line 9, in run' in told
    assert "BdbQuit" not in told


def test_a_debugger_that_needs_no_terminal_is_let_be(lightgrid):
    lightgrid.write(
        "mine.py",
        textwrap.dedent(
            """
            def hook():
                print("my debugger")
            """
        ),
    )
    lightgrid.write("app.py", APP.format(work="breakpoint(); self.seen = self.port"))
    done = lightgrid.run("flow", "app.py", PYTHONBREAKPOINT="mine.hook")
    assert done.returncode == 0, done.stderr
    assert "my debugger" in done.stdout + done.stderr
