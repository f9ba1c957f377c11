"""What the flows of the bench share: an app that ends when the bench lets go."""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any

import lightgrid
from lightgrid.runtime.reporting.observer import Observer
from lightgrid.runtime.reporting.run_dir import running_apps
from lightgrid_bench.clocks import memory_bytes, process_cpu_s, thread_cpu_s
from lightgrid_bench.peers import serve


def arguments() -> tuple[str, dict[str, Any]]:
    """Return the socket's path and the options of this process."""
    return sys.argv[1], json.loads(sys.argv[2])


def cpu() -> dict[str, float]:
    """Return the CPU time of the flow's process and of its two threads."""
    return {
        "process": process_cpu_s(),
        "server": thread_cpu_s("lightgrid server"),
        "flow": thread_cpu_s("main"),
    }


def access() -> dict[str, str]:
    """Return how to reach the app that this process runs."""
    own = [app for app in running_apps() if app.pid == os.getpid()]
    while not own:
        time.sleep(0.01)
        own = [app for app in running_apps() if app.pid == os.getpid()]
    return {"address": own[0].address, "token": own[0].token}


def run_app(
    root: lightgrid.Flow, observer: Observer, path: str, commands: Mapping[str, Callable[..., Any]]
) -> None:
    """Run an app in this thread, and do what the bench says in another, until it lets go."""

    def listen() -> None:
        serve(path, {"cpu": cpu, "memory": memory_bytes, "access": access, **commands})
        os.kill(os.getpid(), signal.SIGINT)

    threading.Thread(target=listen, name="bench", daemon=True).start()
    outcome = lightgrid.App(root).execute(lightgrid.RunOptions(), observer)
    if outcome.exit_code == 1:
        print(outcome.message, file=sys.stderr)
        sys.exit(1)
