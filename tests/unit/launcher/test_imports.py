"""What the launcher process imports costs every app, before its first work starts."""

import subprocess
import sys

CODE = """
import sys
from types import ModuleType
package = ModuleType("lightgrid")
package.__path__ = [sys.argv[1]]
sys.modules["lightgrid"] = package
import lightgrid.launcher.launcher_process
print([name for name in ("inspect", "tempfile", "random", "grpc") if name in sys.modules])
print([name for name in sys.modules if name.startswith("lightgrid.")
       and not name.startswith("lightgrid.launcher")])
"""


def test_the_launcher_imports_little_and_nothing_of_another_room():
    import lightgrid

    told = subprocess.run(
        [sys.executable, "-P", "-c", CODE, lightgrid.__path__[0]],
        capture_output=True,
        text=True,
        check=True,
    )
    assert told.stdout == "[]\n[]\n"
