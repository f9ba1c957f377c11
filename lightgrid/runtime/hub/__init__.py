"""What the two threads of a flow's process share: the server's takes in, the flow's merges."""

from lightgrid.runtime.hub.hub import Hub
from lightgrid.runtime.hub.outside import OutsideUpdate

__all__ = ["Hub", "OutsideUpdate"]
