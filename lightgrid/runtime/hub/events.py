"""What the flow's thread is told by other threads, between two runs."""

from __future__ import annotations

from lightgrid.protocol.events import PeerEvent
from lightgrid.runtime.launch.events import LaunchEvent

Event = PeerEvent | LaunchEvent
