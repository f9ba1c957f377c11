# The program that any_language.py starts: it joins, streams what it counts, and leaves.
# It knows no lightgrid, only the stubs; in another language it is the same.

import os
import secrets
import sys
import time
from queue import SimpleQueue

import grpc

from lightgrid_protos.v1.delta_service_pb2 import StreamDeltasRequest
from lightgrid_protos.v1.delta_service_pb2_grpc import DeltaServiceStub
from lightgrid_protos.v1.work_service_pb2 import RegisterWorkRequest, ReleaseWorkRequest
from lightgrid_protos.v1.work_service_pb2_grpc import WorkServiceStub

me = {"metadata": [("authorization", f"Bearer {os.environ['LIGHTGRID_TOKEN']}")]}
address, trusted = os.environ["LIGHTGRID_ADDRESS"], os.environ.get("LIGHTGRID_TLS_CA")
if trusted:  # the flow speaks TLS: it does where other machines reach it
    channel = grpc.secure_channel(address, grpc.ssl_channel_credentials(trusted.encode()))
else:
    channel = grpc.insecure_channel(address)
works, deltas = WorkServiceStub(channel), DeltaServiceStub(channel)
joining = RegisterWorkRequest(work=os.environ["LIGHTGRID_WORK"], instance_id=secrets.token_hex(16))

total, counter, seq = int(sys.argv[1]), 0, 0
while True:
    session = works.RegisterWork(joining, **me)
    # A snapshot says all there is, so nothing has to be kept that was sent before.
    seq = max(seq, session.acked_seq) + 1
    batch = StreamDeltasRequest(session_id=session.session_id, seq=seq, snapshot=True)
    state = batch.ops.add().set.map_value
    state.keys.append("counter")
    state.values.add().int_value = counter

    batches = SimpleQueue()
    stream = deltas.StreamDeltas.future(iter(batches.get, None), **me)
    batches.put(batch)
    while counter < total and not stream.done():
        time.sleep(0.1)
        counter, seq = counter + 1, seq + 1
        batch = StreamDeltasRequest(seq=seq)
        batch.ops.add(path=["counter"]).set.int_value = counter
        batches.put(batch)
    batches.put(None)
    # Now and then the server ends a stream itself: what it has not taken is said again.
    if stream.result().acked_seq == seq:
        break

works.ReleaseWork(ReleaseWorkRequest(session_id=session.session_id, final_seq=seq), **me)
