"""What is set for good: [tool.lightgrid] in the nearest pyproject.toml, here or above."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from lightgrid.cli.failure import UsageFailure
from lightgrid.component.options import OptionChecker
from lightgrid.errors import OptionError
from lightgrid.runtime.launch.launcher import LOCAL


@dataclass(frozen=True, slots=True)
class Settings:
    """What `lightgrid flow` uses where the command line says nothing.

    Attributes:
        launcher: See `RunOptions`.
        preload: See `RunOptions`.
    """

    launcher: str = LOCAL
    preload: tuple[str, ...] = ()


def read_settings(folder: str | Path) -> Settings:
    """Return what the nearest pyproject.toml sets, as every tool that has a table there reads it.

    Args:
        folder: Where to begin; "" for one that is not there any more, where nothing is set.

    Raises:
        UsageFailure: It is no TOML, or sets what there is not, or what cannot be.
    """
    folders = (Path(folder), *Path(folder).parents) if folder else ()
    files = (one / "pyproject.toml" for one in folders)
    file = next(filter(Path.is_file, files), None)
    if file is None:
        return Settings()
    try:
        every = tomllib.loads(file.read_text("utf-8"))
        table = _table(_table(every, "tool"), "lightgrid")
        return _checked(table, f"[tool.lightgrid] in {file}")
    except (OSError, ValueError) as error:  # of TOML, too
        raise UsageFailure(f"{file}: {error}") from None


def _table(outer: dict[str, Any], name: str) -> dict[str, Any]:
    table = outer.get(name, {})
    if not isinstance(table, dict):
        raise ValueError(f"{name} is to be a table, not {table!r}")
    return table


def _checked(table: dict[str, Any], owner: str) -> Settings:
    known = [field.name for field in fields(Settings)]
    for name in table:
        if name not in known:
            raise UsageFailure(f"{owner}: there is no {name!r}; there are: {', '.join(known)}")
    given = OptionChecker(owner)
    try:
        return Settings(
            given.text("launcher", table.get("launcher", LOCAL), "a text: NAME or NAME:OPTIONS"),
            given.modules("preload", table.get("preload", ())),
        )
    except OptionError as error:
        raise UsageFailure(str(error)) from None
