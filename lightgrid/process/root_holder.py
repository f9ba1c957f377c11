"""What an app is to those below it, who cannot import its class."""

from __future__ import annotations

from lightgrid.component.flow import Flow


class RootHolder:
    """Holds a tree of components, and is found by that among what a file defines.

    Attributes:
        root: Of the tree.
    """

    root: Flow
