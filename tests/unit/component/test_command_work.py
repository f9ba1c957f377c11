import pytest

import lightgrid as L
from lightgrid.component.node import node_of
from lightgrid.errors import ComponentError, UnsupportedValueError


def test_the_variables_of_a_command_are_its_keyword_arguments():
    work = L.CommandWork(["node", "worker.js"], counter=0, table={"a": [1]})
    assert work.state_vars["vars"] == {"counter": 0, "table": {"a": [1]}}
    assert work.parallel
    assert not work.start_with_flow


def test_a_call_adds_its_arguments_to_the_command():
    work = L.CommandWork(["prog", 1])
    assert node_of(work).program((), {}) == ["prog", "1"]
    assert node_of(work).program(("a", 2.5), {"name": "x y", "n": 3}) == [
        "prog", "1", "a", "2.5", "--name", "x y", "--n", "3",
    ]  # fmt: skip


def test_a_command_gets_more_environment_and_a_works_options():
    work = L.CommandWork(
        ["x"], environment={"A": "1"}, options={"parallel": False, "raise_exception": False}
    )
    assert node_of(work).environment() == {"A": "1"}
    assert not work.parallel
    assert not work.raise_exception


def test_a_command_that_is_one_text_is_refused_with_its_words():
    with pytest.raises(TypeError, match=r"a list of its words: \['echo', 'hi'\]"):
        L.CommandWork("echo hi")


@pytest.mark.parametrize("make", [L.ExternalWork, lambda **more: L.CommandWork(["x"], **more)])
def test_an_option_among_the_variables_is_refused_with_where_it_goes(make):
    with pytest.raises(ComponentError, match=r"write options=\{'raise_exception': False\}"):
        make(raise_exception=False)


def test_a_variable_that_cannot_be_state_is_refused_when_the_work_is_made():
    with pytest.raises(UnsupportedValueError, match="bad"):
        L.CommandWork(["x"], bad={1, 2})


@pytest.mark.parametrize("work", [L.CommandWork(["x"]), L.ExternalWork()])
def test_neither_runs_outside_of_an_app(work):
    with pytest.raises(NotImplementedError, match="is executed by"):
        work.run()
    with pytest.raises(ComponentError, match="needs a running app"):
        work.start()


def test_an_external_work_has_no_process_of_ours_and_says_how_to_join_later():
    work = L.ExternalWork(options={"raise_exception": False}, x=1)
    assert work.state_vars["vars"] == {"x": 1}
    assert work.connection is None
    assert not node_of(work).options.launch
