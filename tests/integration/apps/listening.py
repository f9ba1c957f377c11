"""A program that knows no lightgrid, joins, and takes calls as commands until one says "end".

Its first argument says how it behaves: "serve"; "deaf", which lists no calls and leaves at
SIGUSR1; or "answer", which ends the call that started it itself, and exits with 3.
"""

import os
import queue
import secrets
import signal
import sys

import grpc

from lightgrid_protos.v1.delta_service_pb2 import CallState, StreamDeltasRequest
from lightgrid_protos.v1.delta_service_pb2_grpc import DeltaServiceStub
from lightgrid_protos.v1.work_service_pb2 import (
    RegisterWorkRequest,
    ReleaseWorkRequest,
    WatchCommandsRequest,
)
from lightgrid_protos.v1.work_service_pb2_grpc import WorkServiceStub

me = {"metadata": [("authorization", f"Bearer {os.environ['LIGHTGRID_TOKEN']}")]}
channel = grpc.insecure_channel(os.environ["LIGHTGRID_ADDRESS"])
works, deltas = WorkServiceStub(channel), DeltaServiceStub(channel)
joining = RegisterWorkRequest(work=os.environ["LIGHTGRID_WORK"], instance_id=secrets.token_hex(16))
started_by, how = os.environ["LIGHTGRID_CALL"], sys.argv[1]
if how == "deaf":
    signal.signal(signal.SIGUSR1, lambda *_: os._exit(0))
else:
    joining.features.append("calls")
session = works.RegisterWork(joining, **me)
outbox = queue.SimpleQueue()
seq = session.acked_seq


def put(variables, **call):
    global seq
    seq += 1
    batch = StreamDeltasRequest(session_id=session.session_id, seq=seq)
    if seq == session.acked_seq + 1 and session.snapshot_required:
        batch.snapshot = True
        batch.ops.add().set.map_value.SetInParent()
    for name, value in variables.items():
        batch.ops.add(path=[name]).set.int_value = value
    if call:
        result = call.pop("result", None)
        update = batch.call_updates.add(**call)
        if result is not None:
            update.result.int_value = result
    outbox.put(batch)


put({"joined": 1})
taken = deltas.StreamDeltas.future(iter(outbox.get, None), **me)
print(f"started with {sys.argv[1:]}", flush=True)
known = set()
if how == "answer":
    put({}, call_id=started_by, state=CallState.CALL_STATE_SUCCEEDED, result=42)
    outbox.put(None)
    taken.result()
    sys.exit(3)
for command in works.WatchCommands(WatchCommandsRequest(session_id=session.session_id), **me):
    run = command.run
    if not run.call_id or run.call_id in known:
        continue
    known.add(run.call_id)
    word = run.args[0].string_value or run.args[0].int_value
    print(f"told {word}", flush=True)
    if word == "hang":
        sys.exit(0)  # leaving a call behind without its end
    put({}, call_id=run.call_id, state=CallState.CALL_STATE_RUNNING)
    if word == "end":
        put({}, call_id=run.call_id, state=CallState.CALL_STATE_SUCCEEDED)
        break
    put(
        {"last": word},
        call_id=run.call_id,
        state=CallState.CALL_STATE_SUCCEEDED,
        result=2 * word,
    )
outbox.put(None)
works.ReleaseWork(
    ReleaseWorkRequest(session_id=session.session_id, final_seq=taken.result().acked_seq), **me
)
