"""The public names: a release may add some, and takes none away without saying so."""

import inspect
import types

import pytest

import lightgrid
import lightgrid.testing

NAMES = {
    lightgrid: """
        App BuildConfig CloudCompute CommandWork ComponentError Delta Dict ExternalWork Flow
        LightgridError LightningApp LightningFlow LightningWork List Resources Restart RunOptions
        StatusReason UndeclaredAttributeError UnsupportedValueError Work WorkStage WorkStageStatus
        WorkStatus WorkStopped structures
    """,
    lightgrid.testing: """
        AppTester EmptyFlow EmptyWork LauncherContract NotReachedError WorkRun run_work stepping
    """,
}
MODULES = pytest.mark.parametrize("module", NAMES, ids=lambda module: module.__name__)


@MODULES
def test_the_public_names_are_those_of_this_list(module):
    assert sorted(module.__all__) == NAMES[module].split()


@MODULES
def test_each_public_name_is_there_and_has_a_docstring_of_its_own(module):
    for name in module.__all__:
        value = getattr(module, name)
        assert value.__doc__, name
        if inspect.isclass(value):
            assert all(value.__doc__ != base.__doc__ for base in value.__mro__[1:]), name


@MODULES
def test_whatever_else_a_public_module_holds_is_private_or_a_module(module):
    others = {
        name
        for name, value in vars(module).items()
        if name not in module.__all__
        and not name.startswith("_")
        and not isinstance(value, types.ModuleType)
    }
    assert not others
