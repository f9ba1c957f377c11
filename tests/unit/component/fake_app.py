"""A backend without processes: what it is asked for is written down."""

from __future__ import annotations

import contextlib
import functools

from lightgrid.component.calling import run_by_calls
from lightgrid.component.calls import CallPending
from lightgrid.component.component import note_reads
from lightgrid.component.node import node_of
from lightgrid.component.passes import Passes
from lightgrid.component.status import StatusReason, WorkStage, WorkStatus
from lightgrid.component.work_node import WorkNode


class FakeApp:
    """Runs the components below a root as an app does, but executes nothing.

    Attributes:
        calls: The calls that were made: name of the work, arguments.
        changed_nodes: What is to be collected.
        log: Everything else that was asked for.
    """

    run_count = 0

    def __init__(self, root):
        self.passes = Passes()
        self.calls = []
        self.changed_nodes = {}
        self.log = []
        self.lent = {}
        self._clock = 0
        note_reads()
        self.attached(node_of(root))

    def attached(self, node):
        self.log.append(("attached", node.name))
        for one in node.walk():
            one.backend = self
            one.hold_containers(self.lent)
            one.notify = functools.partial(self.changed, one)
            one.forget_changes()
            if isinstance(one, WorkNode):
                run_by_calls(one)

    def detached(self, node):
        self.log.append(("detached", node.name))
        for one in node.walk():
            one.backend = one.notify = None

    def changed(self, node):
        self.changed_nodes[node] = None

    def collect(self):
        """The names that would be compared, by component; what a run of the flow ends with."""
        nodes, self.changed_nodes = self.changed_nodes, {}
        found = {node.name: node.take_changed_names() for node in nodes}
        self.lent.clear()
        for node in nodes:
            node.held.part()
        return {name: names for name, names in found.items() if names}

    def call(self, work, key, args, kwargs):
        self.calls.append((work.name, args, kwargs))
        work.calls.add(key, f"call {len(self.calls)}", self._status(WorkStage.PENDING))
        work.calls.forget_oldest()

    def cancel(self, work, call_id):
        status = WorkStatus(WorkStage.STOPPED, StatusReason.CANCELLED)
        work.calls.advance(call_id, status)

    def forget(self, work, key):
        self.log.append(("forgotten", work.name))
        work.calls.forget(key)

    def stop(self, work):
        self.log.append(("stop", work.name))

    def moved(self, work, stage, reason=StatusReason.NONE, result=None):
        """The newest call of a work gets to another stage."""
        call_id = node_of(work).calls.latest.call_id
        record = node_of(work).calls.advance(call_id, self._status(stage, reason, result))
        node_of(work).calls.forget_oldest()
        node_of(work).calls.drop_content()
        return record

    def run(self, run):
        """Run the flow once, as an app does; tell whether it came to its end."""
        number = self.passes.number
        self.passes.begin_run()
        with contextlib.suppress(CallPending):
            run()
        self.is_run_due = self.passes.end_run()
        return self.passes.number > number

    def _status(self, stage, reason=StatusReason.NONE, result=None):
        self._clock += 1
        return WorkStatus(stage, reason, "", float(self._clock), result)
