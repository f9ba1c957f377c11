import sys
from importlib.metadata import EntryPoint
from types import ModuleType

import pytest

from lightgrid.errors import LightgridError
from lightgrid.runtime.launch import choosing
from lightgrid.runtime.launch.choosing import make_launcher
from lightgrid.runtime.launch.local import LocalLauncher


class OtherLauncher:
    """What a package brings, made of its options as a text."""

    def __init__(self, options):
        if options == "wrong":
            raise LightgridError("other: no such option: wrong")
        self.options = options


@pytest.fixture(autouse=True)
def installed(monkeypatch):
    points = [
        EntryPoint("other", "a_package:OtherLauncher", choosing.ENTRY_POINTS),
        EntryPoint("broken", "nowhere_at_all:Launcher", choosing.ENTRY_POINTS),
    ]
    module = ModuleType("a_package")
    module.OtherLauncher = OtherLauncher
    monkeypatch.setitem(sys.modules, "a_package", module)
    monkeypatch.setattr(choosing, "entry_points", lambda group: points)


def test_local_is_on_this_machine():
    launcher = make_launcher("local")
    launcher.close()
    assert isinstance(launcher, LocalLauncher)


def test_local_takes_no_options():
    with pytest.raises(LightgridError, match="launcher local takes no options: 'fast'"):
        make_launcher("local:fast")


def test_a_package_may_bring_one_which_gets_all_behind_the_first_colon():
    assert make_launcher("other").options == ""
    assert make_launcher("other:a:b c").options == "a:b c"


def test_one_that_does_not_take_its_options_says_so_itself():
    with pytest.raises(LightgridError, match="other: no such option: wrong"):
        make_launcher("other:wrong")


def test_an_unknown_one_is_refused_with_those_that_there_are():
    message = "there is no launcher 'lokal'; there are: local, prefix, broken, other"
    with pytest.raises(LightgridError, match=message):
        make_launcher("lokal")


def test_one_whose_package_cannot_be_imported_says_which_module_is_missing():
    message = "launcher broken cannot be imported: No module named 'nowhere_at_all'"
    with pytest.raises(LightgridError, match=message):
        make_launcher("broken")
