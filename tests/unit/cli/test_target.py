"""Which running app a person means."""

import pytest

from lightgrid.cli import target
from lightgrid.cli.failure import Failure, UsageFailure
from lightgrid.runtime.reporting.run_dir import RunningApp


@pytest.fixture
def run(monkeypatch, tmp_path):
    monkeypatch.delenv("LIGHTGRID_TOKEN", raising=False)

    def begin(*names):
        apps = [
            RunningApp(pid, str(tmp_path / name), f"127.0.0.1:{pid}", "token", str(tmp_path))
            for pid, name in enumerate(names, 1)
        ]
        monkeypatch.setattr(target, "running_apps", lambda: apps)
        return apps

    return begin


def test_the_one_app_that_runs_is_meant(run):
    (app,) = run("a.py")
    assert target.choose_target(None).app is app


def test_of_several_apps_one_has_to_be_chosen(run):
    _, second = run("a.py", "b.py")
    with pytest.raises(UsageFailure, match="several apps run"):
        target.choose_target(None)
    assert target.choose_target("b").app is second
    assert target.choose_target("2").app is second


def test_who_names_a_file_means_the_app_that_runs_it_and_no_other(run, tmp_path):
    _, second = run("a.py", "b.py")
    assert target.choose_target(None, app_file=str(tmp_path / "b.py")).app is second
    run("a.py")
    with pytest.raises(Failure, match=r"no running app runs .*b\.py; choose one by --connect"):
        target.choose_target(None, app_file=str(tmp_path / "b.py"))
    assert target.choose_target("a", app_file=str(tmp_path / "b.py")).app.pid == 1
