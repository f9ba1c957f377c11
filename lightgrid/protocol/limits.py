"""What a flow server accepts of a work, and how often it wants to hear of it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

from lightgrid.state.sizes import MAX_NODES, MAX_STATE_BYTES

#: From this many works on, heartbeats and leases are stretched in proportion.
_WORKS_PER_HEARTBEAT: Final = 500


@dataclass(frozen=True, slots=True)
class Limits:
    """What the server accepts; `Limits` of work_service.proto."""

    max_message_bytes: int = 4 * 2**20
    max_batch_bytes: int = MAX_STATE_BYTES
    max_ops_per_message: int = 4096
    max_path_segments: int = 32
    max_value_depth: int = 24
    max_nodes: int = MAX_NODES


@dataclass(frozen=True, slots=True)
class LeaseTerms:
    """How long a work may be silent.

    Attributes:
        heartbeat_interval_s: It says something at least this often.
        lease_ttl_s: After this long its session is over.
        rejoin_timeout_s: For this long it tries to reach a server that does not answer, and
            waits for its last acknowledgement when it leaves.
    """

    heartbeat_interval_s: float = 10.0
    lease_ttl_s: float = 30.0
    rejoin_timeout_s: float = 60.0

    def for_works(self, count: int) -> LeaseTerms:
        """Return the terms for each of so many works: the heartbeats of many are no load."""
        factor = max(1.0, count / _WORKS_PER_HEARTBEAT)
        return replace(
            self,
            heartbeat_interval_s=self.heartbeat_interval_s * factor,
            lease_ttl_s=self.lease_ttl_s * factor,
        )
