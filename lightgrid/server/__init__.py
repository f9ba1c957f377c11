"""The gRPC services of a flow, thin over the hub.

Every call but the health check carries a token; `auth` says which token opens
what, and `edge` lets no call in without one. `refusals` turns errors into status
codes, `server` runs it all in a thread with one event loop.
"""

from lightgrid.wire.grpc_environment import prepare_grpc

prepare_grpc()
