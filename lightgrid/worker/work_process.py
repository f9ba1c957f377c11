"""The process of a work: load its code, join the flow, execute calls, leave.

python -m lightgrid.worker.work_process --name WORK     (see work_spec)
"""

from __future__ import annotations

import _thread
import os
import signal
import sys
import time
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Final, NoReturn

from lightgrid.component.calling import run_as_written
from lightgrid.component.node import node_of
from lightgrid.errors import LightgridError, Reason, RefusedError, short_name
from lightgrid.frames import calls_user_code
from lightgrid.launcher.family import has_ended
from lightgrid.process.told_environment import (
    ADDRESS_VARIABLE,
    FLOW_PID_VARIABLE,
    LAUNCH_VARIABLE,
    TOKEN_VARIABLE,
    WORK_VARIABLE,
    hide_secrets,
    told_root_certificates,
)
from lightgrid.process.user_trace import user_trace
from lightgrid.process.work_spec import read_spec
from lightgrid.protocol.messages import CallState, CallUpdate, Run
from lightgrid.worker.calls import execute_call, failed
from lightgrid.worker.coroutines import Coroutines
from lightgrid.worker.forks import end_child, end_now, watch_forks
from lightgrid.worker.interrupt import Interrupter
from lightgrid.worker.loading import load_by_name, load_launched, refuse_breakpoints
from lightgrid.worker.output import flush_output, prepare_output, say
from lightgrid.worker.side import Joining, WorkSide

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lightgrid.component.work import Work

#: How long what user code has left behind (threads, atexit functions) may hold up the end.
_LAST_S: Final = 1.0
#: How long a failed `on_start` waits for a call that it can be told as the failure of.
_FIRST_CALL_S: Final = 1.0
#: What a goodbye may take when the process that launched this one is gone: nobody may hear it.
_ORPHANED_S: Final = 1.0
#: A user's handler may be slow to log a lost goodbye; less than this is never useful.
_LEAST_GRACE_S: Final = 0.5
#: The interpreter's switch interval. The loop's thread takes several turns to send a batch,
#: and each waits this long for a user's thread that computes; the default is 5 ms.
_SWITCH_INTERVAL_S: Final = 0.001


class WorkProcess:
    """A work, in the main thread of its process.

    Args:
        work: The object whose methods are executed.
        joining: How it gets to its flow.
        stop_grace_s: How long leaving may take, when the server does not say.
        is_launched: Who stops it sends a signal, too.
    """

    def __init__(
        self, work: Work, joining: Joining, stop_grace_s: float, *, is_launched: bool
    ) -> None:
        self._work = work
        self._node = node_of(work)
        self._stop_grace_s = stop_grace_s
        self._inbox: SimpleQueue[Run | None] = SimpleQueue()
        self._stopped_at_s = 0.0
        self._pid = os.getpid()
        self._flow_pid = int(os.environ.get(FLOW_PID_VARIABLE, 0)) if is_launched else 0
        self._interrupter = Interrupter(
            self._note_stop,
            self._leave_from_inside,
            self._may_clean_up,
            is_signalled=is_launched,
        )
        self._coroutines = Coroutines(self._interrupter)
        self._running: Run | None = None
        self._side = WorkSide(work, joining, self._interrupter, self._inbox)
        self._open_end: CallUpdate | None = None

    def run(self, *stop_signals: signal.Signals) -> int:
        """Join the flow, execute calls until it is time to leave, and leave.

        Args:
            stop_signals: Signals that ask to leave.

        Returns:
            The exit code.
        """
        self._interrupter.install(*stop_signals)
        watch_forks(self.forget_in_child)
        run_as_written(self._node, self._side)
        self._side.start()
        start_error = self._start()
        if start_error is None:
            self._execute_calls()
        # From here on a signal interrupts nothing: it has been heard.
        self._interrupter.close()
        if signal.SIGINT in stop_signals:
            signal.signal(signal.SIGINT, signal.default_int_handler)  # the second one is impatient
        self._exit()
        self._side.leave(self._open_end, self._goodbye_s())
        refusal = self._side.refusal
        if refusal is not None and not _is_goodbye(refusal, was_told=bool(self._stopped_at_s)):
            hint = ""
            if isinstance(refusal, RefusedError) and refusal.reason is Reason.WORK_HELD:
                hint = ". To be it by hand, make the work with launch=False"
            say(f"lightgrid: {short_name(self._work.name)} cannot go on: {refusal}{hint}\n")
            return 1
        return 0 if start_error is None else 1

    def forget_in_child(self) -> None:
        """Take no part in the protocol any more: this is a child of the work's process."""
        self._interrupter.forget_in_child()
        self._side.forget_in_child()
        self._node.process_side = None

    def _start(self) -> BaseException | None:
        """Execute `on_start`; return why it failed, if it did."""
        try:
            self._interrupter.call(self._coroutines.call, self._work.on_start)
        except BaseException as error:
            self._leave_child(error)
            if self._interrupter.is_stopping:
                return None
            say(user_trace(error))
            try:
                run = self._inbox.get(timeout=_FIRST_CALL_S)
            except Empty:
                run = None
            if run is not None and self._side.begin_call(run):
                self._side.end_call(failed(run.call_id, error))
            return error
        self._leave_child(None)
        return None

    def _execute_calls(self) -> None:
        while not self._interrupter.is_stopping:
            run = self._inbox.get()
            if run is None or self._interrupter.is_stopping:
                return
            if not self._side.begin_call(run):
                continue
            self._running = run
            end = execute_call(
                self._work,
                run,
                self._interrupter,
                self._coroutines,
                self._leave_child,
                self._side.limits.max_message_bytes,
            )
            self._running = None
            if self._interrupter.is_stopping and self._interrupter.has_raised:
                self._open_end = end  # what `on_exit` changes comes before it
                return
            if end.error is not None and not self._ends_the_app():
                # What ends the app is told there; of this, the work's own log is the place.
                say(end.error.trace)
            self._side.end_call(end)

    def _ends_the_app(self) -> bool:
        """Whether a failure of this work is the app's."""
        options = self._node.options
        return options.raise_exception and options.restart.when == "never"

    @calls_user_code
    def _exit(self) -> None:
        for finish in (lambda: self._coroutines.call(self._work.on_exit), self._coroutines.close):
            try:
                finish()
            except BaseException as error:
                # Whatever it is, the flow is to hear of what was done until here.
                say(user_trace(error))

    def _leave_from_inside(self) -> None:
        """Leave on top of user code that catches everything: it would never unwind."""
        if os.getpid() != self._pid:
            end_now(1)
        self._interrupter.close()
        self._exit()
        run = self._running
        end = None if run is None else CallUpdate(run.call_id, CallState.CANCELLED)
        self._side.leave(end, self._goodbye_s())
        end_now(0)

    def _note_stop(self) -> None:
        # In a signal's handler, maybe: SimpleQueue is made for that.
        self._stopped_at_s = time.monotonic()
        self._inbox.put(None)

    def _may_clean_up(self) -> bool:
        """Tell whether `finally` may go on: a third of the time is kept for leaving in order."""
        return self._passed_s() < self._grace_s() * 2 / 3

    def _goodbye_s(self) -> float:
        """Return how long to wait for a goodbye to be heard.

        The flow may be out of reach for a while, so that is what is left of the grace; but
        not when the flow's process has ended before its works, as then it does not come back.
        """
        is_orphaned = self._flow_pid and has_ended(self._flow_pid)
        return min(self._grace_left_s(), _ORPHANED_S) if is_orphaned else self._grace_left_s()

    def _grace_left_s(self) -> float:
        return max(_LEAST_GRACE_S, self._grace_s() - self._passed_s())

    def _grace_s(self) -> float:
        told_s = self._side.stop_grace_s
        return self._stop_grace_s if told_s is None else told_s

    def _passed_s(self) -> float:
        return time.monotonic() - self._stopped_at_s if self._stopped_at_s else 0.0

    def _leave_child(self, error: BaseException | None) -> None:
        """End a forked child that came back out of user code: none of what follows is its own."""
        if os.getpid() != self._pid:
            end_child(error)


def be_process() -> NoReturn:
    """Be the work that this process was started, or forked, for."""
    end_process(main())


def main() -> int:
    """Be the work that standard input and the environment tell of; return the exit code."""
    spec = read_spec()
    # What user code starts gets the address and the name, which are no secret, but no token
    # that it might print with its environment.
    token, root_certificates = os.environ.get(TOKEN_VARIABLE, ""), told_root_certificates()
    hide_secrets()
    address = os.environ.get(ADDRESS_VARIABLE, "")
    os.environ[WORK_VARIABLE] = spec.work
    prepare_output(spec.log_level)
    sys.setswitchinterval(min(_SWITCH_INTERVAL_S, sys.getswitchinterval()))
    refuse_breakpoints(spec)
    # A launched work is in a session of its own; who types Ctrl-C means the flow. Not SIG_IGN,
    # which the programs that user code starts would inherit.
    signal.signal(signal.SIGINT, lambda _number, _frame: None)
    try:
        work = load_launched(spec)
    except BaseException as error:
        say(user_trace(error))
        return 1
    joining = Joining(
        address,
        spec.work,
        token,
        spec.seen_revision,
        root_certificates,
        launch_id=os.environ.get(LAUNCH_VARIABLE, ""),
    )
    return WorkProcess(work, joining, spec.stop_grace_s, is_launched=True).run(signal.SIGTERM)


def run_foreground(
    app_file: str,
    name: str,
    address: str,
    token: str,
    *,
    argv: Sequence[str] = (),
    main_module: str | None = None,
    root_certificates: bytes | None = None,
    stop_grace_s: float = 10.0,
) -> int:
    """Be a work of a running app, in this process: Ctrl-C leaves, a debugger works.

    Args:
        app_file: The app's file; its code under `if __name__ == "__main__"` does not run.
        name: The work's name: "root.w".
        address: "host:port" of the flow server.
        token: Opens the work, or the app.
        argv: What the app file finds in `sys.argv` behind its own name.
        main_module: Its name, when it is a module of a package, found by `sys.path`.
        root_certificates: PEM, for TLS.
        stop_grace_s: How long leaving may take, when the server does not say.

    Returns:
        The exit code.

    Raises:
        AppLoadError: There is no such file, or no such work in it.
        BaseException: Whatever the file's code raises. Show it with `user_trace`.
    """
    work = load_by_name(app_file, name, argv, main_module)
    joining = Joining(address, name, token, -1, root_certificates)
    process = WorkProcess(work, joining, stop_grace_s, is_launched=False)
    return process.run(signal.SIGTERM, signal.SIGINT)


def end_process(code: int) -> NoReturn:
    """Exit in the ordinary way, but not later than user code's leftovers may hold it up."""

    def end_later() -> None:
        time.sleep(_LAST_S)
        end_now(code)

    flush_output()
    _thread.start_new_thread(end_later, ())
    sys.exit(code)


def _is_goodbye(refusal: LightgridError, *, was_told: bool) -> bool:
    """Tell whether a refusal only says that the flow is done with this process.

    Args:
        refusal: What the server said.
        was_told: This process was told to stop before. Of a work that is deleted meanwhile
            the server knows nothing any more, or knows another one of its name.
    """
    if not isinstance(refusal, RefusedError):
        return False
    deleted = (Reason.NO_SUCH_WORK, Reason.NOT_ALLOWED, Reason.SESSION_UNKNOWN)
    return refusal.reason in (Reason.EPOCH_FENCED, Reason.WORK_STOPPED) or (
        was_told and refusal.reason in deleted
    )


if __name__ == "__main__":
    # The user's file becomes `__main__`; what is executed here is not to go away with it.
    _own_main = sys.modules["__main__"]
    be_process()
