import sys

import pytest

from lightgrid.errors import AppLoadError
from lightgrid.process import app_file

SHOW = """
import sys
class X: pass
told = (__name__, __file__, sys.argv, sys.path[0], sys.modules["__main__"] is not None)
ran = False
if __name__ == "__main__":
    ran = True
"""

pytestmark = pytest.mark.usefixtures("kept")


def test_in_the_flow_the_file_is_the_main_module(write, tmp_path, monkeypatch):
    path = write(SHOW)
    monkeypatch.chdir(tmp_path)
    module = app_file.load_app_file("app.py", ["--x", "1"])
    assert module.told == (
        "__main__", path, ["app.py", "--x", "1"], str(tmp_path.resolve()), True
    )  # fmt: skip
    assert module.ran
    assert sys.modules["__main__"] is module
    assert not app_file.is_loaded_in_work()
    assert app_file.find_app_file() == (path, None)


def test_in_a_work_main_code_does_not_run_again(write):
    path = write(SHOW)
    module = app_file.load_in_work(path)
    assert module.__name__ == "__mp_main__"
    assert not module.ran
    assert sys.modules["__main__"] is sys.modules["__mp_main__"] is module
    assert app_file.is_loaded_in_work()


def test_a_missing_file_is_one_clear_line(tmp_path):
    with pytest.raises(AppLoadError, match=r"none\.py: No such file or directory"):
        app_file.load_app_file(str(tmp_path / "none.py"))
    with pytest.raises(AppLoadError, match="directory"):
        app_file.load_app_file(str(tmp_path))
