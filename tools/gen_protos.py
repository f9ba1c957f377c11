"""Write, or check, the stubs under `generated/` from the contract under `protos/`.

Usage:
    python tools/gen_protos.py                  empty and rewrite every language
    python tools/gen_protos.py --lang python    only this one
    python tools/gen_protos.py --check          build aside and compare; exit 1 if they differ

`generated/MANIFEST.json` tells, per language, the hash of the protos that its stubs were made from
and the version of the tool that made them.

Another language is one more row in `LANGUAGES`: a folder under `generated/` and a function that
fills an empty folder. The order of the input files is fixed, so the output is the same everywhere.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
PROTOS = ROOT / "protos"
GENERATED = ROOT / "generated"
MANIFEST_NAME = "MANIFEST.json"
PYTHON_TOOL = "grpcio-tools"


class GenerationError(Exception):
    """A compiler refused the protos; its own words are the message."""


@dataclass(frozen=True)
class Language:
    """How the stubs of one language are made."""

    folder: str
    """Where they stand, below `generated/`; nothing else lives there."""
    generate: Callable[[Path], None]
    """Fills this folder, which is there and empty."""
    tool_version: Callable[[], str]
    """The tool and its version, as the manifest tells it."""


def proto_paths() -> list[str]:
    """The contract's files, relative to `protos/`, sorted."""
    return sorted(path.relative_to(PROTOS).as_posix() for path in PROTOS.rglob("*.proto"))


def protos_sha256() -> str:
    """One hash over the names and contents of all protos."""
    digest = hashlib.sha256()
    for name in proto_paths():
        content = (PROTOS / name).read_bytes()
        # The lengths keep two different sets of files from hashing alike.
        digest.update(f"{len(name)} {name} {len(content)}\n".encode())
        digest.update(content)
    return digest.hexdigest()


def generate_python(folder: Path) -> None:
    """Write the package `lightgrid_protos` into `folder`.

    protoc takes a module's name from the proto's path, so it writes `lightgrid_protos/...` by
    itself and no import needs rewriting.

    Raises:
        GenerationError: protoc refused a proto.
    """
    out = folder.parent
    command = [
        *(sys.executable, "-m", "grpc_tools.protoc", f"--proto_path={PROTOS}"),
        *(f"--{plugin}={out}" for plugin in ("python_out", "pyi_out", "grpc_python_out")),
        *proto_paths(),
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise GenerationError(done.stderr.strip() or f"protoc exited with {done.returncode}")
    (folder / "__init__.py").write_text('"""Stubs of the lightgrid protocol."""\n')
    (folder / "py.typed").touch()
    for package in sorted({(out / name).parent for name in proto_paths()}):
        (package / "__init__.py").touch()


def python_tool_version() -> str:
    """The installed grpcio-tools, as `grpcio-tools X.Y.Z`."""
    return f"{PYTHON_TOOL} {version(PYTHON_TOOL)}"


LANGUAGES: Mapping[str, Language] = {
    "python": Language("python/lightgrid_protos", generate_python, python_tool_version),
}


def build(names: Sequence[str], target: Path) -> None:
    """Empty and rewrite the languages `names` below `target`, and their rows of the manifest."""
    manifest_path = target / MANIFEST_NAME
    manifest: dict[str, Any] = {}
    if manifest_path.exists():
        manifest = json.loads(manifest_path.read_text())
    for name in names:
        language = LANGUAGES[name]
        folder = target / language.folder
        # Built aside first: if the compiler refuses, the stubs that stand are left alone.
        with tempfile.TemporaryDirectory() as aside:
            fresh = Path(aside) / folder.name
            fresh.mkdir()
            language.generate(fresh)
            replace_folder(folder, fresh)
        manifest[name] = {"protos_sha256": protos_sha256(), "tool": language.tool_version()}
    manifest_path.write_text(json.dumps(manifest, indent=2, sort_keys=True) + "\n")


def replace_folder(folder: Path, fresh: Path) -> None:
    """Make `folder` hold exactly what `fresh` holds."""
    if folder.exists():
        shutil.rmtree(folder)
    shutil.copytree(fresh, folder)


def read_files(folder: Path) -> dict[str, bytes]:
    """The content of each file below `folder`, by relative path, without Python's caches."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }


def differences(names: Sequence[str]) -> list[str]:
    """What a rebuild of the languages `names` would change, one line each; none when up to date."""
    found: list[str] = []
    with tempfile.TemporaryDirectory() as aside:
        build(names, Path(aside))
        for name in names:
            folder = LANGUAGES[name].folder
            expected, actual = read_files(Path(aside) / folder), read_files(GENERATED / folder)
            for path in sorted(expected.keys() | actual.keys()):
                if path not in actual:
                    found.append(f"generated/{folder}/{path}: missing")
                elif path not in expected:
                    found.append(f"generated/{folder}/{path}: made by no proto")
                elif expected[path] != actual[path]:
                    found.append(f"generated/{folder}/{path}: out of date")
        found += manifest_differences(names, Path(aside))
    return found


def manifest_differences(names: Sequence[str], rebuilt: Path) -> list[str]:
    """The languages whose row in the manifest is not what `rebuilt` has, one line each."""
    expected = json.loads((rebuilt / MANIFEST_NAME).read_text())
    path = GENERATED / MANIFEST_NAME
    actual = json.loads(path.read_text()) if path.exists() else {}
    return [
        f"generated/{MANIFEST_NAME}: {name} is {actual.get(name)}, should be {expected[name]}"
        for name in names
        if actual.get(name) != expected[name]
    ]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; the exit code is 0, or 1 when stubs are stale or cannot be made."""
    parser = argparse.ArgumentParser(description="Write or check the stubs under generated/.")
    parser.add_argument("--check", action="store_true", help="compare only; exit 1 on a difference")
    parser.add_argument("--lang", choices=sorted(LANGUAGES), help="one language; default: all")
    options = parser.parse_args(arguments)
    names = [options.lang] if options.lang else sorted(LANGUAGES)
    try:
        if not options.check:
            build(names, GENERATED)
            return 0
        found = differences(names)
    except GenerationError as error:
        print(error, file=sys.stderr)
        return 1
    for line in found:
        print(line)
    if found:
        print("Run: python tools/gen_protos.py")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
