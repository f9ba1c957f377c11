"""What the components of a running app ask for."""

from __future__ import annotations

import functools
import secrets
import time
from collections.abc import Mapping, Sequence
from typing import Any

from lightgrid.component.calling import run_by_calls
from lightgrid.component.flow_node import FlowNode
from lightgrid.component.node import Node
from lightgrid.component.passes import Passes
from lightgrid.component.schedule import Schedule
from lightgrid.component.status import StatusReason, WorkStage
from lightgrid.component.work_node import WorkNode
from lightgrid.protocol.messages import Run
from lightgrid.runtime.hub import Hub
from lightgrid.runtime.loop.arguments import pack_arguments
from lightgrid.runtime.loop.flow_changes import FlowChanges
from lightgrid.runtime.loop.outputs import Outputs
from lightgrid.runtime.loop.runs import Runs
from lightgrid.runtime.loop.statuses import StatusWriter
from lightgrid.runtime.loop.supervision import Supervisor
from lightgrid.runtime.loop.timers import Timers
from lightgrid.runtime.reporting.observer import Observer
from lightgrid.state.delta import Set
from lightgrid.state.layout import CALLS
from lightgrid.state.values import copy_value


class FlowBackend:
    """The `Backend` of an app's components. For the flow's thread.

    What the flow reads of works is so at once: a call is pending, a work stopped. What
    others see of it waits in `outputs` while the flow's `run` goes on.

    Attributes:
        works: All works of the tree, by name.
        is_touched: State of a component changed, since this was last taken back.
    """

    def __init__(
        self,
        hub: Hub,
        outputs: Outputs,
        changes: FlowChanges,
        statuses: StatusWriter,
        supervisor: Supervisor,
        runs: Runs,
        timers: Timers,
        observer: Observer,
    ) -> None:
        self._hub = hub
        self._outputs = outputs
        self._changes = changes
        self._statuses = statuses
        self._supervisor = supervisor
        self._runs = runs
        self._timers = timers
        self._observer = observer
        self.works: dict[str, WorkNode] = {}
        self.is_touched = False

    @property
    def run_count(self) -> int:
        """See `Backend.run_count`."""
        return self._runs.passes.run

    @property
    def passes(self) -> Passes:
        """See `Backend.passes`."""
        return self._runs.passes

    def changed(self, node: Node) -> None:
        """Note that state of a component changed, or may have changed in place."""
        self._changes.note(node)
        self.is_touched = True

    def attached(self, node: Node) -> None:
        """See `Backend.attached`."""
        self._changes.add_component(node)
        self.is_touched = True
        self.join(node)

    def detached(self, node: Node) -> None:
        """See `Backend.detached`."""
        for one in node.walk():
            self._changes.forget(one)
            if isinstance(one, WorkNode):
                self._leave(one)
            one.backend, one.notify = None, None
        self._changes.remove_component(node)
        self.is_touched = True
        self._go_out()

    def call(
        self, work: WorkNode, key: str, args: Sequence[Any], kwargs: Mapping[str, Any]
    ) -> None:
        """See `Backend.call`."""
        self._changes.capture(work)
        run = Run(secrets.token_hex(16))
        pack_arguments(run, args, kwargs, work)
        self._statuses.call_made(work, key, run.call_id)
        self._supervisor.call(work, run)
        self._go_out()

    def start(self, work: WorkNode) -> None:
        """See `Backend.start`."""
        self._changes.capture(work)
        self._supervisor.start(work)
        self._go_out()

    def stop(self, work: WorkNode) -> None:
        """See `Backend.stop`."""
        # A call that was cancelled has stopped, and the work has not.
        has_stopped = work.process_status.stage is WorkStage.STOPPED
        if work.status.stage is not WorkStage.STOPPED or not has_stopped:
            self._supervisor.stop(work)
            self._go_out()

    def cancel(self, work: WorkNode, call_id: str) -> None:
        """See `Backend.cancel`."""
        self._supervisor.cancel(work, call_id)
        self._go_out()

    def forget(self, work: WorkNode, key: str) -> None:
        """See `Backend.forget`."""
        self._statuses.call_forgotten(work, key)
        self._runs.ask_for_one()

    def scheduled(self, flow: FlowNode, key: str, schedule: Schedule) -> None:
        """See `Backend.scheduled`."""
        self._arm(schedule)
        place = flow.place
        if len(flow.schedules) == 1:
            self._changes.write(place, Set((CALLS, "scheduling"), {}))
        self._changes.write(place, Set((CALLS, "scheduling", key), schedule.to_value()))

    def join(self, node: Node) -> None:
        """Let a component, with all below it, be part of the app."""
        for one in node.walk():
            one.backend = self
            one.hold_containers(self._changes.lent)
            one.notify = functools.partial(self.changed, one)
            one.forget_changes()
            if isinstance(one, WorkNode):
                self._join_work(one)
            elif isinstance(one, FlowNode):
                for schedule in one.schedules.values():
                    self._arm(schedule)

    def _join_work(self, work: WorkNode) -> None:
        run_by_calls(work)
        self.works[work.name] = work
        add = functools.partial(
            self._hub.add_work,
            work.name,
            work.vars_place,
            copy_value(work.variables()),
            receives_updates=work.options.receive_updates,
            # Now, as the flow may read at once with which token a process dials in.
            generation=self._hub.works.new_generation(work.name),
        )
        self._outputs.step(add)
        self._statuses.process_moved(work, WorkStage.NOT_STARTED)
        self._observer.work_added(work.name)

    def _leave(self, work: WorkNode) -> None:
        name = work.name

        def remove() -> None:
            self._hub.process_gone(name, None)  # what it still sends counts no more
            self._hub.remove_work(name)

        self._statuses.open_calls_moved(work, WorkStage.STOPPED, StatusReason.DELETED)
        self._supervisor.remove(work)
        self._outputs.step(remove)
        del self.works[name]
        self._observer.work_removed(name)

    def _arm(self, schedule: Schedule) -> None:
        # A little late rather than a little early: the two clocks may differ by a tick.
        delay_s = max(0.0, schedule.next_s - time.time()) + 0.001
        self._timers.after(delay_s, self._runs.ask_for_one)

    def _go_out(self) -> None:
        """Let what was asked for go out, unless the flow's run is asking."""
        if not self._outputs.is_held:
            self._outputs.send()
