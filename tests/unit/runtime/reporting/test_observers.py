"""Several who are told what happens, none of whom can disturb the app."""

import sys

import pytest

import lightgrid as L
from lightgrid.component.flow import FlowExit
from lightgrid.errors import OptionError
from lightgrid.runtime.reporting.observer import Observer


class Noting(Observer):
    """Notes what it is told, and raises then if it is to."""

    def __init__(self, raises=None, wants_deltas=False):
        self.told = []
        self.wants_deltas = wants_deltas
        self._raises = raises

    def _note(self, what):
        self.told.append(what)
        if self._raises is not None:
            raise self._raises

    def started(self, app_name, address):
        self._note("started")

    def work_added(self, work):
        self._note("work_added")

    def work_status(self, work, status):
        self._note("work_status")

    def committing(self, origin, place, base, ops):
        self._note("committing")

    def flow_ran(self):
        self._note("flow_ran")

    def ended(self):
        self._note("ended")


class Counting(L.Flow):
    def __init__(self):
        super().__init__()
        self.w = L.ExternalWork(options={"start_with_flow": False})
        self.n = 0

    def run(self):
        self.n += 1
        if self.n == 3:
            self.stop("counted")


def execute(*observers):
    first, *others = observers
    return L.App(Counting()).execute(L.RunOptions(observers=others), first)


def test_several_observers_are_told_the_same():
    observers = [Noting(), Noting(), Noting()]
    assert execute(*observers).message == "counted"
    assert observers[0].told == observers[1].told == observers[2].told
    assert "work_added" in observers[0].told
    assert observers[0].told.count("flow_ran") == 2
    assert observers[0].told[-1] == "ended"


@pytest.mark.parametrize(
    "raised", [ValueError("mine"), FlowExit("mine", failed=True), SystemExit(7)], ids=repr
)
def test_an_observer_that_raises_is_told_once_and_changes_nothing(caplog, raised):
    raising, other = Noting(raised, wants_deltas=True), Noting(wants_deltas=True)
    outcome = execute(raising, other)
    assert (outcome.exit_code, outcome.message) == (0, "counted")
    assert raising.told == other.told  # it has a screen to restore, say
    (record,) = caplog.records
    assert "Noting.committing has raised" in record.getMessage()
    assert record.exc_info[1] is raised


def test_each_observer_that_raises_is_told():
    told = []

    class Counted(Noting):
        def _note(self, what):
            told.append(what)
            sys.exit()

    assert execute(Counted(), Counted()).message == "counted"
    assert told.count("ended") == 2


def test_only_who_wants_deltas_is_told_of_them():
    with_them, without = Noting(wants_deltas=True), Noting()
    execute(without, with_them)
    assert "committing" in with_them.told
    assert "committing" not in without.told


def test_what_is_no_observer_is_refused_where_the_options_are_made():
    with pytest.raises(OptionError, match="observers"):
        L.RunOptions(observers=[print])
