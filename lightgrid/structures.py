"""Lists and dicts of components, where people import them from."""

from lightgrid.component.structures import Dict, List

__all__ = ["Dict", "List"]
