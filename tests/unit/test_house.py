"""The rules of the house: how large a room may be, and whose private names may be used."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
FILES = sorted((ROOT / "lightgrid").rglob("*.py"))
MAX_LINES = 350
MAX_PUBLIC_METHODS = 25
#: What has an underscore before its name and stands in Python's documentation all the same.
DOCUMENTED = {"sys._getframe", "sys._current_frames", "sys._xoptions", "os._exit"}
#: Functions that are told the name of what they use.
BY_NAME = {"getattr", "hasattr", "setattr", "delattr", "__setattr__", "__getattribute__"}


def shown(path):
    return str(path.relative_to(ROOT))


def is_private(name):
    return name.startswith("_") and not name.startswith("__")


def names_made_in(tree):
    """The names that a file itself gives to something: in a module, a class or an object."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield node.name
        elif isinstance(node, ast.Name | ast.Attribute) and isinstance(node.ctx, ast.Store):
            if isinstance(node, ast.Name):
                yield node.id
            elif ast.unparse(node.value) == "self":
                yield node.attr


def uses(tree):
    """What is used of what, in a file: the line, whose it is (or ""), and its name."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute):
            yield node.lineno, ast.unparse(node.value), node.attr
        elif isinstance(node, ast.ImportFrom):
            yield from ((node.lineno, "", one.name) for one in node.names)
        elif isinstance(node, ast.Call) and len(node.args) > 1:
            whose, name = node.args[:2]
            by_name = ast.unparse(node.func).rpartition(".")[2] in BY_NAME
            if by_name and isinstance(name, ast.Constant) and isinstance(name.value, str):
                yield node.lineno, ast.unparse(whose), name.value


def reached_for(tree):
    """The private names of others that a file uses, each with its line.

    Its own are those that it gives to something itself, and what it finds at `self`, `cls`
    and `super()`, where it is at home.
    """
    own = set(names_made_in(tree))
    for line, whose, name in uses(tree):
        is_at_home = whose in ("self", "cls", "super()") or name in own
        if is_private(name) and not is_at_home and f"{whose}.{name}" not in DOCUMENTED:
            yield line, f"{whose}.{name}"


@pytest.mark.parametrize("path", FILES, ids=shown)
def test_no_file_uses_a_private_name_of_another(path):
    found = [
        f"{shown(path)}:{line}: {use}" for line, use in reached_for(ast.parse(path.read_text()))
    ]
    assert not found


@pytest.mark.parametrize(
    "code",
    [
        "work._calls.latest",
        "node_of(work)._port = 3",
        "from lightgrid.runtime.hub import _Entry",
        "subprocess._args_from_interpreter_flags()",
        "getattr(work, '_calls')",
        "object.__setattr__(work, '_port', 3)",
        "hasattr(value, '_lightgrid_node')",
    ],
)
def test_reaching_for_a_private_name_is_noticed(code):
    assert list(reached_for(ast.parse(code)))


@pytest.mark.parametrize(
    "code",
    [
        "self._calls.latest",
        "super()._prepare()",
        "os._exit(1)",
        "work.__dict__",
        "class A:\n    def _handle(self): ...\nA._handle",
        "object.__setattr__(self, '_port', 3)",
    ],
)
def test_what_is_ones_own_is_not(code):
    assert not list(reached_for(ast.parse(code)))


def test_only_component_names_what_it_keeps_in_the_objects_of_users():
    outside = [path for path in FILES if path.parent.name != "component"]
    assert not [shown(path) for path in outside if "_lightgrid_" in path.read_text()]


def test_no_file_has_more_than_350_lines():
    lines = {shown(path): path.read_text().count("\n") for path in FILES}
    assert not {path: count for path, count in lines.items() if count > MAX_LINES}


def test_no_class_has_more_than_25_public_methods():
    found = {}
    for path in FILES:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ClassDef):
                functions = (ast.FunctionDef, ast.AsyncFunctionDef)
                methods = {one.name for one in node.body if isinstance(one, functions)}
                found[f"{shown(path)}: {node.name}"] = sum(not m.startswith("_") for m in methods)
    assert not {name: count for name, count in found.items() if count > MAX_PUBLIC_METHODS}
