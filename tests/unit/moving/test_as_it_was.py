"""What programs of the removed framework do, and what it does here."""

import pytest

import lightgrid as L
from lightgrid.testing import EmptyFlow, EmptyWork


class Silent(L.LightningFlow):
    """Has state, and nothing to decide."""

    def __init__(self):
        super().__init__()
        self.x = 1


class Root(L.LightningFlow):
    def __init__(self):
        super().__init__()
        self.below = Silent()
        self.ran = False

    def run(self):
        self.below.run()
        self.ran = True


def test_a_flow_without_run_can_be_called_and_does_nothing():
    root = Root()
    root.run()
    assert root.ran
    assert root.below.run("with", any="arguments") is None


def test_a_flow_without_run_cannot_be_the_root():
    with pytest.raises(TypeError, match="Silent has no run method: a root flow needs one"):
        L.LightningApp(Silent())


def test_a_flow_can_be_given_another_run_from_outside():
    flow = Silent()
    calls = []
    flow.run = lambda: calls.append(flow.x)
    assert "run" not in flow.state_vars["vars"]
    L.LightningApp(flow).root.run()
    assert calls == [1]


def test_a_flow_cannot_be_given_a_run_that_cannot_be_called():
    with pytest.raises(L.ComponentError, match="run is what lightgrid calls something of its own"):
        Silent().run = 3


def test_the_flows_of_an_app_are_a_list_that_begins_with_the_root():
    app = L.LightningApp(Root())
    assert app.flows == [app.root, app.root.below]


def test_a_component_may_be_set_outside_of_init_and_run():
    root = Root()
    root.late = EmptyWork()
    assert root.late.name == "root.late"


def test_a_component_in_a_second_place_is_refused_and_the_first_is_named():
    root = Root()
    root.w = EmptyWork()
    with pytest.raises(L.ComponentError, match=r"below\.w: the component already is w; "):
        root.below.w = root.w
    root.below._w = root.w  # for those who only want to read or call it
    assert root.below._w.name == "root.w"


def test_an_empty_flow_may_be_the_root_and_an_empty_work_runs():
    app = L.LightningApp(EmptyFlow())
    app.root.w = EmptyWork()
    app.root.run()
    assert app.works == [app.root.w]
    assert app.root.w.run() is None


def test_stages_have_the_name_and_the_words_that_they_had():
    assert L.WorkStageStatus.SUCCEEDED == "succeeded"
    assert {str(stage) for stage in L.WorkStageStatus} == {
        "not_started", "started", "stopped", "pending", "running", "succeeded", "failed",
    }  # fmt: skip
