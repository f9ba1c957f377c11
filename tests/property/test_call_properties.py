"""What holds for the calls of every flow: straight-line programs, pass by pass, against a model."""

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from unit.component.fake_app import FakeApp

import lightgrid
from lightgrid.component import calls as calls_module
from lightgrid.component.node import node_of
from lightgrid.component.status import WorkStage, WorkStatus

KINDS = list(itertools.product([True, False], repeat=2))  # parallel, cache_calls


class W(lightgrid.Work):
    def run(self, argument):
        raise AssertionError("this runs in the flow's process")


class Root(lightgrid.Flow):
    def __init__(self):
        super().__init__()
        for number, (parallel, cache_calls) in enumerate(KINDS):
            work = W(parallel=parallel, cache_calls=cache_calls, raise_exception=False)
            setattr(self, f"w{number}", work)


STEPS = st.tuples(st.integers(0, 3), st.integers(0, 5))
PASSES = st.lists(st.lists(STEPS, max_size=8), min_size=1, max_size=6)


@pytest.fixture(autouse=True, scope="module")
def a_small_memory():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(calls_module, "MAX_KEPT_CALLS", 2)
        yield


class Player:
    """Plays passes of a flow that asks works for calls, some of which end between its runs."""

    def __init__(self, rng):
        self.root = Root()
        self.app = FakeApp(self.root)
        self.works = [getattr(self.root, f"w{number}") for number in range(4)]
        self.rng = rng

    def play(self, steps):
        """Run one pass; return the calls that were made in it, as steps."""
        made = len(self.app.calls)

        def run():
            for number, argument in steps:
                self.works[number].run(argument)

        for _ in range(200):
            if self.app.run(run):
                return [(int(name[-1]), args[0]) for name, args, _ in self.app.calls[made:]]
            self.end_some()
        raise AssertionError("the pass does not come to its end")

    def end_some(self):
        for work in self.works:
            for record in node_of(work).calls.open_records():
                if self.rng.random() < 0.5:
                    node_of(work).calls.advance(record.call_id, WorkStatus(WorkStage.SUCCEEDED))
            node_of(work).calls.forget_oldest()


@settings(deadline=None)
@given(PASSES, st.randoms(use_true_random=False))
def test_every_pass_makes_what_is_neither_cached_nor_parallel_once_for_each_time_it_asks(
    passes, rng
):
    player = Player(rng)
    for steps in passes:
        made = player.play(steps)
        asked = [step for step in steps if KINDS[step[0]] == (False, False)]
        assert [step for step in made if KINDS[step[0]] == (False, False)] == asked


@settings(deadline=None)
@given(PASSES, st.randoms(use_true_random=False))
def test_what_is_cached_is_made_once_as_long_as_every_pass_asks_for_it(passes, rng):
    player, known = Player(rng), set()
    for steps in passes:
        made = [step for step in player.play(steps) if KINDS[step[0]][1]]
        assert len(made) == len(set(made))
        assert not known.intersection(made)
        known = known.union(made).intersection(steps)
