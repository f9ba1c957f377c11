"""`LightningWork`, where it was."""

from lightgrid.component.work import Work as LightningWork

__all__ = ["LightningWork"]
