"""A hub, and what stands around it in the flow's thread, without processes."""

from lightgrid.component.component import note_reads
from lightgrid.component.node import node_of
from lightgrid.component.work_node import WorkNode
from lightgrid.runtime.hub import Hub
from lightgrid.runtime.loop.outputs import Outputs
from lightgrid.runtime.loop.statuses import StatusWriter
from lightgrid.runtime.reporting.observer import Observer
from lightgrid.state.delta import Set


class Recorder(Observer):
    """Notes the statuses that it is told."""

    def __init__(self):
        self.told = []

    def work_status(self, work, status):
        self.told.append((work, str(status.stage), str(status.reason)))


class FlowParts:
    """The tree of a root flow in a hub, whose works are served."""

    def __init__(self, root, clock=None, observer=None):
        note_reads()
        self.root = root
        self.hub = Hub()
        self.lent = {}
        self.outputs = Outputs(self.hub)
        self.observer = observer or Recorder()
        more = {} if clock is None else {"clock": clock}
        self.statuses = StatusWriter(self.observer, self.outputs, **more)
        self.hub.commit("root", [((), [Set((), root.state)])])
        for node in node_of(root).walk():
            node.hold_containers(self.lent)
            node.forget_changes()
            if isinstance(node, WorkNode):
                self.hub.add_work(
                    node.name, node.vars_place, node.variables(), receives_updates=False
                )

    def tree(self, *path):
        return self.hub.read(path)[1]

    def ops_since(self, revision):
        changes = self.hub.changes_since(revision)
        return [
            (*place, *op.path) for change in changes for place, ops in change.parts for op in ops
        ]

    def commands_of(self, work):
        """What a work that joins now is told."""
        session = self.hub.works.register(work.name, "i", (), "test").session_id
        stream = self.hub.works.open_stream(session, "commands")
        return self.hub.works.commands(stream, include_state=False)
