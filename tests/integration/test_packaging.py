"""What a user installs: the wheel, alone, away from this checkout."""

import subprocess
import sys
from pathlib import Path

import pytest

import lightgrid

ROOT = Path(__file__).resolve().parents[2]

# Isolated, so that neither the checkout nor PYTHONPATH can lend a module that the wheel lacks.
IMPORTS = """
import sys
sys.path.insert(0, sys.argv[1])
import lightgrid
from lightgrid_protos.v1 import delta_pb2
print(lightgrid.__file__)
print(delta_pb2.__file__)
"""


def run(*command, cwd):
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{' '.join(map(str, command))}\n{done.stdout}{done.stderr}"
    return done.stdout


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """A folder with the source distribution, and the wheel that was built out of it."""
    folder = tmp_path_factory.mktemp("dist")
    run(sys.executable, "-m", "build", "--no-isolation", "--outdir", folder, ROOT, cwd=folder)
    return folder


@pytest.fixture(scope="module")
def installed(built, tmp_path_factory):
    """A folder with the wheel's content, and nothing else."""
    target = tmp_path_factory.mktemp("site")
    (wheel,) = built.glob("*.whl")
    pip = (sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet")
    run(*pip, "install", "--no-deps", "--no-index", "--target", target, wheel, cwd=target)
    return target


@pytest.mark.timeout(300)  # Builds a wheel, if it is the first to ask.
def test_what_is_built_can_be_published_and_has_the_version_of_the_package(built):
    wheel, source = sorted(path.name for path in built.iterdir())
    assert wheel.endswith(f"-{lightgrid.__version__}-py3-none-any.whl")
    assert source.endswith(f"-{lightgrid.__version__}.tar.gz")
    run(sys.executable, "-m", "twine", "check", "--strict", wheel, source, cwd=built)


@pytest.mark.timeout(300)  # Builds and installs a wheel.
def test_wheel_holds_both_packages_and_nothing_else(installed):
    names = {path.name for path in installed.iterdir() if path.suffix != ".dist-info"}
    assert names - {"bin"} == {"lightgrid", "lightgrid_protos"}
    assert (installed / "lightgrid/py.typed").exists()
    assert (installed / "lightgrid_protos/py.typed").exists()


@pytest.mark.timeout(300)  # Builds and installs a wheel, if it is the first to ask.
def test_wheel_imports_away_from_the_checkout(installed, tmp_path):
    command = (sys.executable, "-I", "-W", "error", "-c", IMPORTS, str(installed))
    files = run(*command, cwd=tmp_path).split()
    assert files == [
        str(installed / "lightgrid/__init__.py"),
        str(installed / "lightgrid_protos/v1/delta_pb2.py"),
    ]
