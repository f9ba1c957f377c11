"""What the two threads of a flow's process share: the server's takes in, the flow's merges."""

from lightgrid.runtime.hub.hub import Hub

__all__ = ["Hub"]
