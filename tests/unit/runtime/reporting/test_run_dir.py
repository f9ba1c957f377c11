import errno
import os
import stat
import subprocess
import sys
import tempfile

import pytest

from lightgrid.errors import LightgridError
from lightgrid.runtime.reporting.run_dir import RunDir, running_apps


@pytest.fixture(autouse=True)
def base(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    return tmp_path / f"lightgrid-{os.getuid()}"


def mode_of(path):
    return stat.S_IMODE(path.stat().st_mode)


def test_an_app_is_found_from_when_it_is_published_until_it_is_removed():
    run_dir = RunDir("app.py")
    assert running_apps() == []
    run_dir.publish("127.0.0.1:1", "secret")
    (app,) = running_apps()
    assert (app.pid, app.app_file, app.address, app.token) == (
        os.getpid(),
        "app.py",
        "127.0.0.1:1",
        "secret",
    )
    assert app.log_file("root.w") == run_dir.log_file("root.w")
    run_dir.remove()
    assert running_apps() == []
    assert not run_dir.path.exists()


def test_an_app_says_whom_to_trust_if_it_speaks_tls():
    plain, tls = RunDir("plain.py"), RunDir("tls.py")
    plain.publish("127.0.0.1:1", "secret")
    tls.publish("127.0.0.1:2", "secret", b"the certificates")
    told = {app.app_file: app.root_certificates for app in running_apps()}
    assert told == {"plain.py": None, "tls.py": "the certificates"}


def test_nobody_else_can_read_address_and_token(base):
    run_dir = RunDir("app.py")
    run_dir.publish("127.0.0.1:1", "secret")
    assert mode_of(base) == 0o700
    assert mode_of(run_dir.path) == 0o700
    assert mode_of(run_dir.path / "app.json") == 0o600


def test_two_apps_of_one_process_have_a_folder_each():
    first, second = RunDir("a.py"), RunDir("b.py")
    first.publish("127.0.0.1:1", "a")
    second.publish("127.0.0.1:2", "b")
    assert {app.app_file for app in running_apps()} == {"a.py", "b.py"}


def test_the_folder_of_a_process_that_is_gone_is_removed_by_the_next_app(base):
    gone = subprocess.Popen([sys.executable, "-S", "-c", ""])
    gone.wait()
    stale = base / f"{gone.pid}-abc"
    stale.mkdir(parents=True)
    base.chmod(0o700)
    (stale / "app.json").write_text("{}")
    assert running_apps() == []
    run_dir = RunDir("app.py")
    assert not stale.exists()
    assert run_dir.path.exists()


def test_what_is_no_app_is_passed_over(base):
    run_dir = RunDir("app.py")
    (run_dir.path / "app.json").write_text('{"pid": 1}')
    (base / "notes.txt").write_text("mine")
    assert running_apps() == []


@pytest.mark.parametrize("mode", [0o755, 0o770, 0o777])
def test_a_folder_that_others_can_enter_is_refused(base, mode):
    base.mkdir()
    base.chmod(mode)
    with pytest.raises(LightgridError, match="not a folder of yours alone"):
        RunDir("app.py")


def test_a_link_to_a_folder_is_refused(base, tmp_path):
    target = tmp_path / "elsewhere"
    target.mkdir(mode=0o700)
    base.symlink_to(target)
    with pytest.raises(LightgridError, match="not a folder of yours alone"):
        RunDir("app.py")


@pytest.mark.parametrize(
    "work",
    [
        "root.w",
        "root.d.a/b",
        "root.d./",
        "root.d.a b",
        "root." + "x" * 5000,
        "root." + "\N{SNOWMAN}" * 80,
    ],
    ids=range(6),
)
def test_a_work_has_a_log_whatever_it_is_called(work):
    run_dir = RunDir("app.py")
    run_dir.log_file(work).write_text("hello")
    assert run_dir.log_file(work).parent == run_dir.log_file("root").parent


def test_no_two_works_share_a_log():
    run_dir = RunDir("app.py")
    names = ["root.a/b", "root.a%2Fb", "root.a%252Fb", "x" * 900, "x" * 901]
    assert len({run_dir.log_file(name) for name in names}) == len(names)


def no_folder(place):
    pass


def a_file(place):
    place.write_text("no folder")


@pytest.mark.parametrize("make", [no_folder, a_file])
def test_a_folder_that_cannot_be_made_is_told_with_its_place_and_what_to_do(
    tmp_path, monkeypatch, make
):
    place = tmp_path / "elsewhere"
    make(place)
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(place))
    with pytest.raises(LightgridError, match=r"cannot be used: .*elsewhere.* set XDG_RUNTIME_DIR"):
        RunDir("app.py")


def test_nowhere_to_put_temporary_files_is_told_too(monkeypatch):
    def none_is_usable():
        raise FileNotFoundError(errno.ENOENT, "No usable temporary directory found in ['/tmp']")

    monkeypatch.delenv("XDG_RUNTIME_DIR")
    monkeypatch.setattr(tempfile, "gettempdir", none_is_usable)
    with pytest.raises(LightgridError, match="cannot be used: No usable temporary directory"):
        RunDir("app.py")


def test_a_folder_that_takes_nothing_more_is_told():
    run_dir = RunDir("app.py")
    (run_dir.path / "app.json.new").mkdir()
    with pytest.raises(LightgridError, match=r"app\.json\.new: .* Make room there"):
        run_dir.publish("127.0.0.1:1", "secret")


def test_looking_for_apps_makes_no_folder(base):
    assert running_apps() == []
    assert not base.exists()
