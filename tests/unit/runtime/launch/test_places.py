import pytest

from lightgrid.component.resources import Resources
from lightgrid.errors import LightgridError
from lightgrid.runtime.launch.events import Ended, NotStarted, Pending, Started
from lightgrid.runtime.launch.launcher import LaunchSpec
from lightgrid.runtime.launch.places import Places


class FakeLauncher:
    """Notes what it is asked for."""

    def __init__(self, name, honours=()):
        self.name = name
        self.honours = frozenset(honours)
        self.tells = {}
        self.orders = []

    def start(self, spec, tell):
        self.tells[spec.launch_id] = tell

    def stop(self, launch_id):
        self.orders.append(("stop", launch_id))

    def kill(self, launch_id):
        self.orders.append(("kill", launch_id))

    def close(self):
        self.orders.append("close")


class Made:
    """The launchers that places have asked for, each under its name."""

    def __init__(self):
        self.launchers = {}
        self.errors = {}
        self.places = Places("here", self.make)
        self.events = []

    def make(self, chosen):
        if chosen in self.errors:
            raise self.errors[chosen]
        name = chosen.partition(":")[0]
        honours = {"gpus", "memory"} if name == "here" else {"labels"}
        launcher = self.launchers[chosen] = FakeLauncher(name, honours)
        return launcher

    def start(self, launch_id, launcher="", resources=None, tmp="/nowhere"):
        spec = LaunchSpec(
            launch_id, "root.w", ["program"], {}, tmp, 1.0,
            launcher=launcher, resources=resources or Resources(),
        )  # fmt: skip
        self.places.start(spec, self.events.append)


@pytest.fixture
def made():
    return Made()


def test_a_work_that_names_none_is_started_by_the_apps_launcher(made):
    made.places.prepare()
    assert list(made.launchers) == ["here"]
    made.start("1")
    assert list(made.launchers["here"].tells) == ["1"]


def test_a_launcher_is_made_when_the_first_work_names_it_and_once(made):
    made.places.prepare()
    made.start("1", "there:gpu")
    made.start("2", "there:gpu")
    made.start("3", "there:cpu")
    assert list(made.launchers) == ["here", "there:gpu", "there:cpu"]
    assert list(made.launchers["there:gpu"].tells) == ["1", "2"]
    assert list(made.launchers["there:cpu"].tells) == ["3"]


def test_people_are_told_a_launchers_name_without_its_options(made):
    assert made.places.name_of("") == "here"
    assert made.places.name_of("there:with:options") == "there"


def test_what_it_is_to_do_with_a_launch_goes_to_who_has_it(made):
    made.start("1")
    made.start("2", "there")
    made.places.stop("2")
    made.places.kill("1")
    made.places.stop("nobody's")
    assert made.launchers["there"].orders == [("stop", "2")]
    assert made.launchers["here"].orders == [("kill", "1")]


def test_a_launch_that_has_ended_is_nobodys(made):
    made.start("1")
    tell = made.launchers["here"].tells["1"]
    for event in (Pending("1", "why"), Started("1", 7)):
        tell(event)
    made.places.stop("1")
    tell(Ended("1", 0))
    made.places.stop("1")
    assert made.launchers["here"].orders == [("stop", "1")]
    assert made.events == [Pending("1", "why"), Started("1", 7), Ended("1", 0)]


def test_a_need_that_a_launcher_does_not_know_is_refused_with_the_names_of_both(made):
    made.start("1", resources=Resources(gpus=1, labels={"zone": "b"}, cpus=2))
    reason = (
        "launcher here does not know what to do with cpus and labels (cpus=2 gpus=1 zone=b); "
        "it honours: gpus, memory"
    )
    assert made.events == [NotStarted("1", reason)]
    assert made.launchers["here"].tells == {}


def test_another_launcher_may_know_what_the_apps_own_does_not(made):
    made.start("1", "there", Resources(labels={"zone": "b"}))
    assert made.events == []
    assert list(made.launchers["there"].tells) == ["1"]


@pytest.mark.parametrize(
    "error", [LightgridError("there is none"), OSError(11, "no more processes")]
)
def test_a_work_whose_launcher_cannot_be_had_is_not_started_and_others_are(made, error):
    made.errors["there"] = error
    made.start("1", "there")
    made.start("2")
    assert made.events == [NotStarted("1", f"launcher there: {error}")]
    assert list(made.launchers["here"].tells) == ["2"]
    del made.errors["there"]
    made.start("3", "there")
    assert list(made.launchers["there"].tells) == ["3"]


def test_an_app_whose_own_launcher_cannot_be_had_does_not_begin(made):
    made.errors["here"] = OSError(11, "no more processes")
    with pytest.raises(LightgridError, match=r"launcher here: .*no more processes"):
        made.places.prepare()


def test_closing_closes_all_also_when_one_cannot(made):
    made.start("1")
    made.start("2", "there")

    def fail():
        raise OSError("it cannot")

    made.launchers["there"].close = fail
    with pytest.raises(OSError, match="it cannot"):
        made.places.close()
    assert made.launchers["here"].orders == ["close"]
