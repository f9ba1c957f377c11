"""`lightgrid state`: read, change and watch the state of a running app."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from lightgrid.cli.failure import UsageFailure, told_to_person
from lightgrid.cli.target import choose_target, connection_options

if TYPE_CHECKING:
    from lightgrid.state.values import Value

_INTERRUPTED: Final = 130
_JSON_WORDS: Final = {"True": "true", "False": "false", "None": "null"}


@click.group("state", short_help="Read, change and watch the state of a running app.")
def command() -> None:
    """Read, change and watch the state of a running app.

    A PATH names components from the root, then a variable, then what is in it:
    w.counter, w.items[3], flow.sub.w.d["any key"], trainers.0.loss; or it is the
    tree's own: root['works']['w']['vars']['counter']. Without one it is the whole
    tree.

    JSON has no word for some values; they are written as {"$bytes": "aGk="} in
    base64, {"$tuple": [1, 2]}, {"$float": "nan"} or "inf" or "-inf", and read
    likewise. A dict that looks like one of these stands in {"$dict": {...}}.
    """


@command.command("get")
@connection_options
@click.option("--revision", "with_revision", is_flag=True, help='As {"revision": N, "value": ...}.')
@click.option("--compact", is_flag=True, help="On one line.")
@click.argument("path", default="")
def get(
    connect: str | None,
    token_file: Path | None,
    tls_ca: Path | None,
    with_revision: bool,
    compact: bool,
    path: str,
) -> None:
    """Print what is at PATH, as JSON."""
    from lightgrid.cli.tree import read_tree
    from lightgrid.state.delta import lookup
    from lightgrid.state.json_form import to_jsonable
    from lightgrid.state.paths import resolve

    target = choose_target(connect, token_file, tls_ca)
    with told_to_person(target.address), target.open() as client:
        revision, tree = read_tree(client)
        value = to_jsonable(lookup(tree, resolve(tree, path)))
    told = {"revision": revision, "value": value} if with_revision else value
    click.echo(json.dumps(told, ensure_ascii=False, allow_nan=False, indent=None if compact else 2))


@command.command("set", context_settings={"ignore_unknown_options": True})  # -5 is a value
@connection_options
@click.option(
    "--expected-revision",
    type=click.IntRange(min=0),
    metavar="N",
    help="Only if nothing changed there after revision N.",
)
@click.argument("path")
@click.argument("value", metavar="JSON")
def set_(
    connect: str | None,
    token_file: Path | None,
    tls_ca: Path | None,
    expected_revision: int | None,
    path: str,
    value: str,
) -> None:
    """Set what is at PATH, between two runs of the flow; print the revision that has it.

    PATH is a variable, or a place in one; a new key of a dict is made.
    """
    from lightgrid.cli.tree import read_tree, resolve_for_setting
    from lightgrid.state.delta import Set

    new = _parse(value)
    target = choose_target(connect, token_file, tls_ca)
    with told_to_person(target.address), target.open() as client:
        _, tree = read_tree(client)
        place = resolve_for_setting(tree, path)
        revision = client.update_state([Set(place, new)], expected_revision=expected_revision)
    click.echo(revision)


@command.command("watch")
@connection_options
@click.option("--json", "as_json", is_flag=True, help="For programs: a JSON object per line.")
@click.argument("path", default="")
def watch(
    connect: str | None,
    token_file: Path | None,
    tls_ca: Path | None,
    as_json: bool,
    path: str,
) -> None:
    """Print each change at PATH as it happens: time, origin, and DeepDiff's form of it.

    With --json the first line, and each after this reader fell behind, is
    {"revision": N, "snapshot": VALUE}; the others are {"revision", "time",
    "origin", "delta"}. Ends with the app.
    """
    from lightgrid.cli.watching import Watching

    target = choose_target(connect, token_file, tls_ca)
    try:
        with told_to_person(target.address), target.open() as client:
            Watching(client, path, str(target), as_json=as_json).run()
    except KeyboardInterrupt:
        sys.exit(_INTERRUPTED)


def _parse(text: str) -> Value:
    from lightgrid.errors import UnsupportedValueError
    from lightgrid.state.json_form import from_json

    try:
        return from_json(text)
    except UnsupportedValueError as error:
        raise UsageFailure(str(error)) from None
    except RecursionError:
        raise UsageFailure("the value is nested too deep") from None
    except json.JSONDecodeError as error:
        hint = _hint(text)
        raise UsageFailure(f"{_shortened(text)} is no JSON value: {error}{hint}") from None
    except ValueError as error:
        raise UsageFailure(f"the value cannot be read: {error}") from None


def _hint(text: str) -> str:
    if text in _JSON_WORDS:
        return f". JSON writes {_JSON_WORDS[text]}"
    if text and not any(mark in text for mark in "{}[]\"'\\"):
        return f". A text needs its quotes: '{json.dumps(text)}'"
    return ""


def _shortened(text: str) -> Any:
    return text if len(text) <= 60 else f"{text[:60]}..."
