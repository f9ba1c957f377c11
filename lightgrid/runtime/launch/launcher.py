"""What starts the processes of works: the interface of every launcher.

It speaks of launches by their ids and of ends as events, and of nothing that only this
process or this machine knows, such as a descriptor or an open pipe. So a launcher may as
well stand in a process of its own, or start works elsewhere.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Protocol

from lightgrid.component.resources import Resources
from lightgrid.runtime.launch.events import Tell

#: What people call the launcher of this machine.
LOCAL: Final = "local"


@dataclass(frozen=True, slots=True)
class LaunchSpec:
    """What to start.

    Attributes:
        launch_id: Names this launch. The app makes it; all that the process starts has it
            in its environment, and is found by it.
        work: The work's name.
        command: The program and its arguments.
        environment: Set over what the flow's process has.
        log_file: Where its output and errors go, appended.
        stop_grace_s: How long it may take to end before it is killed.
        handed_over: Bytes that the process reads from its standard input, up to its end.
        entry: "module:function" that the command comes to, for a work in Python: a process
            that has this interpreter may call that, and execute nothing. "" for a program.
        launcher: The one that the work has named, NAME or NAME:OPTIONS; "" for the app's.
        resources: What the work needs of the place.
    """

    launch_id: str
    work: str
    command: Sequence[str]
    environment: Mapping[str, str]
    log_file: Path
    stop_grace_s: float
    handed_over: bytes = field(default=b"", repr=False)
    entry: str = ""
    launcher: str = ""
    resources: Resources = field(default_factory=Resources)


class Launcher(Protocol):
    """Starts works somewhere. One for each kind of place that works can run in.

    Its methods are called in the flow's thread, and none but `close` waits for a process, or for
    anything that may take long: a launch is asked for, and answered by events. Each rule
    here is one that `lightgrid.testing.LauncherContract` tests. A process is given

    - the environment of the flow's process, but for what an outer flow has told that one
      (`TOLD_VARIABLES`); over that its own, and `LIGHTGRID_LAUNCH` with the launch's id;
    - the flow's working folder, where it runs the same files;
    - a session other than the flow's, so that Ctrl-C at its terminal is the flow's to answer;
    - what is handed over on its standard input, however much and however late it reads, or
      an input that is at its end.

    When its end is told, the log has all that it wrote, and what it has started ends with it:
    its children, and daemons in sessions of their own, which are known by `LIGHTGRID_LAUNCH`
    in their environment where the system shows that. There may be many launches at once, and
    several of one work: each has its own id and its own end.

    `stop` and `kill` do nothing for a launch that is unknown, or has ended: its event may be
    on the way.

    Attributes:
        name: What people call it: "local".
        honours: Which of `Resources` it can do something about, by name. A work that needs
            another one is refused before it gets here.
    """

    name: str
    honours: frozenset[str]

    def start(self, spec: LaunchSpec, tell: Tell) -> None:
        """Begin to start a process. What becomes of it is told.

        Args:
            spec: What to start.
            tell: Called with each event of the launch.
        """

    def stop(self, launch_id: str) -> None:
        """Ask a process to end, by SIGTERM; it may take its grace, which this does not wait for.

        When it has not ended then, it is killed with all it started. A stop right after the
        start counts as well.
        """

    def kill(self, launch_id: str) -> None:
        """Kill a process and all it started, now, also one that has been asked to end."""

    def close(self) -> None:
        """Kill what is left with all it started, and tell the ends. May be called again."""
