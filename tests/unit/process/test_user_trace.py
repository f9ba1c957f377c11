"""Whose fault an error is, and what of its traceback says so."""

import textwrap

import pytest

from lightgrid.errors import StateError
from lightgrid.frames import calls_user_code
from lightgrid.process import app_file
from lightgrid.process.user_trace import user_trace

pytestmark = pytest.mark.usefixtures("kept")


def test_a_trace_begins_at_the_users_file(write):
    path = write("def f():\n    raise KeyError(1)\ntry:\n    f()\nexcept KeyError:\n    1 / 0\n")
    with pytest.raises(ZeroDivisionError) as caught:
        app_file.load_app_file(path)
    caught.value.__traceback__ = caught.value.__traceback__.tb_next  # this test's own frame
    trace = user_trace(caught.value)
    assert trace.count(path) == 3
    assert "KeyError: 1" in trace
    assert "lightgrid" not in trace


def test_a_syntax_error_shows_the_users_line_alone(write):
    path = write("x = (\n")
    with pytest.raises(SyntaxError) as caught:
        app_file.load_app_file(path)
    caught.value.__traceback__ = caught.value.__traceback__.tb_next
    trace = user_trace(caught.value)
    assert trace.splitlines()[0] == f'  File "{path}", line 1'
    assert "lightgrid" not in trace


def test_where_we_refused_something_is_not_shown(write):
    path = write("from lightgrid.state.paths import parse_path\nparse_path('w.[')\n")
    with pytest.raises(StateError) as caught:
        app_file.load_app_file(path)
    caught.value.__traceback__ = caught.value.__traceback__.tb_next
    assert "paths.py" not in user_trace(caught.value)


def trace_of(write, text):
    """The traceback of what an app file raises, as its user sees it."""
    with pytest.raises(BaseException) as caught:  # noqa: PT011 - whatever it is
        app_file.load_app_file(write(textwrap.dedent(text)))
    caught.value.__traceback__ = caught.value.__traceback__.tb_next
    return user_trace(caught.value)


@pytest.mark.parametrize(
    "mistake",
    [
        "L.App(5)",
        "L.App(W)",
        "L.App(W()).get_component_by_name('v')",
        "L.App(W()).get_component_by_name('root.v')",
        "F().stop(5)",
        "F().stop('ended')",
        "W(1, 2, 3)",
        "W().run(1, 2)",
        "W().nothing",
        "L.CommandWork('true').run()",
    ],
)
def test_of_a_mistake_of_the_users_only_the_users_line_is_shown(write, mistake):
    trace = trace_of(
        write,
        f"""
        import lightgrid as L

        class W(L.Work):
            def run(self):
                pass

        class F(L.Flow):
            def run(self):
                pass

        {mistake}
        """,
    )
    assert mistake in trace
    assert "lightgrid/" not in trace


def test_a_function_of_ours_with_any_name_may_call_user_code():
    def any_name(function):
        return function()

    def as_ours(function):
        code = function.__code__.replace(co_filename=app_file.__file__)
        return type(function)(code, globals())

    def takes_one(_one):
        pass

    for is_noted in (False, True):
        caller = as_ours(any_name)
        if is_noted:
            calls_user_code(caller)
        with pytest.raises(TypeError) as caught:
            caller(takes_one)
        assert (f'File "{app_file.__file__}"' in user_trace(caught.value)) is not is_noted
