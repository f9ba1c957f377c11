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
from typing import Any

from lightgrid.component.backend import flow_code
from lightgrid.component.calls import CallPending
from lightgrid.component.component import note_reads
from lightgrid.component.flow import Flow, FlowExit
from lightgrid.component.node import node_of
from lightgrid.component.status import StatusReason
from lightgrid.component.work_node import WorkNode
from lightgrid.errors import SlowFlowWarning, place_of, short_name
from lightgrid.protocol.events import Heard, Joined, Silent
from lightgrid.protocol.merged import Merged
from lightgrid.runtime.hub import Hub
from lightgrid.runtime.hub.ask import Ask
from lightgrid.runtime.launch.events import LaunchEvent
from lightgrid.runtime.launch.places import Places
from lightgrid.runtime.loop.flow_backend import FlowBackend
from lightgrid.runtime.loop.flow_changes import FlowChanges
from lightgrid.runtime.loop.interruption import Interruption
from lightgrid.runtime.loop.outputs import Outputs
from lightgrid.runtime.loop.runs import Runs
from lightgrid.runtime.loop.statistics import AppStatistics, LoopStatistics
from lightgrid.runtime.loop.statuses import StatusWriter
from lightgrid.runtime.loop.supervision import Supervisor, Surroundings
from lightgrid.runtime.loop.timers import Timers
from lightgrid.runtime.reporting.logs import LogFollower
from lightgrid.runtime.reporting.observer import Observer
from lightgrid.runtime.reporting.outcome import AppStage, Outcome, judge_app
from lightgrid.state.delta import Set
from lightgrid.state.layout import APP_STATE


class AppLoop:
    """Runs a root flow until it ends.

    Everything but `__init__` and `statistics` happens in one thread, the one that calls `run`.

    Attributes:
        hub: What it shares with the server's thread: ask there for what is to be done.
        stage: What the app is doing.
        runs: When the flow runs, and how often it did.
        timers: What is due at a time.
    """

    def __init__(
        self,
        root: Flow,
        hub: Hub,
        launcher: Places,
        logs: LogFollower,
        surroundings: Surroundings,
        observer: Observer,
    ) -> None:
        self._root = root
        self.hub = hub
        self._observer = observer
        self._outputs = Outputs(hub)
        self._statuses = StatusWriter(observer, self._outputs)
        self.timers = Timers()
        self.runs = Runs(hub.wait)
        self._changes = FlowChanges(hub, self._outputs)
        self._supervisor = Supervisor(
            hub, self._outputs, launcher, logs, self._statuses, self.timers, surroundings, observer
        )
        self._backend = FlowBackend(
            hub, self._outputs, self._changes, self._statuses, self._supervisor, self.runs,
            self.timers, observer,
        )  # fmt: skip
        self._ask_count = 0
        self._said_lost: set[tuple[WorkNode, str]] = set()
        self.stage = AppStage.STARTING
        note_reads()
        root_state = {**root.state, APP_STATE: {"stage": str(AppStage.STARTING)}}
        hub.commit("root", [((), [Set((), root_state)])])
        self._backend.join(node_of(root))
        self._outputs.send()

    def statistics(self) -> AppStatistics:
        """Return what there is to know of the app now. For any thread."""
        loop = LoopStatistics(
            runs=self.runs.passes.run,
            wake_ups=self.runs.wake_count,
            asks=self._ask_count,
            works=len(self._backend.works),
            processes=self._supervisor.process_count,
            timers=len(self.timers),
            idle_s=self.runs.idle_s,
        )
        return AppStatistics(loop, self.hub.statistics())

    # --- the loop --------------------------------------------------------------------------------

    def run(self, interruption: Interruption) -> Outcome:
        """Start the works, run the flow until it ends, and end the works."""
        try:
            outcome = self._run_until_end(interruption)
        except BaseException as error:  # a fault of ours: the works must end all the same
            outcome = Outcome(1, f"internal error: {error!r}", error)
        self._end(outcome, interruption)
        return outcome

    def _run_until_end(self, interruption: Interruption) -> Outcome:
        for work in tuple(self._backend.works.values()):
            if work.options.start_with_flow:
                self._supervisor.start(work)
        self._set_stage(AppStage.RUNNING)
        runs = self.runs
        has_merged = False
        outcome = self._judge(interruption)
        while outcome is None:
            if interruption.count:
                return Outcome(interruption.exit_code, "interrupted")
            if runs.is_due:
                if runs.keep_gap() or not has_merged:
                    outcome = self._come_up_to_date(interruption)
                runs.is_due = has_merged = False
                outcome = outcome or self._run_flow(interruption)
            else:
                runs.sleep(self.timers.pause_s())
                outcome = self._come_up_to_date(interruption)
                has_merged = True
        return outcome

    def _run_flow(self, interruption: Interruption) -> Outcome | None:
        begin_s = time.perf_counter()
        end: BaseException | None = None
        self.runs.passes.begin_run()
        self._outputs.is_held = True
        try:
            with flow_code():
                interruption.call_user_code(self._root.run)
        except CallPending:
            pass
        except BaseException as error:  # whatever it is, it is the user's
            end = error
        self._outputs.is_held = False
        self.runs.ended(begin_s)
        outcome = self._let_out(interruption, end)
        if outcome is not None:
            return outcome
        if self.runs.passes.end_run():
            self.runs.ask_for_one()
        self._backend.is_touched = False
        try:
            self._warn_if_slow()
        except SlowFlowWarning as error:  # where the user has it raised
            end = error
        self._observer.flow_ran()
        # Who looks at containers may keep and change them: such changes are to be committed
        # before anything is merged into them.
        if self._backend.is_touched or end is not None:
            return self._let_out(interruption, end)
        return self._judge(interruption)

    def _let_out(self, interruption: Interruption, end: BaseException | None) -> Outcome | None:
        """Let out what the flow did, whatever ended its run, and judge what comes of it."""
        has_changes, errors = self._changes.send()
        if has_changes:
            self.runs.ask_for_one()
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
        slow_s = self.runs.slow_s()
        if slow_s is not None:
            # By Python's own means, as the predecessor did: people filter it and test for it.
            warnings.warn_explicit(
                f"the flow's run takes {slow_s:.1f} s on average; works' changes wait for it. "
                "Move what takes long into a work",
                SlowFlowWarning,
                *place_of(self._root.run),
            )

    # --- what others ask -------------------------------------------------------------------------

    def _come_up_to_date(self, interruption: Interruption) -> Outcome | None:
        """Do what others ask for, take in what they did, and judge it.

        What they ask for comes first: it finds what the last run of the flow has left.
        """
        for _ in range(len(self.hub.asks)):  # not what comes meanwhile: the flow has its turn
            outcome = self._do(self.hub.asks.take(), interruption)
            if outcome is not None:
                return outcome
        self._take_in()
        return self._judge(interruption)

    def _do(self, ask: Ask, interruption: Interruption) -> Outcome | None:
        """Do one thing that was asked for.

        What it asks of works goes out at once, as it may take its time: a test stands still
        in it. What it changed goes out when it is over, as after a run of the flow.
        """
        if not ask.answer.set_running_or_notify_cancel():
            return None
        result: Any = None
        end: FlowExit | None = None
        error: BaseException | None = None
        self._ask_count += 1
        try:
            with flow_code():
                result = ask.do(self._root)
        except CallPending:
            pass  # the call is made; whoever asks does not wait for its end
        except FlowExit as exit_:
            end = exit_
        except BaseException as raised:  # it is for who asks
            error = raised
        outcome = self._let_out(interruption, end)
        if error is None:
            self.runs.ask_for_one()
            ask.answer.set_result(result)
        else:
            ask.answer.set_exception(error)
        return outcome

    # --- what others did -------------------------------------------------------------------------

    def _take_in(self) -> None:
        """Take in all that happened since the last time, and then what it means.

        Events are taken before batches are merged: what a process sent before it
        ended is in the merge that its end is judged after.
        """
        events = self.hub.take_events()
        for event in events:
            if isinstance(event, LaunchEvent):
                self._supervisor.take_launch(event)
            elif isinstance(event, Joined) and event.work in self._backend.works:
                self._supervisor.joined(self._backend.works[event.work], event)
        for name, merged in self.hub.merge():
            work = self._backend.works.get(name)
            if work is not None:
                self._take_merged(work, merged)
        if events:
            self._supervisor.judge_exits()
            self.runs.ask_for_one()
            for event in events:
                if isinstance(event, Silent | Heard) and event.work in self._backend.works:
                    self._take_silence(self._backend.works[event.work], event)
        self.timers.run_due()
        if self._outputs.has_any:
            self.runs.ask_for_one()
            self._outputs.send()

    def _take_merged(self, work: WorkNode, merged: Merged) -> None:
        if merged.ops:
            work.receive(merged.ops)
            self._supervisor.changed(work)
            self._observer.work_changed(work.name, merged.told_ops)
            self.runs.ask_for_one()
        for update in merged.calls:
            self._supervisor.call_moved(work, update)
        for variable in merged.lost:
            self._say_lost(work, variable)

    def _say_lost(self, work: WorkNode, variable: str) -> None:
        """Say once that the work has put a value in place of what the flow wrote."""
        if (work, variable) in self._said_lost:
            return
        self._said_lost.add((work, variable))
        name = short_name(work.name)
        advice = f"Make {name} with receive_updates=True to have it see what is written meanwhile"
        if work.options.receive_updates:
            advice = 'The process that has joined lists no feature "updates"'
        self._observer.said(
            f"{name}.{variable}: {name} has changed it without seeing what the flow had written "
            f"there, which is lost. {advice}",
            is_problem=True,
        )

    def _take_silence(self, work: WorkNode, event: Silent | Heard) -> None:
        """Note that a work is not heard of, or is again."""
        if isinstance(event, Heard):
            self._statuses.running_calls_said(work, StatusReason.NONE)
        elif not self._supervisor.lost(work):
            self._statuses.running_calls_said(
                work,
                StatusReason.UNRESPONSIVE,
                "the process lives but was not heard of for its lease",
            )

    # --- the end ---------------------------------------------------------------------------------

    def _end(self, outcome: Outcome, interruption: Interruption) -> None:
        """End all works in order, taking in what they still say; kill what does not end."""
        self._set_stage(AppStage.STOPPING)
        self.hub.close()
        for work in list(self._backend.works.values()):
            if self._supervisor.is_active(work):
                self._supervisor.stop(work, StatusReason.APP_ENDED)
        self._outputs.send()
        presses = interruption.count
        while self._supervisor.has_processes:
            self.hub.wait(0.5)
            if interruption.count > presses:
                self._supervisor.kill_all()
            self._take_in()
        self._set_stage(outcome.stage)

    def _set_stage(self, stage: AppStage) -> None:
        self.stage = stage
        self._outputs.tell((APP_STATE,), Set(("stage",), str(stage)))
        self._outputs.send()
