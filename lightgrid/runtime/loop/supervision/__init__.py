"""The processes of works: starting them, ending them, and carrying out what their end means."""

from lightgrid.runtime.loop.supervision.starting import Surroundings
from lightgrid.runtime.loop.supervision.supervisor import Supervisor

__all__ = ["Supervisor", "Surroundings"]
