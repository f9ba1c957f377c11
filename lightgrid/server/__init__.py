"""The gRPC services of a flow, thin over the hub.

Every call but the health check carries a token; `auth` says which token opens
what. `refusals` turns errors into status codes at the edge, `server` runs it
all in a thread with one event loop.
"""
