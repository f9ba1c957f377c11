"""The flow server as its clients see it; of them, only this package knows gRPC.

`work_client` is for the one loop thread of a work's process, `state_client` for command
lines and tests. Both give and take plain values; what the server refuses comes as
`RefusedError`, and what may work later as `FlowUnavailableError`.
"""

import os

# Before anything imports grpc, user code included: with its default, a process that forks
# while a stream is open (multiprocessing, data loaders) hangs for good in the first child.
os.environ.setdefault("GRPC_ENABLE_FORK_SUPPORT", "0")
# By itself gRPC writes on stderr whenever two do not agree on TLS, one of them anyone.
os.environ.setdefault("GRPC_VERBOSITY", "ERROR")
