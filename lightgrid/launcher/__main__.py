"""Be the launcher process.

    python .../lightgrid/launcher/__main__.py GIVEN ROOM     (see `LauncherClient`)

Executed by its path: to import `lightgrid` takes 0.1 s and 20 MB, and only the fork server
needs what that brings.
"""

import json
import os
import socket
import sys
from types import ModuleType

_package = ModuleType("lightgrid")
_package.__path__ = [os.path.dirname(os.path.dirname(os.path.abspath(__file__)))]
sys.modules["lightgrid"] = _package

if __name__ == "__main__":
    from lightgrid.launcher.exiting import let_be_last

    let_be_last()

    from lightgrid.launcher.channel import Channel
    from lightgrid.launcher.roles import take_turns

    given = json.loads(sys.argv[1])
    flow = Channel(socket.socket(fileno=given["flow"]))
    # Only what it is to be is imported: a forked work is to have no module that others have not.
    if given["leads_elsewhere"]:
        from lightgrid.launcher.prefix_process import PrefixProcess

        take_turns(PrefixProcess(flow, given["over"]).run)
    else:
        from lightgrid.launcher.launcher_process import LauncherProcess

        take_turns(LauncherProcess(flow, given["over"], given["modules"], given["preload"]).run)
