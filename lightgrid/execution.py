"""Putting together what runs an app: tree, loop, server, processes, logs."""

from __future__ import annotations

import contextlib
import logging
import os
import sys
from collections.abc import Iterator
from pathlib import Path

from lightgrid.component.flow import Flow
from lightgrid.component.work import Work
from lightgrid.component.work_node import WorkNode
from lightgrid.errors import WorkFailedError, place_of, short_name
from lightgrid.process.app_file import find_app_file, is_interactive
from lightgrid.process.told_environment import work_environment
from lightgrid.process.work_spec import WorkSpec, find_unpicklable, make_spec
from lightgrid.runtime.hub import Hub
from lightgrid.runtime.launch.choosing import OWN, make_launcher
from lightgrid.runtime.launch.launcher import Launcher
from lightgrid.runtime.launch.places import Places
from lightgrid.runtime.loop.app_loop import AppLoop
from lightgrid.runtime.loop.hints import hint_at_standstill, hinting_at_long_runs
from lightgrid.runtime.loop.interruption import Interruption, end_process
from lightgrid.runtime.loop.supervision import Surroundings
from lightgrid.runtime.options import RunOptions
from lightgrid.runtime.reporting.logs import LogFollower
from lightgrid.runtime.reporting.observer import Observer
from lightgrid.runtime.reporting.observers import Observers
from lightgrid.runtime.reporting.outcome import Outcome
from lightgrid.runtime.reporting.run_dir import RunDir
from lightgrid.server.auth import Auth
from lightgrid.server.listen import Listen
from lightgrid.server.rotation import Rotation
from lightgrid.server.server import Server
from lightgrid.state.values import type_name


def execute(root: Flow, stop_grace_s: float, options: RunOptions, observer: Observer) -> Outcome:
    """Run an app until it ends, in this thread, and return how it did.

    Args:
        root: Its root flow.
        stop_grace_s: How long works may take to end that do not say themselves.
        options: Where to listen, and so on.
        observer: Told what happens, as are those of the options.

    Raises:
        LightgridError: It cannot be started: the address is taken, or would show
            the app to others by mistake.
    """
    os.environ.update(options.environment)
    logging.getLogger("lightgrid").setLevel(options.log_level)
    app_file, main_module = find_app_file()
    observer = Observers([observer, *options.observers])
    # What is entered last ends first, whatever happens in between.
    with contextlib.ExitStack() as stack:
        hub, auth = Hub(observer=observer), Auth()
        stack.callback(hub.asks.close)  # also where the app could not be started
        interruption = Interruption(hub.wake, None if is_interactive() else end_process)
        stack.enter_context(interruption.handling())
        stack.enter_context(_short_switch_interval())
        stack.callback(observer.ended)
        run_dir = RunDir(app_file or "<interactive>")
        stack.callback(run_dir.remove)
        listen = Listen(
            options.address,
            advertise=options.advertise,
            tls=options.tls,
            certificate=options.tls_certificate,
            key=options.tls_key,
            ca=options.tls_ca,
            insecure=options.insecure,
        )
        server = Server(hub, auth, listen, Rotation(*options.stream_lifetime_s))
        stack.callback(server.stop)

        def make_chosen(chosen: str) -> Launcher:
            if chosen == OWN and options.make_launcher is not None:
                return options.make_launcher()
            return make_launcher(chosen, options.preload, options.environment)

        logs = LogFollower(observer.printed)
        stack.callback(lambda: logs.close(hurry=interruption.count > 0))
        launcher = Places(OWN if options.make_launcher else options.launcher, make_chosen)
        stack.callback(launcher.close)
        launcher.prepare()
        launcher.preload(options.preload)

        def spec_of(node: WorkNode, stop_grace_s: float) -> WorkSpec:
            try:
                return make_spec(
                    node.component,
                    app_file=app_file,
                    main_module=main_module,
                    stop_grace_s=stop_grace_s,
                    log_level=options.log_level,
                )
            except Exception as error:
                what = _unpicklable(node.component, error, by_reference=app_file is not None)
                raise WorkFailedError(node.name, what) from None

        def connection_of(name: str) -> dict[str, str]:
            token = auth.work_token(name, hub.works.generation_of(name))
            return work_environment(name, server.address, token, server.root_certificates)

        surroundings = Surroundings(connection_of, spec_of, run_dir, stop_grace_s)
        loop = AppLoop(root, hub, launcher, logs, surroundings, observer)
        if options.on_loop is not None:
            options.on_loop(loop)
        address = server.start()
        logs.start()
        run_dir.publish(address, auth.app_token, server.root_certificates)
        observer.started(Path(app_file).name if app_file else "app", address)
        hint_at_standstill(root, loop, observer)
        with hinting_at_long_runs(loop, observer):
            return loop.run(interruption)


def _unpicklable(work: Work, error: Exception, *, by_reference: bool) -> str:
    """Say what of a work cannot be sent to its process, and what to do."""
    part, value = find_unpicklable(work, short_name(work.name), by_reference=by_reference)
    file, line = place_of(type(work).__init__)
    where = f" ({type(work).__name__}.__init__ is in {file}, line {line})" if file else ""
    return (
        f"it cannot be sent to a process of its own. {part} is a {type_name(value)}: {error}. "
        f"Make what cannot be pickled in on_start or run, and set it to None in __init__{where}"
    )


@contextlib.contextmanager
def _short_switch_interval() -> Iterator[None]:
    """Let the server's thread in every 0.5 ms: a busy `run` then costs it 1 ms, not 6."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(0.0005)
    try:
        yield
    finally:
        sys.setswitchinterval(before)
