"""docs/moving-from-lightning.md, held against the package."""

import importlib
import inspect
import pathlib
import pkgutil
import re
import subprocess
import sys

import pytest

import lightgrid as L

DOCUMENT = pathlib.Path(__file__).parents[2] / "docs" / "moving-from-lightning.md"
CLASSES = {
    "LightningFlow": L.LightningFlow,
    "LightningWork": L.LightningWork,
    "LightningApp": L.LightningApp,
    "Structures": L.structures,
}

#: Every public name that the removed framework had.
NAMES = {
    "LightningFlow": """
        run name state state_vars state_with_changes state_dict load_state_dict set_state changes
        flows works named_works stop fail _exit stop_works schedule experimental_iterate ready
        configure_layout configure_commands configure_api lightningignore
    """,
    "LightningWork": """
        parallel= cache_calls= raise_exception= host= port= start_with_flow= run_once=
        local_build_config= cloud_build_config= cloud_compute= cloud_compute parallel cache_calls
        host port url internal_ip public_ip run on_start on_exit on_exception start stop delete
        status statuses has_started has_stopped has_succeeded has_failed has_timeout is_running
        is_pending num_timeouts num_successes name display_name state state_vars state_with_changes
        set_state changes apply_flow_delta configure_layout lightningignore _run_executor_cls
        _start_method
    """,
    "LightningApp": """
        root= flow_cloud_compute= log_level= info= root_path= root flows works named_works
        get_component_by_name state state_vars state_with_changes last_state set_state state_dict
        load_state_dict load_state_dict_from_checkpoint_dir checkpoint_dir checkpointing connect
        run_once on_run_once_end maybe_apply_changes stage exception
    """,
    "Structures": """
        List Dict List.append List.works List.flows List.state List.state_vars List.set_state
        List.name Dict.works Dict.flows Dict.state Dict.state_vars Dict.set_state Dict.name
    """,
}

#: What people imported from it beside these classes.
IMPORTED = """
    AppState AppStateWatcher AutoScaler BuildConfig ClientCommand CloudCompute CloudRuntime
    ColdStartProxy Database DatabaseClient Delete Drive EmptyFlow EmptyWork FabricMultiNode
    FileSystem Frontend Get JustPyFrontend LightningFlowWarning LightningPlugin LightningTestApp
    LightningTrainerMultiNode LightningTrainerScript ModelInferenceAPI Mount MultiNode
    MultiProcessRuntime PanelFrontend Path Payload PopenPythonScript Post Put
    PyTorchLightningScriptRunner PyTorchSpawnMultiNode PythonServer ServeGradio ServeStreamlit
    StaticWebFrontend StreamlitFrontend Tracer TracerPythonScript WorkStageStatus
    application_testing delete_cloud_lightning_apps dispatch pretty_state run_app_in_cloud
    run_work_isolated set_trace structures wait_for
"""


def section(title):
    """Return the cells of each row of a section's table of two columns."""
    text = DOCUMENT.read_text().split(f"\n## {title}\n")[1].split("\n## ")[0]
    rows = re.findall(r"^\| (.+?) \| (.+?) \|$", text, flags=re.MULTILINE)
    return [row for row in rows if row != ("Then", "Here")]


IMPORTS = section("Imports")
ABSENT = section("What cannot be imported, and what takes its place")


def rows():
    """Return section, name and fate of each row of the tables of names."""
    found, section = [], ""
    for line in DOCUMENT.read_text().splitlines():
        if line.startswith("## "):
            section = line.removeprefix("## ")
        row = re.fullmatch(r"\| `([^`]+)` \| ([^|]+) \| ([^|]*)\|", line)
        if row and section in CLASSES:
            found.append((section, row[1], row[2].strip(), row[3].strip()))
    return found


ROWS = rows()


def has(owner, name):
    if name.endswith("="):
        return name[:-1] in inspect.signature(owner.__init__).parameters
    for part in name.split("."):
        if part in getattr(owner, "__dataclass_fields__", {}):
            return True
        if not hasattr(owner, part):
            # What `__init__` sets on each object, such as `app.root`.
            source = inspect.getsource(owner.__init__) if inspect.isclass(owner) else ""
            return re.search(rf"self\.{part}\b.*=", source) is not None
        owner = getattr(owner, part)
    return True


def resolve(name):
    """Tell whether a name exists that is told with its module or with `L.`."""
    if name.startswith("L."):
        return has(L, name.removeprefix("L."))
    try:
        return bool(pkgutil.resolve_name(name))
    except (ImportError, AttributeError):
        return False


@pytest.mark.parametrize(
    ("section", "name", "fate"), [row[:3] for row in ROWS], ids=[f"{r[0]}-{r[1]}" for r in ROWS]
)
def test_the_table_is_right_about_each_name(section, name, fate):
    owner = CLASSES[section]
    if fate in ("kept", "changed"):
        assert has(owner, name), f"{section} has no {name}"
        return
    assert not has(owner, name), f"{section} has {name}"
    if fate != "gone":
        (other,) = re.fullmatch(r"now `([^`]+)`", fate).groups()
        assert resolve(other), f"there is no {other}"


def test_what_is_gone_changed_or_elsewhere_says_why():
    assert [row for row in ROWS if row[2] != "kept" and not row[3]] == []


def test_the_table_has_every_name_of_the_removed_framework_once():
    for section, names in NAMES.items():
        told = [name for where, name, *_ in ROWS if where == section]
        assert len(told) == len(set(told))
        assert set(names.split()) - set(told) == set()


def test_a_program_moves_over_by_its_import():
    for name in ("LightningApp", "LightningFlow", "LightningWork", "structures"):
        assert name in L.__all__
    assert L.structures.List is L.List
    assert L.structures.Dict is L.Dict


@pytest.mark.parametrize("row", IMPORTS, ids=[then for then, _ in IMPORTS])
def test_what_takes_the_place_of_an_import_imports_the_same_names(row):
    then, here = (cell.strip("`") for cell in row)
    found = {}
    exec(here, found)
    names = re.search(r"import (.+)$", then)[1].split(", ")
    for name in names:
        as_name = name.split(" as ")[-1]
        assert as_name in found or name == "LightningFlowWarning"


def test_it_is_enough_to_write_lightgrid_for_lightning_app_where_it_says_so():
    same = [here for then, here in IMPORTS if then.replace("lightning.app", "lightgrid") == here]
    assert len(same) > len(IMPORTS) / 2


def test_every_name_that_programs_imported_is_in_one_of_the_tables():
    told = " ".join(then for then, _ in IMPORTS + ABSENT)
    assert [name for name in IMPORTED.split() if not re.search(rf"\b{name}\b", told)] == []


@pytest.mark.parametrize("row", ABSENT, ids=[then for then, _ in ABSENT])
def test_what_takes_the_place_of_what_cannot_be_imported_is_there(row):
    then, here = row
    for module in re.findall(r"`lightning\.app\.([\w.]+)`", then):
        if module != "testing":
            with pytest.raises(ModuleNotFoundError):
                importlib.import_module(f"lightgrid.{module}")
    for name in re.findall(r"`(L\.[\w.]+|lightgrid\.[\w.]+)`", here):
        assert resolve(name), f"there is no {name}"


def test_programs_find_lightgrid_under_the_old_name_by_the_shim_that_the_page_shows(tmp_path):
    package, app = re.findall(r"```python\n(from lightgrid.*?)```", DOCUMENT.read_text(), re.DOTALL)
    (tmp_path / "lightning" / "app").mkdir(parents=True)
    (tmp_path / "lightning" / "__init__.py").write_text(package)
    (tmp_path / "lightning" / "app" / "__init__.py").write_text(app)
    program = """
import lightgrid
import lightning as L
import lightning.app
from lightning import LightningFlow
from lightning.app import CloudCompute, LightningApp, LightningWork
from lightning.app.core.flow import LightningFlow as SameFlow
from lightning.app.structures import List
assert L.LightningFlow is SameFlow is LightningFlow is lightgrid.Flow
assert lightning.app.structures.List is List is lightgrid.List
"""
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
