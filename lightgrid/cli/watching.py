"""Printing changes of a running app's state as they happen."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

import click

from lightgrid.cli.tree import read_tree
from lightgrid.errors import FlowUnavailableError, short_name
from lightgrid.state.deepdiff_form import to_deepdiff
from lightgrid.state.delta import Op, apply, below
from lightgrid.state.json_form import to_jsonable
from lightgrid.state.paths import resolve, show_path
from lightgrid.terminal.text import delta_text

if TYPE_CHECKING:
    from lightgrid.client.state_client import StateClient
    from lightgrid.state.tree import Change
    from lightgrid.wire.tree import News

#: The watched value stands in a box, so that an op of the empty path has something to change.
_KEY: Final = "watched"
_PREFIX: Final = show_path((_KEY,))


class Watching:
    """Follows one place and prints a line for each change.

    Args:
        client: Of the app.
        text: The place, as a person wrote it.
        app: The app, as people know it.
        as_json: A JSON object per line instead.
    """

    def __init__(self, client: StateClient, text: str, app: str, *, as_json: bool) -> None:
        _, tree = read_tree(client)
        self._client = client
        self._path = resolve(tree, text)
        self._shown = show_path(self._path, tree)
        self._what = f"{text or 'root'} of {app}"
        self._as_json = as_json
        self._box: dict[str, Any] = {_KEY: None}
        self._begun = False

    def run(self) -> None:
        """Print until the app ends.

        Raises:
            FlowUnavailableError: There was no app to begin with.
        """
        try:
            for news in self._client.watch_state(self._path):
                if news.snapshot:
                    self._begin(news)
                else:
                    for change in news.changes:
                        self._follow(change)
        except FlowUnavailableError:
            if not self._begun:
                raise
        click.echo("lightgrid: the app has ended", err=True)

    def _begin(self, news: News) -> None:
        for change in news.changes:
            apply(self._box, below(_ops(change), (_KEY,)))
        if self._as_json:
            snapshot = to_jsonable(self._box[_KEY])
            _echo_json({"revision": news.revision, "snapshot": snapshot})
        elif self._begun:
            click.echo("lightgrid: fell behind; some changes are not shown", err=True)
        else:
            click.echo(f"lightgrid: watching {self._what}", err=True)
        self._begun = True

    def _follow(self, change: Change) -> None:
        ops = below(_ops(change), (_KEY,))
        told = self._told(to_deepdiff(self._box, ops))
        apply(self._box, ops)
        if not told:
            return  # it ends as it began
        if self._as_json:
            delta = {name: _jsonable_report(name, content) for name, content in told.items()}
            _echo_json(
                {
                    "revision": change.revision,
                    "time": change.time_s,
                    "origin": change.origin,
                    "delta": delta,
                }
            )
            return
        moment = time.strftime("%H:%M:%S", time.localtime(change.time_s))
        milliseconds = int(change.time_s % 1 * 1000)
        origin = short_name(change.origin)
        click.echo(f"{moment}.{milliseconds:03d} {origin} {delta_text(told)}")

    def _told(self, told: dict[str, Any]) -> dict[str, Any]:
        """Return a delta with its paths from the tree's root."""
        return {
            name: {
                self._shown + place.removeprefix(_PREFIX): detail for place, detail in at.items()
            }
            for name, at in told.items()
        }


def _ops(change: Change) -> Sequence[Op]:
    return [op for _, ops in change.parts for op in ops]


def _jsonable_report(name: str, content: dict[str, Any]) -> dict[str, Any]:
    """Return what is told of places: for changes a dict of DeepDiff's own, else the value."""
    if name not in ("values_changed", "type_changes"):
        return {place: to_jsonable(value) for place, value in content.items()}
    return {
        place: {
            key: item.__name__ if isinstance(item, type) else to_jsonable(item)
            for key, item in detail.items()
        }
        for place, detail in content.items()
    }


def _echo_json(line: dict[str, Any]) -> None:
    click.echo(json.dumps(line, ensure_ascii=False, allow_nan=False))
