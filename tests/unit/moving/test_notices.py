"""What programs of the removed framework say and nothing comes of is taken, and told once."""

import warnings

import pytest

import lightgrid as L
from lightgrid.moving import notices
from lightgrid.moving.notices import MovedWarning


@pytest.fixture(autouse=True)
def _nothing_told_yet(monkeypatch):
    monkeypatch.setattr(notices, "_told", set())


class W(L.Work):
    def __init__(self, **options):
        super().__init__(**options)

    def run(self):
        pass


class Root(L.Flow):
    def run(self):
        pass


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"cloud_compute": L.CloudCompute("gpu", disk_size=10)}, "works run on this machine"),
        ({"cloud_build_config": L.BuildConfig(requirements=["torch"])}, "environment"),
        ({"local_build_config": L.BuildConfig(image="debian")}, "environment"),
    ],
)
def test_a_work_takes_what_described_a_machine_and_says_once_that_nothing_comes_of_it(
    options, said
):
    with pytest.warns(MovedWarning, match=rf"= has no effect: .*{said}.* See docs/moving") as told:
        works = [W(**options), W(**options)]
    assert [one.filename for one in told] == [__file__]
    assert works[0].state_vars["vars"] == {}


@pytest.mark.parametrize(
    "options", [{"log_level": "debug"}, {"flow_cloud_compute": L.CloudCompute()}]
)
def test_an_app_takes_what_said_how_it_runs_and_says_once_that_nothing_comes_of_it(options):
    with pytest.warns(MovedWarning, match="has no effect") as told:
        apps = [L.App(Root(), **options), L.App(Root(), **options)]
    assert len(told) == 1
    assert apps[0].stop_grace_s == L.App(Root()).stop_grace_s


@pytest.mark.parametrize("kind", [L.Flow, L.Work])
@pytest.mark.parametrize("hook", ["configure_layout", "configure_commands", "configure_api"])
def test_a_hook_that_is_called_no_more_is_told_once_where_its_class_is(kind, hook):
    body = {hook: lambda self: None}
    with pytest.warns(MovedWarning, match=rf"Mine\.{hook} is never called: ") as told:
        type("Other", (type("Mine", (kind,), body),), body)
    assert [one.filename for one in told] == [__file__]


def test_a_hook_of_a_class_that_is_mixed_in_is_told():
    mixin = type("Page", (), {"configure_layout": lambda self: []})
    with pytest.warns(MovedWarning, match=r"Mine\.configure_layout is never called"):
        type("Mine", (mixin, L.Flow), {})


def test_every_one_is_told_where_warnings_are_errors():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for _ in range(2):
            with pytest.raises(MovedWarning):
                W(cloud_compute=L.CloudCompute())


def test_a_program_that_says_nothing_of_it_is_told_nothing():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        L.App(Root())
        W()


def test_an_option_that_never_was_is_still_refused():
    with pytest.raises(TypeError, match="cloud_computer"):
        W(cloud_computer=L.CloudCompute())
