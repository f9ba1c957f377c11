"""`LightningApp`, where it was."""

from lightgrid.app import App as LightningApp

__all__ = ["LightningApp"]
