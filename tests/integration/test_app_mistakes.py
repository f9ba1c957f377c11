"""What people read who wrote something wrong: what happened, where, and what to do."""

import re
import textwrap
import threading

import pytest

import lightgrid as L
from lightgrid.component.node import node_of
from lightgrid.component.status import WorkStage, WorkStatus
from lightgrid.runtime.loop import hints
from lightgrid.runtime.reporting.observer import Observer

pytestmark = pytest.mark.timeout(150)

APP = """
import threading
import lightgrid as L

class W(L.Work):
    def __init__(self):
        super().__init__()
        self.items = []
{init}
    def run(self, what=""):
{work}

class Root(L.Flow):
    def __init__(self):
        super().__init__()
        self.w = W()
    def run(self):
{flow}

"""
RUN_ONCE = """
self.w.run()
self.stop()
"""


def write(lightgrid, *, work="pass", flow=RUN_ONCE, init="pass", end="app = L.App(Root())\n"):
    def indented(text):
        return textwrap.indent(textwrap.dedent(text).strip(), 8 * " ")

    text = APP.format(init=indented(init), work=indented(work), flow=indented(flow)) + end
    return text.splitlines(), lightgrid.write("app.py", text)


def line_of(lines, part):
    """The number of the one line of an app that has some text."""
    (number,) = (at for at, line in enumerate(lines, 1) if part in line)
    return number


def told(done):
    assert done.returncode == 1, done
    assert "lightgrid/" not in done.stderr, "a frame of our own"
    return done.stderr


# Calls


def test_wrong_arguments_of_a_call_are_told_at_the_line_of_the_call(lightgrid):
    lines, path = write(lightgrid, flow="self.w.run(1, 2, 3)")
    text = told(lightgrid.run("flow", "app.py"))
    assert f'File "{path}", line {line_of(lines, "run(1, 2, 3)")}, in run' in text
    assert "TypeError: w.run(): too many positional arguments" in text
    where = f"{path}, line {line_of(lines, 'def run(self, what')}"
    assert f"""It is run(self, what='') in {where}""" in text


def test_what_run_returned_is_told_with_the_place_of_run(lightgrid):
    lines, path = write(lightgrid, work="return {'a': {1, 2}}")
    text = told(lightgrid.run("flow", "app.py"))
    assert f'File "{path}", line {line_of(lines, "def run(self, what")}, in run' in text
    assert "TypeError: w.run() returned a dict at a: a value of type set cannot be state" in text
    assert "InvalidReturnValue" not in text


def test_what_cannot_be_pickled_is_named(lightgrid):
    lines, path = write(lightgrid, init="self._parts = {'locks': [1, threading.Lock()]}")
    text = told(lightgrid.run("flow", "app.py"))
    assert "w._parts['locks'][1] is a _thread.lock: cannot pickle '_thread.lock' object" in text
    assert f"W.__init__ is in {path}, line {line_of(lines, 'class W') + 1}" in text
    assert "on_start or run" in text
    assert "Traceback" not in text


def test_a_bad_value_put_in_place_blames_no_other_line(lightgrid):
    _, path = write(
        lightgrid,
        work="""
        self.items.append({1, 2})
        while True:
            threading.Event().wait(0.01)
        """,
    )
    text = told(lightgrid.run("flow", "app.py"))
    assert "Traceback" not in text
    assert re.search(r"Noticed while .* put .* there .*before.*\n  File \"" + str(path), text)
    assert "w: items.0: a value of type set cannot be state" in text


# What an app is made of


@pytest.mark.parametrize(
    ("end", "message"),
    [
        ("app = L.App(Root)", "Root is a class; write L.App(Root())"),
        ("app = L.App(5)", "the root of an app is a flow or a work, not a int"),
        (
            "class Other(L.Flow):\n    def run(self, x): ...\napp = L.App(Other())",
            "Other.run(): missing a required argument: 'x'. The app calls the root's run without",
        ),
        ("Root().w.nothing", "'W' object has no attribute 'nothing'"),
        ("W(1)", "W.__init__() takes 1 positional argument but 2 were given"),
        ("L.Flow().schedule('* *')", "* *"),
    ],
)
def test_a_mistake_of_the_file_is_told_at_its_line(lightgrid, end, message):
    lines, path = write(lightgrid, end=f"{end}\n")
    text = told(lightgrid.run("flow", "app.py"))
    assert f'File "{path}", line {len(lines)}, in <module>' in text
    assert message in text.splitlines()[-1]


def test_a_missing_attribute_of_a_work_is_told_at_the_users_line(lightgrid):
    lines, path = write(lightgrid, flow="print(self.w.countr)")
    text = told(lightgrid.run("flow", "app.py"))
    assert f'File "{path}", line {line_of(lines, "countr")}, in run' in text
    assert "no attribute 'countr'" in text


def test_a_file_with_a_root_and_no_app_is_told_which_line_to_add(lightgrid):
    write(lightgrid, end="")
    done = lightgrid.run("flow", "app.py")
    assert done.returncode == 2
    assert "there is no app in it. Add at its end: app = L.App(Root())" in done.stderr


# One word for one thing


def test_a_work_has_one_name_in_what_is_said_of_it(lightgrid):
    write(lightgrid, work="self.unknown = 1")
    text = told(lightgrid.run("flow", "app.py"))
    assert "UndeclaredAttributeError: w: " in text


# A flow that does not stop


class Done(L.Work):
    def run(self):
        pass


class Forgetful(L.Flow):
    def __init__(self, work):
        super().__init__()
        self.w = work

    def run(self):
        self.w.run()


class Listener(Observer):
    """Ends an app at the first thing that it says."""

    def __init__(self):
        self.said_texts = []

    def said(self, message, *, is_problem=False):
        self.said_texts.append(message)
        self.loop.hub.ask(lambda root: root.stop())

    def see_loop(self, loop):
        self.loop = loop


def test_a_flow_that_forgets_to_stop_is_told_how_it_ends(monkeypatch):
    monkeypatch.setattr(hints, "_IDLE_HINT_AFTER_S", 0.05)
    listener = Listener()
    options = L.RunOptions(on_loop=listener.see_loop)
    assert L.App(Forgetful(Done())).execute(options, listener).exit_code == 0
    (text,) = listener.said_texts
    assert text.startswith("no work runs, and the flow has had nothing to do for")
    assert "self.stop()" in text


@pytest.mark.parametrize("stage", list(WorkStage))
def test_the_hint_waits_for_a_work_that_does_something(stage):
    root = Forgetful(Done())
    node_of(root.w).process_status = WorkStatus(stage)
    assert hints.has_nothing_to_wait_for(root) == (stage.is_end or stage is WorkStage.NOT_STARTED)


def test_the_hint_waits_for_a_schedule():
    root = Forgetful(Done())
    assert root.schedule("hourly")
    assert not hints.has_nothing_to_wait_for(root)


class Looping(L.Flow):
    def __init__(self, has_hint):
        super().__init__()
        self._has_hint = has_hint

    def run(self):
        assert self._has_hint.wait(40.0)
        self.stop()


def test_a_run_that_does_not_return_is_told_where_it_is(monkeypatch):
    monkeypatch.setattr(hints, "_RUN_HINT_AFTER_S", 0.05)
    hinted = threading.Event()
    told = []

    class Hearing(Observer):
        def said(self, message, *, is_problem=False):
            told.append(message)
            hinted.set()

    assert L.App(Looping(hinted)).execute(L.RunOptions(), Hearing()).exit_code == 0
    (text,) = told
    line = Looping.run.__code__.co_firstlineno + 1
    assert f"it is at {__file__}, line {line}. Nothing of the works arrives" in text


def test_a_class_that_only_the_flow_defines_is_told_where_to_go(lightgrid):
    _, path = write(lightgrid)
    text = path.read_text()
    guarded = 'if __name__ == "__main__":\n' + textwrap.indent(text, "    ")
    lightgrid.write("app.py", guarded)
    done = lightgrid.run("flow", "app.py")
    assert done.returncode == 1
    assert f"{path}: Can't get attribute 'W'" in done.stderr
    assert "outside of if __name__" in done.stderr
    assert "work_process.py" not in done.stderr


def test_a_restart_that_is_not_known_names_those_that_are():
    with pytest.raises(
        ValueError, match="restart cannot be 'sometimes'; it is never, on_failure or alw"
    ):
        L.CommandWork(["true"], options={"restart": "sometimes"})


class Holding(L.Work):
    def __init__(self):
        super().__init__(parallel=True)
        self.items = []

    def run(self):
        pass


class Putting(L.Flow):
    def __init__(self):
        super().__init__()
        self.w = Holding()

    def run(self):
        self.w.items.append({1})


def test_what_a_flow_puts_into_a_work_in_place_is_told_as_the_flows(lightgrid):
    outcome = L.App(Putting()).execute(L.RunOptions(), Observer())
    assert outcome.exit_code == 1
    line = Putting.run.__code__.co_firstlineno
    assert f"Putting.run is in {__file__}, line {line}" in outcome.message


@pytest.mark.parametrize("method", ["stop", "fail"])
def test_a_message_that_is_no_text_is_refused_at_the_users_line(lightgrid, method):
    lines, _ = write(lightgrid, flow=f"self.{method}(3)")
    done = lightgrid.run("flow", "app.py")
    assert done.returncode == 1
    assert f"line {line_of(lines, f'self.{method}(3)')}, in run" in done.stderr
    assert f"TypeError: {method}(3): the message is a str, not of type int" in done.stderr
    assert "lightgrid/" not in done.stderr
