"""Breaks every rule of lightgrid/protocol, one at a time, and lists what nobody notices.

    .venv/bin/python tools/mutate_protocol.py                     # all files, about an hour
    .venv/bin/python tools/mutate_protocol.py outbox.py intake.py --seeds 300

A comparison is flipped, a branch turned round, an operand or a statement dropped, a
number changed. Each mutant is played by the simulator and by the tests of the
protocol's rules, in a process of its own. What survives both is either a rule that is
not tested, or no rule: those stand in tests/simulation/SURVIVORS with the reason.
The exit code is 1 if others survive, or if one of those does not any more.
"""

from __future__ import annotations

import argparse
import ast
import importlib.abc
import importlib.machinery
import importlib.util
import os
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import CodeType, ModuleType
from typing import Any, Final

import pytest

ROOT: Final = Path(__file__).resolve().parents[1]
PROTOCOL: Final = ROOT / "lightgrid/protocol"
SURVIVORS: Final = ROOT / "tests/simulation/SURVIVORS"
_TESTS: Final = ("tests/unit/protocol", "tests/property/test_overlay_properties.py")

_FLIPPED: Final[dict[type[ast.cmpop], type[ast.cmpop]]] = {
    ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt, ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq, ast.Is: ast.IsNot, ast.IsNot: ast.Is, ast.In: ast.NotIn, ast.NotIn: ast.In,
}  # fmt: skip
_OTHER_NAMES: Final = {"max": "min", "min": "max", "any": "all", "all": "any"}
_DROPPED: Final = (ast.Expr, ast.AugAssign, ast.Delete, ast.Raise, ast.Continue, ast.Break)
#: A mutant that runs longer goes round in circles, and is found by that.
_TIMEOUT_S: Final = 120
#: Played before these tests, which take as long as a hundred: most mutants die in the first.
_FIRST_SEEDS: Final = 20
_KILLED, _SURVIVED, _UNBORN = 10, 11, 12


@dataclass(frozen=True)
class Mutant:
    """One broken rule.

    Attributes:
        file: In lightgrid/protocol.
        line: Where.
        place: The function.
        what: What became of which code.
        source: The whole file.
    """

    file: str
    line: int
    place: str
    what: str
    source: str

    @property
    def key(self) -> str:
        """Names it as long as its code stays, wherever it moves in the file."""
        return f"{self.file} {self.place}: {self.what}"


def mutants_of(path: Path) -> Iterator[Mutant]:
    """Yield every mutant of a file."""
    tree = ast.parse(path.read_text())
    seen: dict[str, int] = {}
    for place, function in _functions(tree, ""):
        for node, what, change, undo in _changes(function):
            if function.name == "__init__" and what.endswith(" -> dropped"):
                continue  # what is not there from the beginning fails, or is set before it is read
            change()
            source = ast.unparse(ast.fix_missing_locations(tree))
            undo()
            count = seen[f"{place}: {what}"] = seen.get(f"{place}: {what}", 0) + 1
            told = what if count == 1 else f"{what} ({count})"
            yield Mutant(path.name, getattr(node, "lineno", 0), place, told, source)


def _functions(node: ast.AST, place: str) -> Iterator[tuple[str, ast.FunctionDef]]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.FunctionDef):
            yield f"{place}{child.name}", child
        elif isinstance(child, ast.ClassDef):
            yield from _functions(child, f"{place}{child.name}.")


_Change = tuple[ast.AST, str, Callable[[], None], Callable[[], None]]


def _changes(function: ast.FunctionDef) -> Iterator[_Change]:
    """Yield what can be changed in a function: where, what, how, and back."""
    for parent in _rules(function):
        for name, value in ast.iter_fields(parent):
            if name in ("test", "ifs") and not isinstance(parent, ast.Assert):
                yield from _turned(parent, name, value)
            if isinstance(value, list):
                for index, item in enumerate(value):
                    yield from _replacements(parent, value, index, item)
            elif isinstance(value, ast.AST):
                for new, what in _others(value):
                    yield _set(parent, name, value, new, f"{_text(value)} -> {what}")
        yield from _within(parent)


def _rules(node: ast.AST) -> Iterator[ast.AST]:
    """Walk all that may change: no docstring, no annotation, nothing of an error's message."""
    yield node
    for name, value in ast.iter_fields(node):
        if name in ("annotation", "returns", "decorator_list", "args") and isinstance(
            node, ast.FunctionDef | ast.AnnAssign
        ):
            continue
        for child in value if isinstance(value, list) else [value]:
            if isinstance(child, ast.AST) and not isinstance(
                child, ast.Raise | ast.Assert | ast.JoinedStr
            ):
                yield from _rules(child)


def _turned(parent: ast.AST, name: str, value: Any) -> Iterator[_Change]:
    tests = value if isinstance(value, list) else [value]
    for index, test in enumerate(tests):
        new = ast.UnaryOp(ast.Not(), test)
        what = f"if {_text(test)} -> turned round"
        if isinstance(value, list):
            yield _put(value, index, test, new, what)
        else:
            yield _set(parent, name, test, new, what)


def _replacements(parent: ast.AST, items: list[Any], index: int, item: Any) -> Iterator[_Change]:
    if isinstance(item, ast.stmt):
        is_docstring = isinstance(item, ast.Expr) and isinstance(item.value, ast.Constant)
        keeps = isinstance(item, ast.Assign) and not isinstance(
            item.targets[0], ast.Attribute | ast.Subscript | ast.Tuple
        )
        if (isinstance(item, (*_DROPPED, ast.Assign)) and not is_docstring) and not keeps:
            yield _put(items, index, item, ast.Pass(), f"{_text(item)} -> dropped")
        if isinstance(item, ast.Return):
            none = ast.Return(None)
            if item.value is not None and _text(item.value) not in ("None", "False"):
                yield _put(items, index, item, none, f"{_text(item)} -> None")
            elif item.value is None:
                yield _put(items, index, item, ast.Pass(), f"{_text(item)} -> dropped")
    elif isinstance(item, ast.expr):
        if isinstance(parent, ast.BoolOp):
            kept = [one for one in parent.values if one is not item]
            yield _set(parent, "values", parent.values, kept, f"{_text(parent)} -> - {_text(item)}")
        for new, what in _others(item):
            yield _put(items, index, item, new, f"{_text(parent)} -> {what}")


def _others(node: ast.AST) -> Iterator[tuple[ast.AST, str]]:
    if isinstance(node, ast.Constant):
        if isinstance(node.value, bool):
            yield ast.Constant(not node.value), str(not node.value)
        elif isinstance(node.value, int | float):
            yield ast.Constant(node.value + 1), str(node.value + 1)
    elif isinstance(node, ast.Name) and node.id in _OTHER_NAMES:
        yield ast.Name(_OTHER_NAMES[node.id], ast.Load()), _OTHER_NAMES[node.id]


def _within(node: ast.AST) -> Iterator[_Change]:
    if isinstance(node, ast.Compare):
        for index, op in enumerate(node.ops):
            new = _FLIPPED[type(op)]()
            yield _put(node.ops, index, op, new, f"{_text(node)} -> {type(new).__name__}")
    elif isinstance(node, ast.BoolOp):
        other = ast.Or() if isinstance(node.op, ast.And) else ast.And()
        yield _set(node, "op", node.op, other, f"{_text(node)} -> {type(other).__name__}")
    elif isinstance(node, ast.BinOp | ast.AugAssign) and isinstance(node.op, ast.Add | ast.Sub):
        sign = ast.Sub() if isinstance(node.op, ast.Add) else ast.Add()
        yield _set(node, "op", node.op, sign, f"{_text(node)} -> {type(sign).__name__}")


def _set(parent: ast.AST, name: str, old: Any, new: Any, what: str) -> _Change:
    return parent, what, lambda: setattr(parent, name, new), lambda: setattr(parent, name, old)


def _put(items: list[Any], index: int, old: Any, new: Any, what: str) -> _Change:
    def put(value: Any) -> None:
        items[index] = value

    return old, what, lambda: put(new), lambda: put(old)


def _text(node: ast.AST) -> str:
    text = " ".join(ast.unparse(node).split())
    return text if len(text) <= 90 else f"{text[:87]}..."


# --- playing one ------------------------------------------------------------------------


class _Loader(importlib.machinery.SourceFileLoader):
    """Executes another source in a module's place."""

    def __init__(self, mutant: Mutant) -> None:
        name = f"lightgrid.protocol.{mutant.file.removesuffix('.py')}"
        super().__init__(name, str(PROTOCOL / mutant.file))
        self._source = mutant.source

    def get_code(self, _name: str) -> CodeType:
        return compile(self._source, self.path, "exec")


class _Finder(importlib.abc.MetaPathFinder):
    """Finds the one module that is mutated."""

    def __init__(self, loader: _Loader) -> None:
        self._loader = loader

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        loader = self._loader
        if fullname != loader.name:
            return None
        return importlib.util.spec_from_file_location(fullname, loader.path, loader=loader)


def play(mutant: Mutant, seeds: int) -> int:
    """Play a mutant in this process; return what became of it."""
    sys.meta_path.insert(0, _Finder(_Loader(mutant)))
    sys.path[:0] = [str(ROOT), str(ROOT / "tests"), str(ROOT / "generated/python")]
    try:
        world: Any = importlib.import_module("simulation.world").World
    except Exception:
        return _UNBORN
    options = ["-p", "no:xdist", "-p", "no:cacheprovider", "-o", "addopts=", "-x", "-q"]
    tests = [str(ROOT / path) for path in _TESTS]
    try:
        for seed in range(seeds):
            if seed == _FIRST_SEEDS:
                code = pytest.main([*options, "--import-mode=importlib", *tests])
                if code != 0:
                    return _KILLED
            world(seed).play()
    except Exception:
        return _KILLED
    return _SURVIVED


def play_all(mutants: Sequence[Mutant], seeds: int, jobs: int) -> Iterator[tuple[Mutant, int]]:
    """Play mutants, some at a time, each in a child; yield each with what became of it."""
    waiting, running = list(mutants), dict[int, Mutant]()
    while waiting or running:
        while waiting and len(running) < jobs:
            mutant = waiting.pop(0)
            pid = os.fork()
            if pid == 0:
                _be_quiet()
                signal.alarm(_TIMEOUT_S)
                os._exit(play(mutant, seeds))
            running[pid] = mutant
        pid, status = os.wait()
        code = os.waitstatus_to_exitcode(status)
        yield running.pop(pid), _KILLED if code < 0 else code


def _be_quiet() -> None:
    nothing = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nothing, 1)
    os.dup2(nothing, 2)


def explained() -> dict[str, str]:
    """Return the mutants that may survive, each with the reason."""
    found: dict[str, str] = {}
    reason = ""
    for line in SURVIVORS.read_text().splitlines() if SURVIVORS.exists() else []:
        if line.startswith("# "):
            reason = line[2:]
        elif line:
            found[line] = reason
    return found


def main() -> int:
    """Mutate the files that are named, or all; return the exit code."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument(
        "files", nargs="*", help="names in lightgrid/protocol; all if there is none"
    )
    parser.add_argument("--seeds", type=int, default=300, help="schedules to play for each")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--known", action="store_true", help="only what may survive: does it?")
    parser.add_argument("--list", action="store_true", help="show the mutants, play none")
    arguments = parser.parse_args()
    names = arguments.files or sorted(path.name for path in PROTOCOL.glob("*.py"))
    mutants = [mutant for name in names for mutant in mutants_of(PROTOCOL / name)]
    if arguments.list:
        print(*(f"{mutant.line}: {mutant.key}" for mutant in mutants), sep="\n")
        return 0
    known = explained()
    if arguments.known:
        mutants = [mutant for mutant in mutants if mutant.key in known]
    survivors, counts = set[str](), {_KILLED: 0, _SURVIVED: 0, _UNBORN: 0}
    for mutant, end in play_all(mutants, arguments.seeds, arguments.jobs):
        counts[end] = counts.get(end, 0) + 1
        if end == _SURVIVED:
            survivors.add(mutant.key)
            if mutant.key not in known:
                print(f"survives  {mutant.line}: {mutant.key}", flush=True)
    gone = [key for key in known if key.partition(" ")[0] in names and key not in survivors]
    for key in gone:
        print(f"is listed in {SURVIVORS.name}, but does not survive: {key}")
    print(
        f"{len(mutants)} mutants: {counts[_KILLED]} found, {counts[_UNBORN]} cannot be imported, "
        f"{counts[_SURVIVED]} survive, {len(survivors & known.keys())} of them with a reason"
    )
    return int(bool(gone) or not survivors <= known.keys())


if __name__ == "__main__":
    sys.exit(main())
