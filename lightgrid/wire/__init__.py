"""What crosses a process boundary: protobuf messages to plain values, and back.

`values` and `deltas` translate state, `splitting` cuts what is too large for
one message, `calls`, `commands` and `registration` translate what a work and
the flow server say, `tree` what a watcher is told, `times` durations, and
`rpc_errors` errors to status codes; `grpc_environment` is what gRPC must be told
before all that. Whatever a peer sends, decoding gives plain values or raises `RefusedError`.
"""
