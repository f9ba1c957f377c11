import sys

import pytest


@pytest.fixture
def kept(monkeypatch):
    """Give back what loading an app file changes in this process."""
    monkeypatch.setattr(sys, "argv", list(sys.argv))
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.setitem(sys.modules, "__main__", sys.modules["__main__"])
    monkeypatch.setitem(sys.modules, "__mp_main__", None)
    monkeypatch.delitem(sys.modules, "__mp_main__")


@pytest.fixture
def write(tmp_path):
    def write(text):
        path = tmp_path / "app.py"
        path.write_text(text)
        return str(path)

    return write
