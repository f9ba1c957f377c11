"""A flow whose `run` computes: how soon the server still answers."""

from __future__ import annotations

import time
from typing import Any

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

from lightgrid_bench.figures import percentile
from lightgrid_bench.peers import Stage
from lightgrid_bench.plan import Plan


def measure(plan: Plan) -> None:
    """Ask the server's health service, on a loop thread that the flow computes beside."""
    count = plan.pick(400, 20)
    busy = plan.figure("p99 of an answer, run computes", "ms", bar=15, aim=5)
    beside_idle = plan.figure("the same, over an idle flow's", "ms", "idle flow")
    with Stage() as stage:
        hosts = {
            "busy": stage.host("external", "busy", works=1, busy_s=0.05),
            "idle": stage.host("external", "idle", works=1),
        }
        channels = {
            name: grpc.insecure_channel(host.ask("access")["address"])
            for name, host in hosts.items()
        }
        for _ in plan.turns("heartbeats, 10 ms apart"):
            ages_ms: dict[str, list[float]] = {name: [] for name in channels}
            for _ in range(count):
                for name, channel in channels.items():
                    ages_ms[name].append(_answer_ms(channel))
                    time.sleep(0.005)
            busy.add(percentile(ages_ms["busy"], 0.99))
            beside_idle.add(busy.ours[-1], percentile(ages_ms["idle"], 0.99))
        for channel in channels.values():
            channel.close()
    busy.note = "a health check stands for the heartbeat, which has no answer"


def _answer_ms(channel: grpc.Channel) -> float:
    stub: Any = health_pb2_grpc.HealthStub(channel)
    begin_s = time.perf_counter()
    stub.Check(health_pb2.HealthCheckRequest(), timeout=10)
    return 1000 * (time.perf_counter() - begin_s)
