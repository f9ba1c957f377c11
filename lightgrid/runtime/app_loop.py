"""The loop of an app: merge what works did, run the flow, commit what it did.

    wait ▸ merge ▸ events ▸ root.run() ▸ collect ▸ commit ▸ wait ...

Nothing is merged while the flow runs, so what one run reads is consistent. The
loop sleeps until something happened. After a quiet time a change runs the flow
at once; what comes within 2 ms of a run is taken in together. Under a flood the
runs keep a gap of what the last one took, at most 10 ms, so that a flow that is
always busy leaves time to the server's thread.
"""

from __future__ import annotations

import functools
import secrets
import time
import warnings
from collections import deque
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any, Final

from lightgrid.component.backend import flow_code
from lightgrid.component.calls import CallPending
from lightgrid.component.component import Component, note_reads
from lightgrid.component.flow import Flow, FlowExit
from lightgrid.component.node import Node
from lightgrid.component.passes import Passes
from lightgrid.component.schedule import Schedule
from lightgrid.component.status import StatusReason, WorkStage
from lightgrid.component.work import Work
from lightgrid.errors import (
    LightgridError,
    Reason,
    RefusedError,
    SlowFlowWarning,
    WorkFailedError,
    place_of,
    short_name,
)
from lightgrid.process.app_file import user_trace
from lightgrid.protocol.link import Merged
from lightgrid.protocol.messages import CallState, CallUpdate, Run
from lightgrid.runtime.arguments import pack_arguments
from lightgrid.runtime.events import Event, Exited, Heard, Joined, Left, OutsideUpdate, Silent
from lightgrid.runtime.flow_changes import FlowChanges
from lightgrid.runtime.hub import Hub
from lightgrid.runtime.interruption import Interruption
from lightgrid.runtime.observer import Observer
from lightgrid.runtime.outcome import AppStage, Outcome
from lightgrid.runtime.statuses import StatusWriter
from lightgrid.runtime.supervisor import Supervisor
from lightgrid.runtime.timers import Timers
from lightgrid.state.delta import Op, Remove, Set, within

#: What comes within this time of a run is taken in together.
_GATHER_S: Final = 0.002
_MAX_GAP_S: Final = 0.010
_QUIET_S: Final = 0.001
#: Runs that take this long on average, over so many, are worth a warning.
_SLOW_RUN_S: Final = 1.0
_SLOW_RUNS: Final = 5


class AppLoop:
    """Runs a root flow until it ends. It is the `Backend` of its components.

    Everything but `__init__` happens in one thread, the one that calls `run`.
    """

    def __init__(self, root: Flow, hub: Hub, observer: Observer) -> None:
        self._root = root
        self._hub = hub
        self._observer = observer
        self._statuses = StatusWriter(observer)
        self._timers = Timers()
        self._supervisor: Supervisor | None = None
        self._works: dict[str, Work] = {}
        self._changes = FlowChanges(hub, self._statuses)
        self._is_touched = False
        self._run_is_due = True
        self._last_run_end_s = 0.0
        self._last_run_cost_s = 0.0
        self._recent_costs_s: deque[float] = deque(maxlen=_SLOW_RUNS)
        self.stage = AppStage.STARTING
        self.passes = Passes()
        self.wake_count = 0
        note_reads()
        root_state = {**root.state, "app_state": {"stage": str(AppStage.STARTING)}}
        hub.commit("root", [((), [Set((), root_state)])])
        self._join(root)

    @property
    def statuses(self) -> StatusWriter:
        """Where works and calls are moved on."""
        return self._statuses

    @property
    def run_count(self) -> int:
        """How often the flow was run."""
        return self.passes.run

    @property
    def idle_s(self) -> float:
        """For how many seconds the flow has not run."""
        return time.perf_counter() - self._last_run_end_s

    @property
    def timers(self) -> Timers:
        """What is due at a time."""
        return self._timers

    # --- the loop --------------------------------------------------------------------------------

    def run(self, supervisor: Supervisor, interruption: Interruption) -> Outcome:
        """Start the works, run the flow until it ends, and end the works."""
        self._supervisor = supervisor
        try:
            outcome = self._run_until_end(interruption)
        except BaseException as error:  # a fault of ours: the works must end all the same
            outcome = Outcome(1, f"internal error: {error!r}", error)
        self._end(outcome, interruption)
        return outcome

    def _run_until_end(self, interruption: Interruption) -> Outcome:
        try:
            for work in tuple(self._works.values()):
                if work.start_with_flow:
                    self._processes.start(work)
            self._set_stage(AppStage.RUNNING)
            has_merged = False
            while True:
                interruption.check()
                if self._run_is_due:
                    if self._keep_gap() or not has_merged:
                        self._merge()
                    self._run_is_due = has_merged = False
                    self._run_flow(interruption)
                else:
                    self.wake_count += 1
                    if self._hub.wait(self._timers.pause_s()):
                        self._gather()
                    self._merge()
                    has_merged = True
        except FlowExit as end:
            self._changes.commit()
            return Outcome(1 if end.failed else 0, end.message)
        except SystemExit as error:
            code = error.code if isinstance(error.code, int) else int(error.code is not None)
            return Outcome(
                code, "" if code == 0 else f"the flow's run called sys.exit({error.code!r})"
            )
        except KeyboardInterrupt:
            with suppress(LightgridError):
                self._changes.commit()
            return Outcome(interruption.exit_code, "interrupted")
        except WorkFailedError as error:
            return Outcome(1, f"{short_name(error.work)} has failed:\n{error}", error)
        except Exception as error:
            return Outcome(1, f"the flow's run has failed:\n{user_trace(error).rstrip()}", error)

    def _run_flow(self, interruption: Interruption) -> None:
        begin_s = time.perf_counter()
        self.passes.begin_run()
        try:
            with flow_code():
                interruption.call_user_code(self._root.run)
        except CallPending:
            pass
        finally:
            self._last_run_end_s = time.perf_counter()
            self._last_run_cost_s = self._last_run_end_s - begin_s
        self._warn_if_slow()
        if self._changes.commit():
            self._run_is_due = True
        if self.passes.end_run():
            self._run_is_due = True
        self._is_touched = False
        self._observer.flow_ran()
        # A test may have changed things there, as the flow's own: they are to be committed
        # before anything is merged into them.
        if self._is_touched and self._changes.commit():
            self._run_is_due = True

    def _warn_if_slow(self) -> None:
        """Say once that the flow is slow: nothing of the works arrives while it runs."""
        self._recent_costs_s.append(self._last_run_cost_s)
        costs_s = self._recent_costs_s
        if 0 < len(costs_s) == costs_s.maxlen and sum(costs_s) > _SLOW_RUN_S * len(costs_s):
            self._recent_costs_s = deque(maxlen=0)  # not again
            # By Python's own means, as the predecessor did: people filter it and test for it.
            warnings.warn_explicit(
                f"the flow's run takes {sum(costs_s) / len(costs_s):.1f} s on average; works' "
                "changes wait for it. Move what takes long into a work",
                SlowFlowWarning,
                *place_of(self._root.run),
            )

    def _gather(self) -> None:
        """Let more come, soon after a run: under a flood each run then takes in several batches.

        A sleep and not a wait, as waking for each of them is most of what they cost.
        """
        left_s = self._last_run_end_s + _GATHER_S - time.perf_counter()
        if left_s > 0:
            time.sleep(left_s)

    def _keep_gap(self) -> bool:
        """Leave time between two runs while changes keep coming; go on at once when they stop.

        Returns:
            Whether any time was left, in which something may have come.
        """
        has_waited = False
        due_s = self._last_run_end_s + min(self._last_run_cost_s, _MAX_GAP_S)
        while (left_s := due_s - time.perf_counter()) > 0:
            has_waited = True
            if not self._hub.wait(min(left_s, _QUIET_S)):
                break
        return has_waited

    # --- what others did -------------------------------------------------------------------------

    def _merge(self) -> None:
        """Take in all that happened since the last time, in the order it did."""
        for name, merged in self._hub.merge():
            work = self._works.get(name)
            if work is not None:
                self._take_in(work, merged)
        for event in self._hub.take_events():
            self._handle(event)
        self._timers.run_due()
        if self._statuses.has_parts:
            self._run_is_due = True
        self._changes.commit_news()

    def _take_in(self, work: Work, merged: Merged) -> None:
        if merged.ops:
            work._lightgrid_node.receive(merged.ops)
            self._processes.changed(work)
            self._observer.work_changed(work.name, merged.told_ops)
            self._run_is_due = True
        for update in merged.calls:
            self._take_call_update(work, update)

    def _take_call_update(self, work: Work, update: CallUpdate) -> None:
        if not self._processes.call_moved(work, update):
            self._run_is_due = True
            return
        stage, reason, message = _STAGES[update.state], StatusReason.NONE, ""
        if update.error is not None:
            message = update.error.trace or f"{update.error.type_name}: {update.error.message}"
            reason = _REASONS.get(update.error.type_name, StatusReason.USER_EXCEPTION)
        elif update.state is CallState.CANCELLED:
            reason = StatusReason.CANCELLED
        if not self._statuses.call_moved(
            work, update.call_id, stage, reason, message, update.result
        ):
            return
        self._run_is_due = True
        if stage is WorkStage.FAILED and work.raise_exception:
            raise WorkFailedError(work.name, message)

    def _handle(self, event: Event) -> None:
        if isinstance(event, OutsideUpdate):
            self._apply_outside(event)
            return
        self._run_is_due = True
        if isinstance(event, Exited):
            self._processes.exited(event)
            return
        work = self._works.get(event.work)
        if work is None:
            return
        match event:
            case Joined():
                self._processes.joined(work)
            case Silent():
                if not self._processes.lost(work):
                    self._statuses.running_calls_said(
                        work,
                        StatusReason.UNRESPONSIVE,
                        "the process lives but was not heard of for its lease",
                    )
            case Heard():
                self._statuses.running_calls_said(work, StatusReason.NONE)
            case Left():
                pass

    def _apply_outside(self, update: OutsideUpdate) -> None:
        if not update.answer.set_running_or_notify_cancel():
            return
        try:
            by_node = [(self._declaring_node(op), op) for op in update.ops]
            change = self._hub.apply_outside(update)
        except LightgridError as error:
            update.answer.set_exception(error)
            return
        for node, op in by_node:
            node.receive([within(op, len(node.vars_place))])
        self._run_is_due = True
        update.answer.set_result(change.revision)

    def _declaring_node(self, op: Op) -> Node:
        """Return the node of the component whose declared variable an op changes."""
        component: Component | None = self._root
        path = op.path
        while component is not None and len(path) >= 2 and path[0] != "vars":
            component = component._lightgrid_node.children.get(path[0], {}).get(path[1])
            path = path[2:]
        node = None if component is None else component._lightgrid_node
        if node is None or len(path) < 2 or path[0] != "vars" or path[1] not in node.names:
            raise RefusedError(
                Reason.NO_SUCH_PATH,
                f"{'.'.join(op.path) or 'the root'} is no declared variable of a component; only "
                "these can be changed from outside",
                {"path": ".".join(op.path)},
            )
        if type(op) is Remove and len(path) == 2:
            raise RefusedError(
                Reason.NOT_ALLOWED,
                f"{path[1]} is a variable and cannot be removed",
                {"path": ".".join(op.path)},
            )
        return node

    # --- Backend: what components ask for --------------------------------------------------------

    def changed(self, node: Node) -> None:
        """See `Backend.changed`."""
        self._changes.note(node)
        self._is_touched = True

    def attached(self, component: Component) -> None:
        """See `Backend.attached`."""
        self._changes.add_component(component)
        self._is_touched = True
        self._join(component)

    def detached(self, component: Component) -> None:
        """See `Backend.detached`."""
        for one in component._lightgrid_node.walk():
            node = one._lightgrid_node
            self._changes.forget(node)
            if isinstance(one, Work):
                self._statuses.open_calls_moved(one, WorkStage.STOPPED, StatusReason.DELETED)
                self._processes.remove(one)
                del self._works[node.name]
                self._hub.process_gone(node.name, None)  # what it still sends counts no more
                self._hub.remove_work(node.name)
                self._observer.work_removed(node.name)
            node.backend, node.notify = None, None
        self._changes.commit_news()
        self._changes.remove_component(component)
        self._is_touched = True

    def call(self, work: Work, key: str, args: Sequence[Any], kwargs: Mapping[str, Any]) -> None:
        """See `Backend.call`."""
        if self._changes.commit_work(work):
            self._run_is_due = True
        call_id = secrets.token_hex(16)
        run = Run(call_id)
        pack_arguments(run, args, kwargs, work)
        self._statuses.call_made(work, key, call_id)
        self._processes.call(work, run)

    def start(self, work: Work) -> None:
        """See `Backend.start`."""
        if self._changes.commit_work(work):
            self._run_is_due = True
        self._processes.start(work)

    def stop(self, work: Work) -> None:
        """See `Backend.stop`."""
        if not work.has_stopped:
            self._processes.stop(work)

    def forget(self, work: Work, key: str) -> None:
        """See `Backend.forget`."""
        self._statuses.call_forgotten(work, key)
        self._run_is_due = True

    def scheduled(self, owner: Component, key: str, schedule: Schedule) -> None:
        """See `Backend.scheduled`."""
        self._arm(schedule)
        place = owner._lightgrid_node.place
        if len(owner._lightgrid_own_state()["calls"]["scheduling"]) == 1:
            self._changes.write(place, Set(("calls", "scheduling"), {}))
        self._changes.write(place, Set(("calls", "scheduling", key), schedule.to_value()))

    def _arm(self, schedule: Schedule) -> None:
        # A little late rather than a little early: the two clocks may differ by a tick.
        delay_s = max(0.0, schedule.next_s - time.time()) + 0.001
        self._timers.after(delay_s, self._run_again)

    def _run_again(self) -> None:
        self._run_is_due = True

    def _join(self, component: Component) -> None:
        for one in component._lightgrid_node.walk():
            node = one._lightgrid_node
            node.backend = self
            node.hold_containers(self._changes.lent, of_work=isinstance(one, Work))
            node.notify = functools.partial(self.changed, node)
            node.forget_changes()
            if isinstance(one, Work):
                one._lightgrid_join_flow()
                self._works[node.name] = one
                self._hub.add_work(
                    node.name,
                    node.vars_place,
                    node.variables(),
                    receives_updates=one.receive_updates,
                    is_program=one._lightgrid_program((), {}) is not None,
                )
                self._statuses.process_moved(one, WorkStage.NOT_STARTED)
                self._observer.work_added(node.name)
            elif isinstance(one, Flow):
                for schedule in one._schedules.values():
                    self._arm(schedule)

    # --- the end ---------------------------------------------------------------------------------

    def _end(self, outcome: Outcome, interruption: Interruption) -> None:
        """End all works in order, taking in what they still say; kill what does not end."""
        self._set_stage(AppStage.STOPPING)
        self._hub.close()
        works = list(self._works.values())
        for work in works:
            if self._processes.is_active(work):
                self._processes.stop(work)
        presses = interruption.count
        while self._processes.has_processes:
            self._changes.commit_news()
            self._hub.wait(0.5)
            if interruption.count > presses:
                self._processes.kill_all()
            with suppress(WorkFailedError):
                self._merge()
        self._set_stage(outcome.stage)

    def _set_stage(self, stage: AppStage) -> None:
        self.stage = stage
        self._changes.commit_news()
        self._hub.commit("root", [(("app_state",), [Set(("stage",), str(stage))])])

    @property
    def _processes(self) -> Supervisor:
        assert self._supervisor is not None
        return self._supervisor


_STAGES: Final = {
    CallState.RUNNING: WorkStage.RUNNING,
    CallState.SUCCEEDED: WorkStage.SUCCEEDED,
    CallState.FAILED: WorkStage.FAILED,
    CallState.CANCELLED: WorkStage.STOPPED,
}
_REASONS: Final = {
    "InvalidReturnValue": StatusReason.INVALID_RETURN_VALUE,
    "UnsupportedValueError": StatusReason.INVALID_STATE,
    "ProcessDied": StatusReason.PROCESS_DIED,
}
