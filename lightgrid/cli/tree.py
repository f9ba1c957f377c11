"""The state tree of a running app, read whole, and places in it as people write them."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING, Any

from lightgrid.errors import FlowUnavailableError, NoSuchPathError
from lightgrid.state.delta import Path, apply, lookup
from lightgrid.state.layout import depth_in_variables
from lightgrid.state.paths import parse_path, resolve

if TYPE_CHECKING:
    from lightgrid.client.state_client import StateClient
    from lightgrid.state.values import Value


def read_tree(client: StateClient) -> tuple[int, dict[str, Any]]:
    """Return the tree's revision and the tree.

    By a watch, which comes in parts: one answer could be too small for it.
    """
    box: dict[str, Any] = {}
    with closing(client.watch_state()) as watch:  # type: ignore[type-var]
        for news in watch:
            for change in news.changes:
                for _, ops in change.parts:
                    apply(box, ops)
            return news.revision, box
    raise FlowUnavailableError("the app has ended")


def resolve_for_setting(tree: dict[str, Value], text: str) -> Path:
    """Return the place that a person wants to set: one that is there, or a new key of a dict.

    Raises:
        PathSyntaxError: The text cannot be read.
        NoSuchPathError: It is neither.
    """
    try:
        return resolve(tree, text)
    except NoSuchPathError:
        steps = parse_path(text).steps
        parent = resolve(tree, text[: steps[-1].position])
        if depth_in_variables(parent) and isinstance(lookup(tree, parent), dict):
            return (*parent, steps[-1].segment)
        raise
