"""`LightningFlow`, where it was."""

from lightgrid.component.flow import Flow as LightningFlow

__all__ = ["LightningFlow"]
