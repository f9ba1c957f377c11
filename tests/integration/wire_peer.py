"""A flow server, and works that speak to it with the generated stubs and nothing else of ours.

What stands here is what the author of a worker in another language has: the messages, the
stubs, a token. The flow behind the server is a hub that a test drives by hand.
"""

import queue
import threading
import time
from dataclasses import dataclass, field

import grpc
from google.rpc import error_details_pb2, status_pb2

from lightgrid.protocol.limits import LeaseTerms, Limits
from lightgrid.runtime.hub import Hub
from lightgrid.server.auth import Auth
from lightgrid.server.listen import Listen
from lightgrid.server.rotation import Rotation
from lightgrid.server.server import Server
from lightgrid.state.delta import Set
from lightgrid_protos.v1 import (
    delta_pb2,
    delta_service_pb2,
    delta_service_pb2_grpc,
    state_service_pb2_grpc,
    value_pb2,
    work_service_pb2,
    work_service_pb2_grpc,
)

TIMEOUT_S = 30.0
MIB = 2**20
TERMS = LeaseTerms()
ROTATION = Rotation(300.0, 600.0)
LIMITS = Limits(max_message_bytes=MIB, max_batch_bytes=2 * MIB, max_nodes=1000)
SUCCEEDED = delta_service_pb2.CALL_STATE_SUCCEEDED
RUNNING = delta_service_pb2.CALL_STATE_RUNNING


class WireFlow:
    """A hub and its server; it merges when it is told to, and its time can be put forward."""

    def __init__(self, limits=LIMITS, terms=TERMS, rotation=ROTATION):
        self._ahead_s = 0.0
        self.hub = Hub(limits, terms, clock=lambda: time.monotonic() + self._ahead_s)
        self.auth = Auth()
        self.hub.commit("root", [((), [Set((), {"works": {}})])])
        self.server = Server(self.hub, self.auth, Listen(), rotation)
        self.channel = grpc.insecure_channel(
            self.server.start(), [("grpc.max_send_message_length", -1)]
        )
        self.works = work_service_pb2_grpc.WorkServiceStub(self.channel)
        self.deltas = delta_service_pb2_grpc.DeltaServiceStub(self.channel)
        self.state = state_service_pb2_grpc.StateServiceStub(self.channel)
        self.app_metadata = metadata(self.auth.app_token)
        self.count = 0

    def close(self):
        self.channel.close()
        self.server.stop()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def add(self, variables=None, **options):
        """Return someone who can be a work of his own; the options are those of `add_work`."""
        self.count += 1
        return Peer(self, f"w{self.count}", variables or {"c": 0, "items": []}, options)

    def pass_time(self, seconds):
        """Put the server's clock forward, no faster than it looks at leases."""
        end_s = self._ahead_s + seconds
        while self._ahead_s < end_s:
            self._ahead_s = min(end_s, self._ahead_s + self.hub.works.sweep_interval_s)
            self.hub.works.sweep_leases()


class Peer:
    """Speaks for one work."""

    def __init__(self, flow, name, variables, options):
        self.flow, self.name, self.work = flow, name, f"root.{name}"
        self.place = ("works", name, "vars")
        flow.hub.commit("root", [(("works",), [Set((name,), {"vars": dict(variables)})])])
        options = {"receives_updates": False, **options}
        flow.hub.add_work(self.work, self.place, variables, **options)
        self.token = flow.auth.work_token(self.work, flow.hub.works.generation_of(self.work))
        self.metadata = metadata(self.token)
        self.session_id = ""

    # --- what the flow does and sees -----

    def value(self):
        """Merge, and return the variables."""
        self.merge()
        return self.flow.hub.read(self.place)[1]

    def merge(self):
        """Merge, and return what was said of this work's calls."""
        merged = self.flow.hub.merge()
        return [call for name, news in merged if name == self.work for call in news.calls]

    def write(self, *ops):
        """Write into the variables as a run of the flow does; return the revision."""
        return self.flow.hub.commit_flow([(self.place, list(ops))], {self.work: ops}).revision

    # --- what a work does -----

    def register(self, instance_id="one", **fields):
        request = work_service_pb2.RegisterWorkRequest(
            work=self.work, instance_id=instance_id, **fields
        )
        answer = self.call(self.flow.works.RegisterWork, request)
        self.session_id = answer.session_id
        return answer

    def joined(self, **fields):
        """Register and send a snapshot, as batch 1."""
        self.register(**fields)
        assert self.send(self.snapshot(1)) == 1
        return self

    def batch(self, seq, *ops, calls=(), **fields):
        """Return a batch; ops are (path, value), (path, None) without an action, or made."""
        message = delta_service_pb2.StreamDeltasRequest(
            session_id=self.session_id, seq=seq, **fields
        )
        for path, content in ops:
            op = message.ops.add(path=path)
            if content is not None:
                getattr(op, _ACTIONS[type(content)]).CopyFrom(content)
        for call in calls:
            message.call_updates.add(**call)
        return message

    def snapshot(self, seq, content=None, **fields):
        """Return a batch that sets the empty path."""
        content = a_map(c=an_int(0), items=a_list()) if content is None else content
        return self.batch(seq, ([], content), snapshot=True, **fields)

    def send(self, *batches):
        """Send batches on a stream of their own; return how far the server says it is."""
        return self.call(self.flow.deltas.StreamDeltas, iter(batches)).acked_seq

    def stream(self):
        """Open a delta stream that stays open."""
        return OpenStream(self)

    def commands(self, **fields):
        """Open a stream of commands."""
        request = work_service_pb2.WatchCommandsRequest(session_id=self.session_id, **fields)
        return self.flow.works.WatchCommands(request, metadata=self.metadata, timeout=TIMEOUT_S)

    def told(self, count, **fields):
        """Return the first commands of a new stream, whole."""
        stream = self.commands(**fields)
        try:
            return [next(stream) for _ in range(count)]
        finally:
            stream.cancel()

    def release(self, final_seq):
        request = work_service_pb2.ReleaseWorkRequest(
            session_id=self.session_id, final_seq=final_seq
        )
        return self.call(self.flow.works.ReleaseWork, request)

    def call(self, method, request):
        return method(request, metadata=self.metadata, timeout=TIMEOUT_S)


class OpenStream:
    """A delta stream that is not half-closed."""

    def __init__(self, peer):
        self._queue = queue.SimpleQueue()
        self.call = peer.flow.deltas.StreamDeltas.future(
            iter(self._queue.get, None), metadata=peer.metadata, timeout=TIMEOUT_S
        )

    def put(self, *batches):
        for batch in batches:
            self._queue.put(batch)

    def half_close(self):
        """End it from this side; return how far the server says it is."""
        self._queue.put(None)
        return self.call.result().acked_seq

    def ended(self):
        """Wait until the server ends it, and return how."""
        try:
            return end_of(self.call.result)
        finally:
            self._queue.put(None)


@dataclass
class End:
    """How a call has ended: OK with an answer, or a code with what came along."""

    code: str
    reason: str = ""
    facts: dict = field(default_factory=dict)
    retry_after_s: float | None = None
    answer: object = None

    def __eq__(self, other):
        return f"{self.code} {self.reason}".strip() == other


def end_of(call):
    """Make a call, and return how it has ended."""
    try:
        return End("OK", answer=call())
    except grpc.RpcError as error:
        end = End(error.code().name)
        packed = dict(error.trailing_metadata() or ()).get("grpc-status-details-bin", b"")
        for detail in status_pb2.Status.FromString(packed).details:
            info, retry = error_details_pb2.ErrorInfo(), error_details_pb2.RetryInfo()
            if detail.Unpack(info):
                assert info.domain == "lightgrid.v1"
                end.reason, end.facts = info.reason, dict(info.metadata)
            elif detail.Unpack(retry):
                end.retry_after_s = retry.retry_delay.ToNanoseconds() / 1e9
        return end


def metadata(token):
    return (("authorization", f"Bearer {token}"),)


def wait_until(condition):
    deadline_s = time.monotonic() + TIMEOUT_S
    while not condition():
        assert time.monotonic() < deadline_s, "never"
        threading.Event().wait(0.005)


# --- values -----

#: Of an op, by what it carries.
_ACTIONS = {
    value_pb2.Value: "set",
    delta_pb2.Remove: "remove",
    delta_pb2.Splice: "splice",
}


def an_int(number):
    return value_pb2.Value(int_value=number)


def a_text(text):
    return value_pb2.Value(string_value=text)


def a_list(*items, **fields):
    return value_pb2.Value(list_value=value_pb2.ListValue(values=items, **fields))


def a_map(**items):
    return value_pb2.Value(map_value=value_pb2.MapValue(keys=items.keys(), values=items.values()))
