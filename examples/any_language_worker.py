# The program that any_language.py starts: it joins, streams what it counts, and leaves.

import os
import secrets
import sys
import time

import grpc

from lightgrid_protos.v1.delta_service_pb2 import StreamDeltasRequest
from lightgrid_protos.v1.delta_service_pb2_grpc import DeltaServiceStub
from lightgrid_protos.v1.work_service_pb2 import RegisterWorkRequest, ReleaseWorkRequest
from lightgrid_protos.v1.work_service_pb2_grpc import WorkServiceStub

me = {"metadata": [("authorization", f"Bearer {os.environ['LIGHTGRID_TOKEN']}")]}
channel = grpc.insecure_channel(os.environ["LIGHTGRID_ADDRESS"])
works, deltas = WorkServiceStub(channel), DeltaServiceStub(channel)
joining = RegisterWorkRequest(work=os.environ["LIGHTGRID_WORK"], instance_id=secrets.token_hex(16))
session = works.RegisterWork(joining, **me)


def batches():
    for counter in range(1, int(sys.argv[1]) + 1):
        batch = StreamDeltasRequest(session_id=session.session_id, seq=session.acked_seq + counter)
        if counter == 1 and session.snapshot_required:
            batch.snapshot = True  # of no variable: all others are as the flow has them
            batch.ops.add().set.map_value.SetInParent()
        batch.ops.add(path=["counter"]).set.int_value = counter
        yield batch
        time.sleep(0.1)


taken = deltas.StreamDeltas(batches(), **me)
works.ReleaseWork(
    ReleaseWorkRequest(session_id=session.session_id, final_seq=taken.acked_seq), **me
)
