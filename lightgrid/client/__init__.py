"""The flow server as its clients see it; of them, only this package knows gRPC.

`work_client` is for the one loop thread of a work's process, `state_client` for command
lines and tests. Both give and take plain values; what the server refuses comes as
`RefusedError`, and what may work later as `FlowUnavailableError`.
"""

from lightgrid.wire.grpc_environment import prepare_grpc

prepare_grpc()
