"""Be the launcher process.

    python .../lightgrid/launcher/__main__.py GIVEN ROOM     (see `LauncherClient`)

Executed by its path: to import `lightgrid` takes 0.1 s and 20 MB, and only the fork server
needs what that brings.
"""

import os
import sys
from types import ModuleType

_package = ModuleType("lightgrid")
_package.__path__ = [os.path.dirname(os.path.dirname(os.path.abspath(__file__)))]
sys.modules["lightgrid"] = _package

if __name__ == "__main__":
    from lightgrid.launcher.exiting import let_be_last

    let_be_last()

    from lightgrid.launcher.launcher_process import LauncherProcess
    from lightgrid.launcher.roles import take_turns

    take_turns(LauncherProcess.from_arguments(sys.argv[1:]))
