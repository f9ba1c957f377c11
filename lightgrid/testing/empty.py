"""A flow and a work that do nothing, to put into a tree under test."""

from __future__ import annotations

from lightgrid.component.flow import Flow
from lightgrid.component.work import Work


class EmptyFlow(Flow):
    """A flow that does nothing; unlike `Flow` it may be the root."""

    def run(self) -> None:
        """Do nothing."""


class EmptyWork(Work):
    """A work that does nothing."""

    def run(self) -> None:
        """Do nothing."""
