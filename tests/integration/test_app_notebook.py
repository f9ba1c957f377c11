"""`app.run()` where a person types: no `SystemExit`, which no notebook can catch."""

import signal
import sys

import pytest

import lightgrid as L
from lightgrid.errors import AppFailedError, LightgridError


class Root(L.Flow):
    def __init__(self, then):
        super().__init__()
        self._then = then

    def run(self):
        self._then(self)


def press_ctrl_c(_flow):
    signal.raise_signal(signal.SIGINT)


@pytest.fixture
def at_a_prompt(monkeypatch):
    monkeypatch.setattr(sys, "ps1", ">>> ", raising=False)


@pytest.mark.usefixtures("at_a_prompt")
@pytest.mark.parametrize(
    ("then", "exit_code", "told"),
    [
        (lambda flow: flow.fail("nothing is well"), 1, "nothing is well"),
        (lambda flow: 1 / 0, 1, "ZeroDivisionError"),
        (lambda flow: sys.exit(3), 3, "sys.exit(3)"),
        (lambda flow: flow.fail(), 1, "the app has failed with exit code 1"),
    ],
    ids=["fail", "an exception", "sys.exit", "fail without a word"],
)
def test_in_a_notebook_a_failure_is_an_exception_like_any_other(then, exit_code, told, capsys):
    app = L.App(Root(then))
    with pytest.raises(AppFailedError, match=told.replace("(", r"\(").replace(")", r"\)")) as found:
        app.run()
    assert isinstance(found.value, Exception)
    assert found.value.exit_code == app.outcome.exit_code == exit_code
    assert told not in capsys.readouterr().err  # the exception says it


@pytest.mark.usefixtures("at_a_prompt")
def test_in_a_notebook_a_good_end_and_an_interrupt_are_what_they_are_elsewhere():
    L.App(Root(lambda flow: flow.stop())).run()
    with pytest.raises(KeyboardInterrupt):
        L.App(Root(press_ctrl_c)).run()


@pytest.mark.usefixtures("at_a_prompt")
def test_in_a_notebook_an_app_that_cannot_be_started_is_an_exception_too():
    options = L.RunOptions(launcher="nowhere")
    with pytest.raises(LightgridError, match="there is no launcher 'nowhere'"):
        L.App(Root(lambda flow: flow.stop())).run(options)


def test_a_script_ends_with_the_exit_code():
    with pytest.raises(SystemExit) as found:
        L.App(Root(lambda flow: flow.fail("no"))).run()
    assert found.value.code == 1
