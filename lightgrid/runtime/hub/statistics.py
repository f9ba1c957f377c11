"""What an operator may want to know of the hub."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from lightgrid.protocol.link_statistics import LinkStatistics


@dataclass(frozen=True, slots=True)
class HubStatistics:
    """The hub at one moment; counts are from its beginning.

    Attributes:
        revision: Of the tree.
        kept_changes: Changes of the tree that a watcher can still be told one by one.
        kept_bytes: About what these take.
        watchers: How many clients follow the tree.
        asks: What waits to be done between two runs.
        batches: How many were taken of works.
        merges: How often a work's news were merged into the tree.
        acks: How often a work was told how far its batches were taken.
        links: By the work's name.
    """

    revision: int
    kept_changes: int
    kept_bytes: int
    watchers: int
    asks: int
    batches: int
    merges: int
    acks: int
    links: Mapping[str, LinkStatistics]
