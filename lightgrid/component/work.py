"""What does: a component whose `run` is executed in a process of its own."""

from __future__ import annotations

import functools
import inspect
import socket
from abc import abstractmethod
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from types import FunctionType
from typing import Any, Final

from lightgrid.component.backend import ProcessSide, is_in_flow_code
from lightgrid.component.call_key import NO_ARGUMENTS, call_key
from lightgrid.component.calls import CallPending, CallTable
from lightgrid.component.component import Component
from lightgrid.component.options import OptionChecker
from lightgrid.component.restart import Restart, RestartWhen, RestartWord
from lightgrid.component.status import WorkStage, WorkStatus, is_over
from lightgrid.errors import (
    ComponentError,
    ComponentTypeError,
    NotOverriddenError,
    place_of,
    short_name,
)
from lightgrid.frames import calls_user_code
from lightgrid.moving.cloud import BuildConfig, CloudCompute
from lightgrid.moving.notices import tell_options
from lightgrid.state.deepdiff_form import Delta
from lightgrid.state.delta import apply_fitting
from lightgrid.state.layout import CALLS, STATUS
from lightgrid.state.values import Value

_WHERE_TO_PUT: Final = (
    "Set it as an attribute of a flow, or put it into a structures.List or Dict of one"
)

_MAX_PORT_TRIES: Final = 100


class Work(Component):
    """A component that does something, in a process of its own.

    Subclass it, set state in `__init__`, and write `run`. A flow that calls
    `work.run(...)` makes a call: the work's process executes `run`, and
    whatever it assigns to public attributes is streamed to the flow.

    Args:
        parallel: The flow goes on at once; else a call holds the flow's `run` up
            until it is complete.
        cache_calls: A call with the same arguments as a completed one is not
            made again. Else it is: with `parallel`, whenever the flow asks for it and
            none is under way; without, once for each time that the flow comes by on
            its way through `run`, however often it is held up there.
        raise_exception: An exception in `run` ends the app; else the call has
            failed and the flow goes on.
        receive_updates: What the flow writes into this work's
            variables reaches it while it runs; else with its next call.
        start_with_flow: Start the process when the app starts, before the first
            call. A work that is made later starts at its first call.
        stop_grace_s: How long `on_exit` may take when the work is to stop, in
            seconds; None for the app's default.
        restart: When a process that ended is started again: "never", "on_failure",
            "always", or a `Restart` that says more.
        run_timeout_s: A call that runs longer has failed, in seconds.
        stall_timeout_s: A call during which no state changes for longer has failed.
        launch: The app starts the process; else one dials in by itself.
        host: Address of a server that the work runs, if it runs one.
        port: Its port; None to have a free one chosen.
        cloud_compute: Taken from programs of the predecessor, told once, and of no effect;
            so are `cloud_build_config` and `local_build_config`.

    Raises:
        OptionError: An option has a value that it cannot have.
    """

    def __init__(
        self,
        *,
        parallel: bool = False,
        cache_calls: bool = True,
        raise_exception: bool = True,
        receive_updates: bool = False,
        start_with_flow: bool = True,
        stop_grace_s: float | None = None,
        restart: Restart | RestartWord = RestartWhen.NEVER,
        run_timeout_s: float | None = None,
        stall_timeout_s: float | None = None,
        launch: bool = True,
        host: str = "127.0.0.1",
        port: int | None = None,
        cloud_compute: CloudCompute | None = None,
        cloud_build_config: BuildConfig | None = None,
        local_build_config: BuildConfig | None = None,
    ) -> None:
        super().__init__()
        tell_options(
            cloud_compute=cloud_compute,
            cloud_build_config=cloud_build_config,
            local_build_config=local_build_config,
        )
        given = OptionChecker(type(self).__name__)
        self._parallel = given.flag("parallel", parallel)
        self._cache_calls = given.flag("cache_calls", cache_calls)
        self._raise_exception = given.flag("raise_exception", raise_exception)
        self._receive_updates = given.flag("receive_updates", receive_updates)
        self._start_with_flow = given.flag("start_with_flow", start_with_flow)
        self._stop_grace_s = given.seconds_or_none("stop_grace_s", stop_grace_s, "the app's own")
        self._restart = (
            restart
            if isinstance(restart, Restart)
            else Restart(given.word("restart", restart, RestartWhen, ", or a Restart"))
        )
        self._run_timeout_s = given.seconds_or_none(
            "run_timeout_s", run_timeout_s, "no limit", may_be_zero=False
        )
        self._stall_timeout_s = given.seconds_or_none(
            "stall_timeout_s", stall_timeout_s, "no limit", may_be_zero=False
        )
        self._launch = given.flag("launch", launch)
        self._connection: dict[str, str] | None = None
        self._calls = CallTable()
        self._results: dict[str, Any] = {}
        self._process_status = WorkStatus(WorkStage.NOT_STARTED)
        self._process: ProcessSide | None = None
        self._host = given.host("host", host)
        self._port = given.port_or_none("port", port, "a free one")

    _lightgrid_is_work = True

    # --- to be overridden -----------------------------------------------------------

    @abstractmethod
    def run(self, *args: Any, **kwargs: Any) -> Any:
        """Do the work. Runs in the work's process, in its main thread.

        It may be `async def`, as may `on_start`, `on_exit` and `on_exception`: they are
        executed in one event loop, which lasts as long as the process. A stop cancels
        the coroutine, so that `finally` and `async with` come to their end.
        """
        raise NotOverriddenError(f"{type(self).__name__} has no run method: a work needs one")

    def on_start(self) -> None:
        """Prepare, once, in the work's process before its first call."""

    def on_exit(self) -> None:
        """Finish, in the work's process, when the work is stopped or the app ends.

        Called after `run` has ended. What it assigns still reaches the flow.
        """

    def on_exception(self, exception: BaseException) -> None:
        """Handle an exception of `run`, in the work's process.

        Raises:
            BaseException: The call has failed with it. Returning instead means
                that it was handled: the call has succeeded.
        """
        raise exception

    # --- what users read ----------------------------------------------------------------

    @property
    def parallel(self) -> bool:
        """Whether the flow goes on while a call runs."""
        return self._parallel

    @property
    def cache_calls(self) -> bool:
        """Whether a completed call is not made again."""
        return self._cache_calls

    @property
    def raise_exception(self) -> bool:
        """Whether an exception in `run` ends the app."""
        return self._raise_exception

    @property
    def receive_updates(self) -> bool:
        """Whether what the flow writes reaches this work while it runs."""
        return self._receive_updates

    @property
    def start_with_flow(self) -> bool:
        """Whether the process is started when the app starts."""
        return self._start_with_flow

    @property
    def status(self) -> WorkStatus:
        """Where the work stands: its newest call, unless it was stopped or failed since.

        The end of the app stops what runs and changes nothing else: a call that had ended
        stands there as it did, with its result.
        """
        latest = self._calls.latest
        if latest is None or is_over(self._process_status, latest.status):
            return self._process_status
        return latest.status

    @property
    def statuses(self) -> list[WorkStatus]:
        """The life of the newest call so far, and the end of the work if it came behind it.

        Of a long life the last 100 steps. The last one is `status`.
        """
        latest = self._calls.latest
        if latest is None:
            return [self._process_status]
        own, last = self._process_status, latest.status
        if is_over(own, last) and not last.says_same(own):
            return [*latest.statuses, own]
        return list(latest.statuses)

    @property
    def process_status(self) -> WorkStatus:
        """Where the work's process stands, whatever its calls do.

        `not_started`, `started`, `stopped` or `failed`.
        """
        return self._process_status

    @property
    def has_started(self) -> bool:
        """Whether the work has a process or was called."""
        return self.status.stage is not WorkStage.NOT_STARTED

    @property
    def has_stopped(self) -> bool:
        """Whether the work was stopped."""
        return self.status.stage is WorkStage.STOPPED

    @property
    def has_succeeded(self) -> bool:
        """Whether the newest call has succeeded."""
        return self.status.stage is WorkStage.SUCCEEDED

    @property
    def has_failed(self) -> bool:
        """Whether the newest call has failed."""
        return self.status.stage is WorkStage.FAILED

    @property
    def has_timeout(self) -> bool:
        """Whether the newest call has failed because it took too long."""
        return self.has_failed and self.status.reason.is_timeout

    @property
    def is_running(self) -> bool:
        """Whether the newest call is being executed."""
        return self.status.stage is WorkStage.RUNNING

    @property
    def is_pending(self) -> bool:
        """Whether the newest call was made and has not begun."""
        return self.status.stage is WorkStage.PENDING

    @property
    def num_successes(self) -> int:
        """How many calls have succeeded."""
        return self._calls.success_count

    @property
    def num_timeouts(self) -> int:
        """How many calls took too long since the last success."""
        return self._calls.timeout_count

    @property
    def host(self) -> str:
        """The address of a server that the work runs."""
        return self._host

    @property
    def port(self) -> int:
        """Its port; a free one is chosen when this is first read, or when the process starts.

        So the flow and the work's process know the same one.
        """
        if self._port is None:
            self._port = _choose_port(self._host)
        return self._port

    @property
    def internal_ip(self) -> str:
        """Where other works reach the work's machine, while it has a process; else ""."""
        is_up = self._process is not None or self._process_status.stage is WorkStage.STARTED
        return "127.0.0.1" if is_up else ""

    @property
    def url(self) -> str:
        """Where people reach its server, while it has a process; else ""."""
        return f"http://{self.host}:{self.port}" if self.internal_ip else ""

    # --- what users call -------------------------------------------------------------------

    def start(self) -> None:
        """Start the work's process without a call; again, if it was stopped."""
        self._lightgrid_backend("start").start(self)

    def stop(self) -> None:
        """End the work: its call, then `on_exit`, then its process.

        The status is `stopped` at once; calling it again does nothing.
        """
        self._lightgrid_backend("stop").stop(self)

    def retry(self) -> bool:
        """Have the newest call made again if it has failed or was stopped.

        The call is forgotten, so the flow makes it when it next gets to
        `run(...)` with the same arguments.

        Returns:
            Whether there was such a call.
        """
        latest = self._calls.latest
        if latest is None or latest.status.stage not in (WorkStage.FAILED, WorkStage.STOPPED):
            return False
        self._lightgrid_backend("retry").forget(self, latest.key)
        return True

    def delete(self) -> None:
        """End the work and take it out of its app; its place can be used again."""
        parent = self._lightgrid_node.parent
        if parent is None:
            raise ComponentError(f"{self._lightgrid_node.label}.delete(): the work is in no flow")
        parent._lightgrid_drop(self)

    @property
    def connection(self) -> dict[str, str] | None:
        """What a process that dials in by itself needs in its environment, once it is expected."""
        return None if self._connection is None else dict(self._connection)

    def flush(self, timeout_s: float = 10.0) -> None:
        """Wait, in the work's process, until the flow has everything changed so far.

        Raises:
            FlowUnavailableError: It took longer than `timeout_s` seconds.
            ComponentError: Inside of `batch`, which is to be told whole.
            OptionError: `timeout_s` is no time.
        """
        given = OptionChecker(f"{type(self).__name__}.flush()")
        timeout_s = given.seconds("timeout_s", timeout_s)
        if self._process is not None:
            self._process.flush(timeout_s)

    def batch(self) -> AbstractContextManager[None]:
        """Have changes that belong together seen together: the flow sees all of them or none.

            with self.batch():
                self.step += 1
                self.losses.append(loss)

        Costs a visit to another thread, some 0.1 ms; and nothing is told meanwhile.
        """
        return nullcontext() if self._process is None else self._process.batch()

    def wait_for_update(self, timeout_s: float | None = None) -> bool:
        """Wait, in the work's process, until the flow has written into the work's variables.

        Returns:
            Whether it has, since the last time this was asked; not within
            `timeout_s` seconds otherwise. A write that came before counts.

        Raises:
            ComponentError: The work was not made with `receive_updates=True`.
            OptionError: `timeout_s` is no time.
        """
        given = OptionChecker(f"{type(self).__name__}.wait_for_update()")
        timeout_s = given.seconds_or_none("timeout_s", timeout_s, "as long as it takes")
        if not self._receive_updates:
            raise ComponentError(
                f"{short_name(self.name)}.wait_for_update(): the work is not told of updates; "
                "make it with receive_updates=True"
            )
        return self._process is not None and self._process.wait_for_update(timeout_s)

    def apply_flow_delta(self, delta: Delta) -> None:
        """Apply what the flow has written, in the work's process, while `run` goes on.

        Override it to be told of updates, or to refuse some: what is not passed
        on to `super()` is not applied, and the flow is told the value that stands.
        Called in a thread of the framework, which waits meanwhile; an exception
        fails the call.

        Args:
            delta: Relative to the work's variables; `delta.ops` has the changes.
        """
        # What does not fit, user code has changed meanwhile. What came of it is collected
        # next, and told.
        apply_fitting(self._lightgrid_vars, delta.ops)

    # --- for the framework ---------------------------------------------------------------------

    def _lightgrid_prepare(self) -> None:
        super()._lightgrid_prepare()
        run = type(self).run.__get__(self)
        # On the instance, so that the class keeps the method that the user wrote.
        self.__dict__["run"] = functools.partial(_run_alone, self, run)

    def _lightgrid_backend(self, verb: str) -> Any:
        backend = self._lightgrid_node.backend
        if backend is None:
            raise ComponentError(
                f"{self._lightgrid_node.label}.{verb}() needs a running app: the work is in "
                f"none. {_WHERE_TO_PUT}"
            )
        return backend

    def _lightgrid_join_flow(self) -> None:
        """Have `run` make calls, in the process of the flow."""
        self.__dict__["run"] = _making_calls(self)

    def _lightgrid_join_process(self, process: ProcessSide | None) -> None:
        """Have `run` be what the user wrote, in the work's own process."""
        self._process = process
        self.__dict__.pop("run", None)

    def _lightgrid_load_own_state(self, state: Mapping[str, Value]) -> None:
        self._calls.load(state.get(CALLS, {}))

    def _lightgrid_program(
        self, _args: Sequence[Any], _kwargs: Mapping[str, Any]
    ) -> list[str] | None:
        """Return the program that makes one call; None for a process of ours that makes all."""
        return None

    @property
    def _lightgrid_is_python(self) -> bool:
        """Whether what executes it is Python with this class, and reads what Python pickles."""
        return True

    def _lightgrid_environment(self) -> Mapping[str, str]:
        """Return what the process finds in its environment beside the flow's own."""
        return {}

    def _lightgrid_own_state(self) -> dict[str, Value]:
        return {CALLS: self._calls.to_value(), STATUS: self.status.to_value()}

    def __getstate__(self) -> dict[str, Any]:
        """Leave out what belongs to the process of the flow, and have a port chosen."""
        self._port = self.port
        state = super().__getstate__()
        for name in ("run", "_calls", "_results", "_process", "_process_status"):
            state["attributes"].pop(name, None)
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Begin with no calls."""
        super().__setstate__(state)
        self._calls = CallTable()
        self._results = {}
        self._process = None
        self._process_status = WorkStatus(WorkStage.NOT_STARTED)


#: Ports that were chosen and may not be in use yet.
_chosen_ports: set[int] = set()


def _choose_port(host: str) -> int:
    for _ in range(_MAX_PORT_TRIES):
        with socket.socket() as probe:
            try:
                probe.bind((host, 0))
            except OSError:  # an address of another machine
                probe.bind(("", 0))
            port: int = probe.getsockname()[1]
        if port not in _chosen_ports:
            break
    _chosen_ports.add(port)
    return port


@calls_user_code
def _run_alone(work: Work, run: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """Execute `run` in place: a work that is in no app is an ordinary object."""
    if is_in_flow_code():
        raise ComponentError(
            f"{work._lightgrid_node.label}.run(): the work is in no flow, and here it would run "
            f"inside the flow's process. {_WHERE_TO_PUT}"
        )
    if not work.cache_calls or inspect.iscoroutinefunction(run):  # each awaits one of its own
        return run(*args, **kwargs)
    key = _key_of(work, args, kwargs)
    if key not in work._results:
        work._results[key] = run(*args, **kwargs)
    return work._results[key]


def _making_calls(work: Work) -> Callable[..., None]:
    """Return the `run` of a work in a flow: it makes a call, unless it was made before.

    A flow of a thousand works asks each of them in each of its runs, and nearly
    always the answer is that there is nothing to do. Hence the bound names.
    """
    calls, records = work._calls, work._calls.records
    passes = calls.passes = work._lightgrid_backend("run").passes
    is_known_enough = work._parallel and work._cache_calls

    def run(*args: Any, **kwargs: Any) -> None:
        key = NO_ARGUMENTS if not args and not kwargs else _key_of(work, args, kwargs)
        if is_known_enough and (record := records.get(key)) is not None:
            record.asked_in = passes.run
            return
        decision = calls.decide(key, cache_calls=work._cache_calls, parallel=work._parallel)
        if decision.sends:
            _check_arguments(work, args, kwargs)
            work._lightgrid_backend("run").call(work, key, args, kwargs)
        if decision.waits:
            passes.is_held_up = True
            raise CallPending(work.name)

    return run


def _check_arguments(work: Work, args: Sequence[Any], kwargs: Mapping[str, Any]) -> None:
    """Refuse at the flow's line what the work's `run` cannot be called with.

    Raises:
        ComponentTypeError: As Python would, in the work's process.
        OptionError: A program cannot be started with it.
    """
    run = type(work).run
    # What is no function of the user's may take anything; so may a program that dials in.
    if not isinstance(run, FunctionType) or not work._launch:
        return
    signature = _signature_of(run)
    try:
        signature.bind(work, *args, **kwargs)
    except TypeError as error:
        file, line = place_of(run)
        raise ComponentTypeError(
            f"{short_name(work.name)}.run(): {error}. It is run{signature} in {file}, line {line}"
        ) from None
    work._lightgrid_program(args, kwargs)  # which refuses what no program can be given


@functools.cache
def _signature_of(function: FunctionType) -> inspect.Signature:
    # Of a wrapper it is the wrapper's own that counts.
    return inspect.signature(function, follow_wrapped=False)


def _key_of(work: Work, args: Sequence[Any], kwargs: Mapping[str, Any]) -> str:
    try:
        return call_key(args, kwargs)
    except ComponentError as error:
        raise ComponentError(f"{work._lightgrid_node.label}.run(): {error}") from None
