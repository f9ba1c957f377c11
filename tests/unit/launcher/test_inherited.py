import os
import resource
import subprocess
import sys
import tempfile

import pytest

from lightgrid.launcher.executing import execute
from lightgrid.launcher.inherited import Inherited, user_of_this_process

#: Prints what a program has inherited, of what is asked for.
SHOW = "import os, resource, sys; print(ascii({}))"


@pytest.fixture
def run(tmp_path):
    """Execute Python code with what this process has; return what it prints."""

    def run(shown, environment=None, handed_over=b"", before=None, **changed):
        code = SHOW.format(shown)
        command = [sys.executable, "-S", "-c", code]
        inherited = Inherited.of_this_process(
            command, dict(os.environ) if environment is None else environment
        )
        inherited = inherited._replace(**changed)
        with tempfile.TemporaryFile() as file, (tmp_path / "log").open("w+b") as log:
            inherited.write(file.fileno(), handed_over)
            if before is not None:
                before()
            pid = execute(file.fileno(), log.fileno())
            os.waitpid(pid, 0)
            log.seek(0)
            return log.read().decode().strip()

    return run


@pytest.fixture
def umask():
    before = os.umask(0)
    yield
    os.umask(before)


def test_what_is_written_is_what_is_read():
    environment = {"PLAIN": "text", "SURROGATE": "\udcff\udc80", "EMPTY": ""}
    inherited = Inherited.of_this_process(["program", "\udcff", "ä"], environment)
    with tempfile.TemporaryFile() as file:
        inherited.write(file.fileno(), b"handed over")
        found = Inherited.read(file.fileno())
        assert os.read(file.fileno(), 100) == b"handed over"
    assert found.command == inherited.command
    assert found.environment == environment
    assert found.folder == os.getcwd()
    assert {name: tuple(limit) for name, limit in found.limits.items()} == inherited.limits


def test_what_is_cut_off_is_not_taken_for_the_whole():
    with tempfile.TemporaryFile() as file:
        Inherited.of_this_process(["program"], {}).write(file.fileno(), b"")
        os.ftruncate(file.fileno(), 100)
        with pytest.raises(EOFError):
            Inherited.read(file.fileno())


def test_an_environment_that_is_no_text_arrives_as_it_is(run):
    environment = {**os.environ, "RAW": "\udcff\udc80", "\udcfe": "name"}
    assert run("(os.environb[b'RAW'], os.environb[b'\\xfe'])", environment) == repr(
        (b"\xff\x80", b"name")
    )


@pytest.mark.usefixtures("umask")
def test_the_umask_is_that_of_the_moment(run):
    os.umask(0o027)
    assert run("os.umask(0)", before=lambda: os.umask(0o077)) == str(0o027)


def test_limits_are_those_of_the_moment(run):
    _, most = resource.getrlimit(resource.RLIMIT_CORE)
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    lower = min(hard, soft) - 1
    resource.setrlimit(resource.RLIMIT_NOFILE, (lower, hard))
    try:
        shown = run(
            "resource.getrlimit(resource.RLIMIT_NOFILE)",
            before=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard)),
        )
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert shown == str((lower, hard))
    assert run("resource.getrlimit(resource.RLIMIT_CORE)[1]") == str(most)


def test_a_limit_that_may_not_be_raised_stays(run):
    if os.getuid() == 0:
        pytest.skip("root may raise every limit")
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    limits = {"RLIMIT_NOFILE": (hard + 1, hard + 1)}
    assert run("resource.getrlimit(resource.RLIMIT_NOFILE)[1]", limits=limits) == str(hard)


def test_niceness_and_processors_are_the_flows(run):
    nicer = os.getpriority(os.PRIO_PROCESS, 0) + 1
    cpus = sorted(os.sched_getaffinity(0))[:1]
    shown = run(
        "(os.getpriority(os.PRIO_PROCESS, 0), sorted(os.sched_getaffinity(0)))",
        niceness=nicer,
        cpus=cpus,
    )
    assert shown == repr((nicer, cpus))


def test_a_flow_that_has_dropped_its_privileges_starts_works_without_them():
    if os.getuid() != 0:
        pytest.skip("only root has any to drop")
    user = [[65534] * 3, [65533] * 3, [65532]]
    code = (
        "from lightgrid.launcher.inherited import Inherited, user_of_this_process as user\n"
        "inherited = Inherited.of_this_process(['x'], {})\n"
        f"inherited = inherited._replace(user={user})\n"
        "inherited.apply(); print(user())"
    )
    shown = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False
    )
    assert shown.stdout == f"{user}\n", shown.stderr


def test_a_work_is_not_started_as_another_user_than_the_flow():
    if os.getuid() == 0:
        pytest.skip("root may become anyone")
    user = [[0] * 3, [0] * 3, []]
    inherited = Inherited.of_this_process(["/bin/true"], {})._replace(user=user)
    with pytest.raises(PermissionError):
        inherited.apply()


def test_the_folder_is_the_flows(run, tmp_path):
    assert run("os.getcwd()", folder=str(tmp_path)) == repr(str(tmp_path))


def test_without_a_folder_the_process_stays_where_the_launcher_is(run):
    assert run("os.getcwd()", folder="") == repr(os.getcwd())


def test_a_flow_whose_folder_is_gone_has_none_to_hand_on(tmp_path):
    code = (
        "import os\nfrom lightgrid.launcher.inherited import Inherited\n"
        "os.rmdir(os.getcwd())\n"  # behind the imports, which Python 3.13 needs a folder for
        "print(repr(Inherited.of_this_process(['x'], {}).folder))"
    )
    folder = tmp_path / "gone"
    folder.mkdir()
    shown = subprocess.run(
        [sys.executable, "-c", code], cwd=folder, capture_output=True, text=True, check=False
    )
    assert shown.stdout == "''\n", shown.stderr


def test_a_folder_that_is_gone_by_then_is_named_and_not_the_program(run, tmp_path):
    with pytest.raises(OSError, match=r"cannot start .*python.*: .*/gone: No such file"):
        run("1", folder=str(tmp_path / "gone"))


def test_a_program_that_is_not_there_is_named_once(tmp_path):
    inherited = Inherited.of_this_process(["/nowhere/at all"], {})
    with tempfile.TemporaryFile() as file:
        inherited.write(file.fileno(), b"")
        with pytest.raises(OSError, match=r"^cannot start /nowhere/at all: No such file"):
            execute(file.fileno(), file.fileno())


def test_the_user_of_this_process_is_told_in_numbers():
    users, groups, more = user_of_this_process()
    assert users == list(os.getresuid())
    assert groups == list(os.getresgid())
    assert more == sorted(os.getgroups())
