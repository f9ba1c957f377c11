"""Launchers by the names under which people ask for them: NAME, or NAME:OPTIONS."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from importlib.metadata import entry_points
from typing import Final

from lightgrid.errors import LightgridError
from lightgrid.runtime.launch.launcher import LOCAL, Launcher
from lightgrid.runtime.launch.local import LocalLauncher
from lightgrid.runtime.launch.prefix import PrefixLauncher

#: Where a package says that it has a launcher: of a function that takes the options as a text.
ENTRY_POINTS: Final = "lightgrid.launchers"
PREFIX: Final = "prefix"
#: What `RunOptions.make_launcher` makes.
OWN: Final = "own"


def make_launcher(
    chosen: str, preload: Sequence[str] = (), carried: Mapping[str, str] | None = None
) -> Launcher:
    """Return a new launcher.

    Args:
        chosen: NAME or NAME:OPTIONS.
        preload: See `LocalLauncher`.
        carried: See `PrefixLauncher`.

    Raises:
        LightgridError: There is none of that name, or it does not take the options.
        OSError: It cannot be made.
    """
    name, _, options = chosen.partition(":")
    if name == LOCAL:
        if options:
            raise LightgridError(f"launcher {LOCAL} takes no options: {options!r}")
        return LocalLauncher(preload)
    if name == PREFIX:
        try:
            words = shlex.split(options)
        except ValueError as error:
            raise LightgridError(f"launcher {PREFIX}: {error}: {options}") from None
        return PrefixLauncher(words, carried)
    found = {one.name: one for one in entry_points(group=ENTRY_POINTS)}
    if name in found:
        try:
            launcher: Launcher = found[name].load()(options)
        except ImportError as error:
            raise LightgridError(f"launcher {name} cannot be imported: {error}") from error
        return launcher
    known = ", ".join([LOCAL, PREFIX, *sorted(found)])
    raise LightgridError(f"there is no launcher {name!r}; there are: {known}")
