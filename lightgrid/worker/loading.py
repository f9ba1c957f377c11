"""The object of a work, made in its own process from the app file."""

from __future__ import annotations

import os
import pickle
import sys
from collections.abc import Sequence

from lightgrid.component.component import Component
from lightgrid.component.node import node_of
from lightgrid.component.work import Work
from lightgrid.component.work_node import WorkNode
from lightgrid.errors import AppLoadError, ComponentError, short_name
from lightgrid.process.app_file import load_in_work
from lightgrid.process.root_holder import RootHolder
from lightgrid.process.work_spec import WorkSpec


def load_launched(spec: WorkSpec) -> Work:
    """Return the work that a flow has sent, when its app file was loaded here.

    Raises:
        AppLoadError: The file does not define here what it does in the flow.
        BaseException: Whatever the file's code raises.
    """
    sys.argv[:] = spec.sys_argv
    sys.path[:] = spec.sys_path
    load_in_work(spec.app_file, spec.main_module)
    try:
        # Made by the flow, and not sent through gRPC.
        work: Work = pickle.loads(spec.pickled_work)
    except AttributeError as error:
        what = str(error).partition(" on <module '__mp_main__'")[0]
        if what == str(error):
            raise
        raise AppLoadError(
            f"{spec.app_file}: {what} when a work's process loads the file. Define it at the top "
            'level, outside of if __name__ == "__main__"'
        ) from None
    node_of(work).key = spec.work
    return work


def load_by_name(
    app_file: str, name: str, argv: Sequence[str], main_module: str | None = None
) -> Work:
    """Return the work of an app file that has a name.

    Args:
        app_file: The file; its code under `if __name__ == "__main__"` does not run.
        name: The work's name: "root.w".
        argv: What the file finds in `sys.argv` behind its own name.
        main_module: The file's name as a module of a package, if it is to be one.

    Raises:
        AppLoadError: There is no such file, or no such work in it.
        BaseException: Whatever the file's code raises.
    """
    sys.argv[:] = [app_file, *argv]
    if main_module is None:
        sys.path.insert(0, os.path.dirname(os.path.realpath(app_file)))
    module = load_in_work(os.path.abspath(app_file), main_module)
    apps = {id(value): value for value in vars(module).values() if isinstance(value, RootHolder)}
    roots = [app.root for app in apps.values() if isinstance(app.root, Component)]
    if len(roots) != 1:
        raise AppLoadError(f"{app_file}: there are {len(roots)} apps in it; one is needed")
    nodes = node_of(roots[0]).walk()
    works = {node.name: node.component for node in nodes if isinstance(node, WorkNode)}
    if name not in works:
        known = ", ".join(map(short_name, sorted(works))) or "none"
        raise AppLoadError(
            f"{app_file}: there is no work {short_name(name)!r} in it; its works are: {known}"
        )
    return works[name]


def refuse_breakpoints(spec: WorkSpec) -> None:
    """Have `breakpoint()` say what to do in a process without a terminal.

    A debugger that PYTHONBREAKPOINT names, or code of the user's installs, may not need one.
    """
    if os.environ.get("PYTHONBREAKPOINT"):
        return
    name = short_name(spec.work)

    def refuse(*_args: object, **_kwargs: object) -> None:
        raise ComponentError(
            f"breakpoint(): the process of {name} has no terminal. Make the work with "
            f"launch=False, and be it in a terminal of your own: lightgrid work "
            f"{spec.app_file or 'FILE'} {name}"
        )

    sys.breakpointhook = refuse
