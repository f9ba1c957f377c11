"""The loop of an app: take in what works did, run the flow, let out what it did.

    wait ▸ events ▸ merge ▸ judge ▸ root.run() ▸ collect ▸ commit and command ▸ wait ...

Nothing is merged while the flow runs, so what one run reads is consistent; and nothing
that it does goes out before it is over. What has happened is taken in whole before
anything is made of it: of two failures at one moment none hides the other.
The loop sleeps until something happened.
"""

from __future__ import annotations

import time
import warnings
from collections.abc import Sequence

from lightgrid.component.backend import flow_code
from lightgrid.component.calls import CallPending
from lightgrid.component.component import note_reads
from lightgrid.component.flow import Flow, FlowExit
from lightgrid.component.node import node_of
from lightgrid.component.status import StatusReason
from lightgrid.component.work_node import WorkNode
from lightgrid.errors import SlowFlowWarning, place_of
from lightgrid.protocol.events import Heard, Joined, Silent
from lightgrid.protocol.merged import Merged
from lightgrid.runtime.events import Event, Exited, OutsideUpdate
from lightgrid.runtime.flow_backend import FlowBackend
from lightgrid.runtime.flow_changes import FlowChanges
from lightgrid.runtime.hub import Hub
from lightgrid.runtime.interruption import Interruption
from lightgrid.runtime.launcher import Launcher
from lightgrid.runtime.logs import LogFollower
from lightgrid.runtime.observer import Observer
from lightgrid.runtime.outcome import AppStage, Outcome, judge_app
from lightgrid.runtime.outputs import Outputs
from lightgrid.runtime.outside import apply_outside
from lightgrid.runtime.runs import Runs
from lightgrid.runtime.statuses import StatusWriter
from lightgrid.runtime.supervision import Supervisor, Surroundings
from lightgrid.runtime.timers import Timers
from lightgrid.state.delta import Set
from lightgrid.state.layout import APP_STATE


class AppLoop:
    """Runs a root flow until it ends.

    Everything but `__init__` happens in one thread, the one that calls `run`.
    """

    def __init__(
        self,
        root: Flow,
        hub: Hub,
        launcher: Launcher,
        logs: LogFollower,
        surroundings: Surroundings,
        observer: Observer,
    ) -> None:
        self._root = root
        self._hub = hub
        self._observer = observer
        self._outputs = Outputs(hub)
        self._statuses = StatusWriter(observer, self._outputs)
        self._timers = Timers()
        self._runs = Runs(hub.wait)
        self._changes = FlowChanges(hub, self._outputs)
        self._supervisor = Supervisor(
            hub, self._outputs, launcher, logs, self._statuses, self._timers, surroundings, observer
        )
        self._backend = FlowBackend(
            hub, self._outputs, self._changes, self._statuses, self._supervisor, self._runs,
            self._timers, observer,
        )  # fmt: skip
        self.stage = AppStage.STARTING
        note_reads()
        root_state = {**root.state, APP_STATE: {"stage": str(AppStage.STARTING)}}
        hub.commit("root", [((), [Set((), root_state)])])
        self._backend.join(node_of(root))
        self._outputs.send()

    @property
    def run_count(self) -> int:
        """How often the root flow's `run` was called."""
        return self._runs.passes.run

    @property
    def wake_count(self) -> int:
        """How often the loop woke up."""
        return self._runs.wake_count

    @property
    def idle_s(self) -> float:
        """For how many seconds the flow has not run."""
        return self._runs.idle_s

    @property
    def hub(self) -> Hub:
        """What it shares with the server's thread."""
        return self._hub

    @property
    def timers(self) -> Timers:
        """What is due at a time."""
        return self._timers

    # --- the loop --------------------------------------------------------------------------------

    def run(self, interruption: Interruption) -> Outcome:
        """Start the works, run the flow until it ends, and end the works."""
        try:
            outcome = self._run_until_end(interruption)
        except FlowExit as end:  # of an observer, which is told in the middle of a step
            outcome = Outcome(1 if end.failed else 0, end.message)
        except BaseException as error:  # a fault of ours: the works must end all the same
            outcome = Outcome(1, f"internal error: {error!r}", error)
        self._end(outcome, interruption)
        return outcome

    def _run_until_end(self, interruption: Interruption) -> Outcome:
        for work in tuple(self._backend.works.values()):
            if work.options.start_with_flow:
                self._supervisor.start(work)
        self._set_stage(AppStage.RUNNING)
        runs = self._runs
        has_merged = False
        outcome = self._judge(interruption)
        while outcome is None:
            if interruption.count:
                return Outcome(interruption.exit_code, "interrupted")
            if runs.is_due:
                if runs.keep_gap() or not has_merged:
                    self._take_in()
                    outcome = self._judge(interruption)
                runs.is_due = has_merged = False
                outcome = outcome or self._run_flow(interruption)
            else:
                runs.sleep(self._timers.pause_s())
                self._take_in()
                outcome = self._judge(interruption)
                has_merged = True
        return outcome

    def _run_flow(self, interruption: Interruption) -> Outcome | None:
        begin_s = time.perf_counter()
        end: BaseException | None = None
        self._runs.passes.begin_run()
        self._outputs.is_held = True
        try:
            with flow_code():
                interruption.call_user_code(self._root.run)
        except CallPending:
            pass
        except BaseException as error:  # whatever it is, it is the user's
            end = error
        self._outputs.is_held = False
        self._runs.ended(begin_s)
        outcome = self._let_out(interruption, end)
        if outcome is not None:
            return outcome
        if self._runs.passes.end_run():
            self._runs.ask_for_one()
        self._backend.is_touched = False
        try:
            self._warn_if_slow()
            self._observer.flow_ran()
        except (FlowExit, SlowFlowWarning) as error:  # a warning where the user has it raised
            end = error
        # A test may have changed things there, as the flow's own: they are to be committed
        # before anything is merged into them.
        if self._backend.is_touched or end is not None:
            return self._let_out(interruption, end)
        return self._judge(interruption)

    def _let_out(self, interruption: Interruption, end: BaseException | None) -> Outcome | None:
        """Let out what the flow did, whatever ended its run, and judge what comes of it."""
        has_changes, errors = self._changes.send()
        if has_changes:
            self._runs.ask_for_one()
        return self._judge(interruption, end, errors)

    def _judge(
        self,
        interruption: Interruption,
        end: BaseException | None = None,
        errors: Sequence[Exception] = (),
    ) -> Outcome | None:
        """Return how the app ends by what was taken in and let out; None if it goes on."""
        failures = self._supervisor.take_failures()
        if end is None and not errors and not failures:
            return None
        return judge_app(end, errors, failures, interrupted_code=interruption.exit_code)

    def _warn_if_slow(self) -> None:
        """Say once that the flow is slow: nothing of the works arrives while it runs."""
        slow_s = self._runs.slow_s()
        if slow_s is not None:
            # By Python's own means, as the predecessor did: people filter it and test for it.
            warnings.warn_explicit(
                f"the flow's run takes {slow_s:.1f} s on average; works' changes wait for it. "
                "Move what takes long into a work",
                SlowFlowWarning,
                *place_of(self._root.run),
            )

    # --- what others did -------------------------------------------------------------------------

    def _take_in(self) -> None:
        """Take in all that happened since the last time, and then what it means.

        Events are taken before batches are merged: what a process sent before it
        ended is in the merge that its end is judged after.
        """
        events = self._hub.take_events()
        for event in events:
            if isinstance(event, Exited):
                self._supervisor.take_exit(event)
            elif isinstance(event, Joined) and event.work in self._backend.works:
                self._supervisor.joined(self._backend.works[event.work])
        for name, merged in self._hub.merge():
            work = self._backend.works.get(name)
            if work is not None:
                self._take_merged(work, merged)
        if events:
            self._supervisor.judge_exits()
            for event in events:
                self._take_event(event)
        self._timers.run_due()
        if self._outputs.has_any:
            self._runs.ask_for_one()
            self._outputs.send()

    def _take_merged(self, work: WorkNode, merged: Merged) -> None:
        if merged.ops:
            work.receive(merged.ops)
            self._supervisor.changed(work)
            self._observer.work_changed(work.name, merged.told_ops)
            self._runs.is_due = True
        for update in merged.calls:
            self._supervisor.call_moved(work, update)

    def _take_event(self, event: Event) -> None:
        if isinstance(event, OutsideUpdate):
            if apply_outside(node_of(self._root), self._hub, event):
                self._runs.ask_for_one()
            return
        self._runs.ask_for_one()
        work = self._backend.works.get(event.work)
        if work is None:
            return
        if isinstance(event, Silent) and not self._supervisor.lost(work):
            self._statuses.running_calls_said(
                work,
                StatusReason.UNRESPONSIVE,
                "the process lives but was not heard of for its lease",
            )
        elif isinstance(event, Heard):
            self._statuses.running_calls_said(work, StatusReason.NONE)

    # --- the end ---------------------------------------------------------------------------------

    def _end(self, outcome: Outcome, interruption: Interruption) -> None:
        """End all works in order, taking in what they still say; kill what does not end."""
        self._set_stage(AppStage.STOPPING)
        self._hub.close()
        for work in list(self._backend.works.values()):
            if self._supervisor.is_active(work):
                self._supervisor.stop(work, StatusReason.APP_ENDED)
        self._outputs.send()
        presses = interruption.count
        while self._supervisor.has_processes:
            self._hub.wait(0.5)
            if interruption.count > presses:
                self._supervisor.kill_all()
            self._take_in()
        self._set_stage(outcome.stage)

    def _set_stage(self, stage: AppStage) -> None:
        self.stage = stage
        self._outputs.tell((APP_STATE,), Set(("stage",), str(stage)))
        self._outputs.send()
