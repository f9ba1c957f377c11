"""Launchers by the names under which people ask for them: NAME, or NAME:OPTIONS."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.metadata import entry_points
from typing import Final

from lightgrid.errors import LightgridError
from lightgrid.runtime.launch.launcher import Launcher
from lightgrid.runtime.launch.local import LocalLauncher

#: Where a package says that it has a launcher: of a function that takes the options as a text.
ENTRY_POINTS: Final = "lightgrid.launchers"
LOCAL: Final = "local"
#: What `RunOptions.make_launcher` makes.
OWN: Final = "own"


def make_launcher(chosen: str, preload: Sequence[str] = ()) -> Launcher:
    """Return a new launcher.

    Args:
        chosen: NAME or NAME:OPTIONS.
        preload: See `LocalLauncher`.

    Raises:
        LightgridError: There is none of that name, or it does not take the options.
        OSError: It cannot be made.
    """
    name, _, options = chosen.partition(":")
    if name == LOCAL:
        if options:
            raise LightgridError(f"launcher {LOCAL} takes no options: {options!r}")
        return LocalLauncher(preload)
    found = {one.name: one for one in entry_points(group=ENTRY_POINTS)}
    if name in found:
        try:
            launcher: Launcher = found[name].load()(options)
        except ImportError as error:
            raise LightgridError(f"launcher {name} cannot be imported: {error}") from error
        return launcher
    known = ", ".join([LOCAL, *sorted(found)])
    raise LightgridError(f"there is no launcher {name!r}; there are: {known}")
