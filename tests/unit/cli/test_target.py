"""Which running app a person means."""

import pytest

from lightgrid.cli import target
from lightgrid.cli.failure import Failure, UsageFailure
from lightgrid.runtime.reporting.run_dir import RunningApp
from lightgrid.server.certificates import CertificateAuthority


@pytest.fixture
def run(monkeypatch, tmp_path):
    monkeypatch.delenv("LIGHTGRID_TOKEN", raising=False)
    monkeypatch.delenv("LIGHTGRID_TLS_CA", raising=False)

    def begin(*names, trusted=None):
        apps = [
            RunningApp(
                pid, str(tmp_path / name), f"127.0.0.1:{pid}", "token", str(tmp_path), trusted
            )
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


def test_an_app_of_this_machine_says_itself_whom_to_trust(run, monkeypatch):
    run("a.py", trusted="its own")
    monkeypatch.setenv("LIGHTGRID_TLS_CA", "that of another")
    assert target.choose_target(None).root_certificates == b"its own"
    run("a.py")  # and one that speaks no TLS is not asked to
    assert target.choose_target(None).root_certificates is None


def test_whom_to_trust_elsewhere_is_in_the_environment(run, monkeypatch):
    run()
    monkeypatch.setenv("LIGHTGRID_TOKEN", "token")
    assert target.choose_target("flow.example.org:1").root_certificates is None
    certificate = CertificateAuthority.make().certificate
    # As $(cat ca.pem) has it, without the end of its last line.
    monkeypatch.setenv("LIGHTGRID_TLS_CA", certificate.decode().rstrip())
    assert target.choose_target("flow.example.org:1").root_certificates == certificate
    monkeypatch.setenv("LIGHTGRID_TLS_CA", "/etc/ca.pem")
    with pytest.raises(UsageFailure, match="LIGHTGRID_TLS_CA cannot be trusted: it has no cert"):
        target.choose_target("flow.example.org:1")


def test_a_file_that_is_given_says_whom_to_trust_and_no_other(run, monkeypatch, tmp_path):
    run("a.py", trusted="its own")
    monkeypatch.setenv("LIGHTGRID_TOKEN", "token")
    monkeypatch.setenv("LIGHTGRID_TLS_CA", "told")
    given = tmp_path / "ca.pem"
    given.write_bytes(CertificateAuthority.make().certificate)
    for connect in (None, "flow.example.org:1"):
        chosen = target.choose_target(connect, tls_ca=given)
        assert chosen.root_certificates == given.read_bytes()
    given.write_text("nonsense")
    with pytest.raises(UsageFailure, match=r"ca\.pem cannot be trusted: it has no certificates"):
        target.choose_target(None, tls_ca=given)
