"""Where programs of the removed framework import its three classes from."""

from lightgrid.core.app import LightningApp
from lightgrid.core.flow import LightningFlow
from lightgrid.core.work import LightningWork

__all__ = ["LightningApp", "LightningFlow", "LightningWork"]
