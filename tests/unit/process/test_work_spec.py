import os
import pickle
import sys
import types

import pytest

from lightgrid.component.work import Work
from lightgrid.process.told_environment import work_environment
from lightgrid.process.work_spec import (
    WorkSpec,
    dump_object,
    make_spec,
    read_spec,
    work_command,
)


class Sample(Work):
    def __init__(self):
        super().__init__()
        self.x = 1

    def run(self):
        return 4


@pytest.fixture
def main(monkeypatch):
    main = types.ModuleType("__main__")
    main.Sample = type("Sample", (Sample,), {"__module__": "__main__"})
    main.__file__ = __file__
    monkeypatch.setitem(sys.modules, "__main__", main)
    return main


def test_classes_of_the_app_file_are_named_and_not_copied(main):
    data = dump_object(main.Sample(), by_reference=True)
    main.Sample = type("Sample", (Sample,), {"__module__": "__main__", "is_other": True})
    assert pickle.loads(data).is_other


def test_interactive_classes_are_inside_the_pickle(main):
    data = dump_object(main.Sample(), by_reference=False)
    del main.Sample
    assert pickle.loads(data).run() == 4


def test_what_pickle_cannot_name_is_inside_the_pickle_even_so(main):
    assert pickle.loads(dump_object([lambda: 5], by_reference=True))[0]() == 5


@pytest.fixture
def standard_input():
    """Have a file be this process's standard input."""
    before = os.dup(0)

    def give(path):
        descriptor = os.open(path, os.O_RDONLY)
        os.dup2(descriptor, 0)
        os.close(descriptor)

    yield give
    os.dup2(before, 0)
    os.close(before)


def test_a_spec_is_read_whole_from_standard_input_which_is_empty_then(
    main, tmp_path, monkeypatch, standard_input
):
    monkeypatch.setattr(sys, "path", ["", "lib"])
    monkeypatch.chdir(tmp_path)
    work = main.Sample()
    work.x = "y" * 200_000
    data = make_spec(work, app_file="app.py", stop_grace_s=1.5).dump(seen_revision=7)
    (tmp_path / "spec").write_bytes(data)
    standard_input(tmp_path / "spec")
    spec = read_spec()
    assert isinstance(spec, WorkSpec)
    assert spec.sys_path == [str(tmp_path), str(tmp_path / "lib")]
    assert (spec.work, spec.app_file) == ("root", str(tmp_path / "app.py"))
    assert (spec.seen_revision, spec.stop_grace_s) == (7, 1.5)
    assert pickle.loads(spec.pickled_work).x == work.x
    assert os.read(0, 1) == b""


def test_no_secret_is_in_the_command():
    command = work_command("root.w")
    assert command[0] == sys.executable
    assert command[-2:] == ["--name", "root.w"]
    assert work_environment("root.w", "a:1", "secret")["LIGHTGRID_TOKEN"] == "secret"
