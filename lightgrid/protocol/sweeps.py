"""When the flow server looks whether leases are over."""

from __future__ import annotations

from typing import Final

#: How often in a lease.
_SWEEPS_PER_LEASE: Final = 8
_LEAST_INTERVAL_S: Final = 0.05


class Sweeps:
    """Says how often to look, and when what is seen does not count.

    Args:
        now_s: The time.
    """

    def __init__(self, now_s: float) -> None:
        self._last_s = now_s

    def interval_s(self, lease_ttl_s: float) -> float:
        """Return how often to look for leases of this length."""
        return max(_LEAST_INTERVAL_S, lease_ttl_s / _SWEEPS_PER_LEASE)

    def begin(self, lease_ttl_s: float, now_s: float) -> bool:
        """Note that one begins; return whether it counts.

        After a stall of this process no lease runs out before what waits was read.
        """
        has_stalled = now_s - self._last_s > 2 * self.interval_s(lease_ttl_s)
        self._last_s = now_s
        return not has_stalled
