"""The repository's own rules: what is generated, declared, named and formatted must agree."""

import ast
import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
from importlib import metadata
from pathlib import Path

import pytest
from contract import MODULES
from google.protobuf.descriptor_pb2 import FileDescriptorProto
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
STUBS = ROOT / "generated/python/lightgrid_protos"
GOLDEN = ROOT / "tests/golden/field_numbers.json"


def tool(name):
    """The path of a program that the dev extra installs."""
    beside = Path(sys.executable).with_name(name)
    found = str(beside) if beside.exists() else shutil.which(name)
    if found is None:
        pytest.fail(f"{name} is not installed; run: pip install --editable '.[dev]'")
    return found


def assert_runs_clean(*command):
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{' '.join(command)}\n{done.stdout}{done.stderr}"


def floors():
    """The lowest version of each run-time dependency, by name."""
    return dict(requirement.split(">=") for requirement in PROJECT["dependencies"])


def stamps(pattern, files):
    """The distinct versions that `pattern` finds, which must be in every one of `files`."""
    paths = sorted(STUBS.rglob(files))
    assert paths, f"no {files} below {STUBS}"
    found = {path.name: re.findall(pattern, path.read_text()) for path in paths}
    assert all(found.values()), f"no stamp in {[name for name, has in found.items() if not has]}"
    return {stamp for versions in found.values() for stamp in versions}


# Stubs


def test_stubs_are_up_to_date():
    assert_runs_clean(sys.executable, "tools/gen_protos.py", "--check")


def test_grpcio_floor_is_the_stamp_in_the_stubs():
    stamp = stamps(r"GRPC_GENERATED_VERSION = '([\d.]+)'", "*_pb2_grpc.py")
    lowest = floors()
    assert stamp == {lowest["grpcio"]}
    assert lowest["grpcio-status"] == lowest["grpcio-health-checking"] == lowest["grpcio"]


def test_protobuf_floor_is_the_stamp_in_the_stubs():
    stamp = stamps(r"# Protobuf Python Version: ([\d.]+)", "*_pb2.py")
    assert stamp == {floors()["protobuf"]}
    # The comment is for readers; this call is what refuses an older runtime.
    checked = stamps(
        r"ValidateProtobufRuntimeVersion\(\s*_runtime_version\.Domain\.PUBLIC,"
        r"\s*(\d+,\s*\d+,\s*\d+),",
        "*_pb2.py",
    )
    assert {re.sub(r",\s*", ".", version) for version in checked} == stamp


# Protos


def test_protos_pass_buf_lint():
    assert_runs_clean(tool("buf"), "lint", "protos")


def test_every_stub_module_is_in_the_golden_table():
    named = {Path(module.__file__).name for module in MODULES}
    assert named == {path.name for path in STUBS.rglob("*_pb2.py")}


LABELS = {1: "", 2: "required ", 3: "repeated "}


def field_type(field):
    """A field's type as a .proto file writes it."""
    if field.type_name:
        name = field.type_name.removeprefix(".")
    else:
        # TYPE_INT64 is int64.
        name = field.Type.Name(field.type).removeprefix("TYPE_").lower()
    label = "optional " if field.proto3_optional else LABELS[field.label]
    return f"{field.name}: {label}{name}"


def message_numbers(message, prefix):
    name = f"{prefix}.{message.name}"
    yield from ((f"{name} {field.number}", field_type(field)) for field in message.field)
    # Written as half-open in a message's descriptor, closed in an enum's.
    for reserved in message.reserved_range:
        yield from ((f"{name} {n}", "reserved") for n in range(reserved.start, reserved.end))
    for nested in message.nested_type:
        yield from message_numbers(nested, name)
    for enum in message.enum_type:
        yield from enum_numbers(enum, name)


def enum_numbers(enum, prefix):
    name = f"{prefix}.{enum.name}"
    yield from ((f"{name} {value.number}", value.name) for value in enum.value)
    for reserved in enum.reserved_range:
        yield from ((f"{name} {n}", "reserved") for n in range(reserved.start, reserved.end + 1))


def all_numbers():
    """What each number of each message and enum stands for, as the stubs tell it."""
    table = {}
    for module in MODULES:
        file = FileDescriptorProto()
        module.DESCRIPTOR.CopyToProto(file)
        for message in file.message_type:
            table |= dict(message_numbers(message, file.package))
        for enum in file.enum_type:
            table |= dict(enum_numbers(enum, file.package))
    return table


def test_field_numbers_are_those_of_the_golden_table():
    golden, actual = json.loads(GOLDEN.read_text()), all_numbers()
    changed = {
        number: f"was {golden[number]!r}, is {actual.get(number, 'gone')!r}"
        for number in golden
        if actual.get(number) != golden[number]
    }
    assert not changed, (
        f"renumbered, retyped or removed fields: never. Take a new number, and reserve the old one "
        f"(then its golden line may say 'reserved').\n{json.dumps(changed, indent=2)}"
    )
    added = {number: actual[number] for number in actual if number not in golden}
    assert not added, (
        f"added fields: add them to the golden file {GOLDEN.relative_to(ROOT)}\n"
        f"{json.dumps(added, indent=2)}"
    )


# Code


def test_imports_go_one_way():
    assert_runs_clean(tool("lint-imports"), "--no-cache")


def test_ruff_finds_nothing():
    assert_runs_clean(tool("ruff"), "check", "--quiet")


def test_ruff_would_format_nothing():
    assert_runs_clean(tool("ruff"), "format", "--check")


@pytest.mark.timeout(300)  # Without a cache, mypy reads the whole standard library first.
def test_mypy_strict_finds_nothing():
    assert_runs_clean(sys.executable, "-m", "mypy")


def asserts_in(file):
    """Each `assert` of a file: its line, what it asserts and what it says."""
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Assert):
            yield node.lineno, node.test, node.msg


def only_tells_a_type(test):
    """Tell whether an `assert` does nothing and checks nothing: it tells mypy what is so."""
    if isinstance(test, ast.Compare):
        (comparison,) = test.ops
        return isinstance(comparison, ast.IsNot) and ast.unparse(test.comparators[0]) == "None"
    return isinstance(test, ast.Call) and ast.unparse(test.func) == "isinstance"


def test_no_assert_does_or_guards_anything_that_python_dash_o_would_leave_out():
    found = [
        f"{file.relative_to(ROOT)}:{line}: assert {ast.unparse(test)}"
        for file in sorted(ROOT.glob("lightgrid/**/*.py"))
        for line, test, message in asserts_in(file)
        if message is not None or not only_tells_a_type(test)
    ]
    assert not found


# Documents


def named_paths(text):
    """What a document names in backticks that looks like a path of this repository.

    Fenced blocks are pictures and commands; what holds a space is a command too, and a leading
    slash means an RPC.
    """
    prose = re.sub(r"^```.*?^```", "", text, flags=re.DOTALL | re.MULTILINE)
    for name in re.findall(r"`([^`\s]+)`", prose):
        if ("/" in name and not name.startswith("/")) or name.endswith(
            (".py", ".md", ".txt", ".toml")
        ):
            yield name


@pytest.mark.parametrize("page", ["ARCHITECTURE.md", "CONTRIBUTING.md", "docs/releasing.md"])
def test_each_path_that_a_page_for_developers_names_exists(page):
    names = list(named_paths((ROOT / page).read_text()))
    assert names, f"{page} names no path"
    missing = [name for name in names if not any(ROOT.glob(name.rstrip("/")))]
    assert not missing


def test_each_room_of_the_package_is_named_in_the_architecture():
    text = (ROOT / "ARCHITECTURE.md").read_text()
    rooms = [ROOT / "lightgrid", ROOT / "lightgrid/runtime"]
    paths = [path for room in rooms for path in room.iterdir() if not path.name.startswith("__")]
    named = [path.relative_to(ROOT) for path in paths if path.suffix in ("", ".py")]
    assert len(named) > 20
    missing = [str(path) for path in named if f"`{path}/`" not in text and f"`{path}`" not in text]
    assert not missing


def test_paths_are_found_in_backticks_only():
    prose = "See `a/b.py`, `c.toml` and `lightgrid/*.py`, not no/tick, `run x/y` or `/an/Rpc`."
    text = f"{prose}\n```\n`no/fence`\n```\n"
    assert list(named_paths(text)) == ["a/b.py", "c.toml", "lightgrid/*.py"]


def test_ci_and_newcomers_run_the_test_command_of_the_readme():
    commands = re.findall(r"^```sh\n(.*?)\n```", (ROOT / "README.md").read_text(), re.M | re.S)
    script = ROOT / ".ci/run"
    assert commands[1].endswith("-m pytest")
    assert commands[1] in script.read_text().splitlines()
    assert commands[1] in (ROOT / "CONTRIBUTING.md").read_text().splitlines()
    assert os.access(script, os.X_OK)


# Versions


def brought_by(name, extra=""):
    """The normal names of all that a distribution needs here, itself included."""
    found, left = set(), [(name, extra)]
    while left:
        name, extra = left.pop()
        if (name, extra) in found:
            continue
        found.add((name, extra))
        for text in metadata.requires(name) or ():
            requirement = Requirement(text)
            if requirement.marker is None or requirement.marker.evaluate({"extra": extra}):
                left += [(requirement.name, one) for one in ("", *requirement.extras)]
    return {canonicalize_name(name) for name, _ in found}


def test_constraints_hold_the_version_of_all_that_the_dev_extra_brings():
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    held = {line.partition("==")[0] for line in lines if not line.startswith("#")}
    missing = brought_by(PROJECT["name"], "dev") - held - {PROJECT["name"]}
    assert not missing, "run: python tools/constraints.py"


def test_every_floor_is_a_version_and_the_oldest_python_is_named_first():
    for requirement in (*PROJECT["dependencies"], *PROJECT["optional-dependencies"]["dev"]):
        assert re.fullmatch(r"[a-z-]+(\[\w+\])?[>=]=[\d.]+", requirement), requirement
    pythons = [one for one in PROJECT["classifiers"] if ":: 3." in one]
    assert pythons[0].endswith(PROJECT["requires-python"].removeprefix(">="))


def test_the_hooks_of_a_commit_are_programs_that_the_dev_extra_installs():
    config = ROOT / ".pre-commit-config.yaml"
    assert_runs_clean(sys.executable, "-m", "pre_commit", "validate-config", str(config))
    entries = re.findall(r"^ +entry: (.+)$", config.read_text(), re.M)
    assert len(entries) == 6
    for entry in entries:
        program = re.match(r"\.venv/bin/(\S+) ", entry + " ")
        assert program is not None, entry
        assert tool(program[1])
