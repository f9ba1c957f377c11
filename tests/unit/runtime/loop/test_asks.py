"""What others ask for is done between two runs of the flow."""

import threading

import pytest

import lightgrid as L
from lightgrid.errors import ClosedError
from lightgrid.runtime.reporting.observer import Observer


class Root(L.Flow):
    def __init__(self, step):
        super().__init__()
        self.n = 0
        self.items = []
        self._step = step
        self._loop = None

    def run(self):
        self._step(self)


def execute(step, before=None):
    """Run an app without works; `before` is called with its hub, before its first run."""
    root = Root(step)

    def see(loop):
        root._loop = loop
        if before is not None:
            before(loop.hub)

    return root, L.App(root).execute(L.RunOptions(on_loop=see), Observer())


def tree_of(root):
    return root._loop.hub.read(("vars",))[1]


def stop_when_asked(root):
    if root.n:
        root.stop("done")


def test_what_is_asked_for_is_done_in_the_flows_thread_and_answered():
    answers = []

    def change(root):
        root.n = 5
        root.items.append("asked")
        return threading.get_ident()

    root, outcome = execute(stop_when_asked, lambda hub: answers.append(hub.ask(change)))
    assert outcome.message == "done"
    assert answers[0].result(0) == threading.get_ident()
    assert tree_of(root) == {"n": 5, "items": ["asked"]}


def test_the_answer_comes_when_all_that_was_done_is_out():
    seen = []

    def before(hub):
        def change(root):
            root.n = 5

        hub.ask(change).add_done_callback(lambda _: seen.append(hub.read(("vars", "n"))[1]))

    execute(stop_when_asked, before)
    assert seen == [5]


def test_the_flow_runs_after_what_was_asked_for():
    runs = []

    def step(root):
        runs.append(root.n)
        if len(runs) == 1:
            threading.Thread(target=lambda: root._loop.hub.ask(lambda root: None)).start()
        else:
            root.stop("again")

    assert execute(step)[1].message == "again"


def test_what_is_asked_for_finds_what_the_last_run_has_left():
    seen = []

    def step(root):
        root.n += 1
        root._loop.hub.ask(lambda root: seen.append(root.n))
        if root.n == 3:
            root.stop()

    execute(step)
    assert seen == [1, 2]  # the third was asked for by a flow that had ended


@pytest.mark.parametrize(("end", "code"), [("stop", 0), ("fail", 1)])
def test_the_flow_can_be_ended_by_what_is_asked_for(end, code):
    def before(hub):
        hub.ask(lambda root: getattr(root, end)("by request"))

    _, outcome = execute(lambda root: None, before)
    assert (outcome.exit_code, outcome.message) == (code, "by request")


def test_an_error_in_what_is_asked_for_is_for_who_asks_alone():
    answers = []
    before = lambda hub: answers.extend(  # noqa: E731
        [hub.ask(lambda root: 1 / 0), hub.ask(lambda root: setattr(root, "n", 1))]
    )
    _, outcome = execute(stop_when_asked, before)
    assert outcome.message == "done"
    assert isinstance(answers[0].exception(0), ZeroDivisionError)
    assert answers[1].result(0) is None


def test_what_waits_behind_an_end_is_refused_and_never_done():
    done, answers = [], []

    def before(hub):
        hub.ask(lambda root: root.stop())
        answers.append(hub.ask(lambda root: done.append(1)))

    execute(lambda root: None, before)
    assert isinstance(answers[0].exception(0), ClosedError)
    assert done == []


def test_what_was_taken_back_is_not_done():
    done = []

    def before(hub):
        assert hub.ask(lambda root: done.append(1)).cancel()
        hub.ask(lambda root: setattr(root, "n", 1))

    execute(stop_when_asked, before)
    assert done == []


def test_state_that_cannot_be_state_ends_the_app_as_a_run_of_the_flow_would():
    _, outcome = execute(
        lambda root: None, lambda hub: hub.ask(lambda root: root.items.append(object()))
    )
    assert outcome.exit_code == 1
    assert "items" in outcome.message


def test_statistics_count_what_happened():
    def step(root):
        root.n += 1
        if root.n == 4:
            root.stop()

    root, _ = execute(step, lambda hub: hub.ask(lambda root: None))
    statistics = root._loop.statistics()
    assert (statistics.loop.runs, statistics.loop.asks) == (4, 1)
    assert (statistics.loop.works, statistics.loop.processes, statistics.hub.links) == (0, 0, {})
    assert statistics.hub.revision == root._loop.hub.read(())[0]
    assert statistics.hub.kept_changes > 4
    assert statistics.hub.kept_bytes > 0
    assert statistics.hub.watchers == statistics.hub.asks == statistics.hub.merges == 0
    with pytest.raises(AttributeError):
        statistics.loop.runs = 5
