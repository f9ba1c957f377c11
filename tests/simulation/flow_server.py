"""The flow server: what it does with each message, and what the flow's loop does.

It is the model of the servicers and of the app's loop, around the real
`WorkLink` and `StateTree`. What the simulation checks is told to `world`.
"""

from simulation.edits import first_variables, ops_by_flow
from simulation.network import LOST, Ended, Opening, Register, Release

from lightgrid.errors import Reason, RefusedError
from lightgrid.protocol.link import Settings, WorkLink
from lightgrid.protocol.messages import CallError, Run
from lightgrid.protocol.told import Told
from lightgrid.state.tree import StateTree
from lightgrid.state.values import copy_value

LEASE_S = 30.0


class FlowServer:
    """A flow, its tree, and its end of every work."""

    def __init__(self, world, kinds):
        self.world = world
        self.settings = Settings(lease_ttl_s=LEASE_S)
        nodes = {name: {"vars": first_variables()} for name in kinds}
        self.tree = StateTree("tree", {"works": nodes})
        self.links = {
            name: WorkLink(
                name, first_variables(), self.settings, receives_updates=kind == "updates"
            )
            for name, kind in kinds.items()
        }
        self.command_streams = []

    def view(self, name):
        return self.tree.root["works"][name]["vars"]

    def is_reading(self, stream):
        """Tell whether it reads on: it stops while too much is taken and not yet applied."""
        return stream.kind != "deltas" or self.links[stream.process.name].replica.has_room

    # --- what works say --------------------------------------------------------

    def receive(self, stream, message):
        """Answer one message; a refusal ends its stream."""
        link = self.links[stream.process.name]
        try:
            if message is LOST or isinstance(message, Ended):
                self.on_end(link, stream, message)
            elif isinstance(message, Register):
                self.on_register(link, stream, message)
            elif isinstance(message, Release):
                link.session_of(message.session_id)
                link.release(message.final_seq)
                self.world.released(link)
                stream.end_by_server(Ended())
            elif isinstance(message, Opening):
                self.on_opening(link, stream, message)
            elif link.offer(stream.number, message, self.world.now_s):
                self.world.taken(link, stream)
            else:
                self.world.heard(link, stream)
        except RefusedError as error:
            self.world.refused(link, stream, error)
            self.close(link, stream)
            stream.end_by_server(Ended(error))

    def on_register(self, link, stream, message):
        session_id = self.world.new_session_id()
        before = link.session
        self.world.registering(link, message.instance_id)
        registration = link.register(
            message.instance_id, session_id, message.features, self.world.now_s
        )
        self.world.registered(link, before, stream)
        stream.send_down(registration)
        stream.server_open = False

    def on_opening(self, link, stream, message):
        stream.session = link.session_of(message.session_id)
        stream.number = stream.session.open_stream(stream.kind)
        if stream.kind == "commands":
            stream.told = Told(revision=message.seen_revision)
            state = self.view(link.name) if message.include_state else None
            for command in link.commands(stream.told, include_state=state):
                stream.send_down(command)
            if message.include_state:
                self.world.told_state(link)
            self.command_streams.append(stream)

    def on_end(self, link, stream, message):
        """Note a loss, or answer a work that half-closed."""
        current = self.is_current(link, stream)
        self.close(link, stream)
        if isinstance(message, Ended):
            if current:
                stream.end_by_server(Ended(acked_seq=link.acked_seq))
            else:
                error = RefusedError(Reason.STREAM_SUPERSEDED, "another stream took over")
                stream.end_by_server(Ended(error))
        stream.server_open = False

    def is_current(self, link, stream):
        session = stream.session
        return (
            session is not None
            and session is link.session
            and session.is_live(stream.kind, stream.number)
        )

    def close(self, link, stream):
        if stream.session is None:
            return
        if stream.kind == "deltas" and link.session is stream.session:
            link.close_delta_stream(stream.number)
        else:
            stream.session.close_stream(stream.kind, stream.number)

    # --- what it does by itself ----------------------------------------------------

    def turn(self):
        """Tell works what holds, and look at leases."""
        for stream in list(self.command_streams):
            link = self.links[stream.process.name]
            if not stream.server_open:
                self.command_streams.remove(stream)
            elif self.is_current(link, stream):
                for command in link.commands(stream.told):
                    stream.send_down(command)
            else:
                self.command_streams.remove(stream)
                error = RefusedError(Reason.STREAM_SUPERSEDED, "another stream took over")
                stream.end_by_server(Ended(error))

    def watch_leases(self):
        """Give up works that were silent for too long.

        A stream that is not read is alive: what it has to say waits here. A
        process that was launched and lives is unresponsive, but not gone.
        """
        for link in self.links.values():
            if link.is_held and "deltas" in link.session.streams and not link.replica.has_room:
                link.renew(link.session.streams["deltas"], self.world.now_s)
                self.world.heard(link, None)
            elif link.is_lost(self.world.now_s):
                holder = self.world.process(link.session.instance_id)
                if not (holder.launched and holder.is_alive):
                    self.give_up(link, "Lost")

    def launch(self, name):
        """Return what the flow gives a process to start with: the variables as it sees them."""
        self.run()
        self.links[name].process_starts()
        return copy_value(self.view(name)), self.tree.revision

    def notice_exit(self, process):
        """Hear from the launcher that a process has ended: maybe it is not the holder."""
        link = self.links[process.name]
        if link.is_held and link.session.instance_id == process.instance_id:
            self.give_up(link, "ProcessExited")

    def give_up(self, link, why):
        self.world.given_up(link)
        link.process_gone(CallError(why, why))

    def rotate(self, stream):
        """Answer OK early, as a server that drains does."""
        link = self.links[stream.process.name]
        if stream.server_open and stream.session is not None:
            current = self.is_current(link, stream)
            self.close(link, stream)
            stream.end_by_server(Ended(acked_seq=link.acked_seq if current else 0))

    # --- the flow ------------------------------------------------------------------

    def run(self):
        """Bring in what was taken, as one step of the tree for each work."""
        for name, link in self.links.items():
            merged = link.merge(self.view(name))
            if merged.ops:
                self.tree.commit(name, [(("works", name, "vars"), merged.ops)], self.world.now_s)
            self.world.merged(link, merged)

    def write(self, name):
        """Change a work's variables, as the flow's run or someone outside does."""
        ops = ops_by_flow(self.world.rng, self.view(name), self.world.token())
        change = self.tree.commit("root", [(("works", name, "vars"), ops)], self.world.now_s)
        self.links[name].replica.write(ops, change.revision, self.view(name))
        self.world.written(self.links[name], ops, change.revision)

    def call(self, name):
        """Make a run call. Equal arguments do not make two calls one."""
        run = Run(f"call-{self.world.token()}", args=(1,))
        self.links[name].call(run)
        self.world.called(self.links[name], run)

    def forget(self, name):
        """Ask for a snapshot by refusing what is no snapshot, as after a misfit."""
        self.links[name]._intake.snapshot_required = True
