"""The launchers of an app, each made when the first work asks for it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack

from lightgrid.errors import LightgridError
from lightgrid.runtime.launch.events import Ended, LaunchEvent, NotStarted, Tell
from lightgrid.runtime.launch.launcher import Launcher, LaunchSpec
from lightgrid.runtime.launch.local import LocalLauncher


class Places:
    """Starts each work by the launcher that it names, or by the app's.

    Args:
        default: The app's, as `LaunchSpec.launcher` would name it.
        make: Makes a launcher by its name. Raises `LightgridError` for one that there is none
            of, or that cannot be had here.
    """

    def __init__(self, default: str, make: Callable[[str], Launcher]) -> None:
        self._default = default
        self._make = make
        self._made: dict[str, Launcher] = {}
        self._by_launch: dict[str, Launcher] = {}

    def prepare(self) -> None:
        """Make the app's own launcher before a work asks for it: it may take a while to be ready.

        Raises:
            LightgridError: There is none of its name, or it cannot be had here.
        """
        try:
            self._made[self._default] = self._make(self._default)
        except OSError as error:
            raise LightgridError(f"launcher {self._default}: {error}") from None

    def preload(self, modules: Sequence[str]) -> None:
        """Have works of this machine forked with more modules, from the next start on."""
        for launcher in self._made.values():
            if isinstance(launcher, LocalLauncher):
                launcher.preload(modules)

    def name_of(self, launcher: str) -> str:
        """Return what people call the launcher that a work has named; "" is the app's."""
        made = self._made.get(self._key_of(launcher))
        return (launcher or self._default).partition(":")[0] if made is None else made.name

    def start(self, spec: LaunchSpec, tell: Tell) -> None:
        """Start a process; see `Launcher.start`."""
        chosen = self._key_of(spec.launcher)
        try:
            if chosen not in self._made:
                self._made[chosen] = self._make(chosen)
        except (LightgridError, OSError) as error:
            tell(NotStarted(spec.launch_id, f"launcher {chosen}: {error}"))
            return
        launcher = self._made[chosen]
        refused = [name for name in spec.resources.needs() if name not in launcher.honours]
        if refused:
            can = ", ".join(sorted(launcher.honours)) or "none"
            reason = (
                f"launcher {self.name_of(chosen)} does not know what to do with "
                f"{' and '.join(refused)} ({spec.resources}); it honours: {can}"
            )
            tell(NotStarted(spec.launch_id, reason))
            return

        def note(event: LaunchEvent) -> None:
            if isinstance(event, Ended | NotStarted):
                self._by_launch.pop(event.launch_id, None)
            tell(event)

        self._by_launch[spec.launch_id] = launcher
        launcher.start(spec, note)

    def _key_of(self, launcher: str) -> str:
        made = self._made.get(self._default)
        is_default = not launcher or (made is not None and launcher == made.name)
        return self._default if is_default else launcher

    def stop(self, launch_id: str) -> None:
        """Ask a process to end; see `Launcher.stop`."""
        launcher = self._by_launch.get(launch_id)
        if launcher is not None:
            launcher.stop(launch_id)

    def kill(self, launch_id: str) -> None:
        """Kill a process; see `Launcher.kill`."""
        launcher = self._by_launch.get(launch_id)
        if launcher is not None:
            launcher.kill(launch_id)

    def close(self) -> None:
        """Close all; see `Launcher.close`."""
        with ExitStack() as every:
            for launcher in self._made.values():
                every.callback(launcher.close)
