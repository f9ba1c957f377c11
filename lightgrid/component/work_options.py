"""What a work is made with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from lightgrid.component.options import OptionChecker
from lightgrid.component.resources import Resources
from lightgrid.component.restart import Restart, RestartWhen, RestartWord


@dataclass(frozen=True, slots=True)
class WorkOptions:
    """The options of a work; `Work` says what each means.

    Attributes:
        parallel: The flow goes on while a call runs.
        cache_calls: A completed call is not made again.
        raise_exception: Its failures end the app.
        receive_updates: What the flow writes reaches it while it runs.
        start_with_flow: Its process is started when the app starts.
        stop_grace_s: How long it may take to end, in seconds; None for the app's default.
        restart: When it is started again.
        run_timeout_s: How long a call may run, in seconds; None for no limit.
        stall_timeout_s: How long a call may change nothing.
        launch: The app starts its process.
        host: The address of a server that it runs.
        port: That server's port; None for a free one.
        launcher: Which launcher starts its process, NAME or NAME:OPTIONS; "" for the app's.
        resources: What it needs of the place where it runs.
    """

    parallel: bool
    cache_calls: bool
    raise_exception: bool
    receive_updates: bool
    start_with_flow: bool
    stop_grace_s: float | None
    restart: Restart
    run_timeout_s: float | None
    stall_timeout_s: float | None
    launch: bool
    host: str
    port: int | None
    launcher: str
    resources: Resources

    @classmethod
    def checked(
        cls,
        owner: str,
        *,
        parallel: bool,
        cache_calls: bool,
        raise_exception: bool,
        receive_updates: bool,
        start_with_flow: bool,
        stop_grace_s: float | None,
        restart: Restart | RestartWord,
        run_timeout_s: float | None,
        stall_timeout_s: float | None,
        launch: bool,
        host: str,
        port: int | None,
        launcher: str,
        resources: Resources | None,
    ) -> Self:
        """Return what was given to a class of the user's, the `owner`: each option in one form.

        Raises:
            OptionError: An option has a value that it cannot have.
        """
        given = OptionChecker(owner)
        return cls(
            parallel=given.flag("parallel", parallel),
            cache_calls=given.flag("cache_calls", cache_calls),
            raise_exception=given.flag("raise_exception", raise_exception),
            receive_updates=given.flag("receive_updates", receive_updates),
            start_with_flow=given.flag("start_with_flow", start_with_flow),
            stop_grace_s=given.seconds_or_none("stop_grace_s", stop_grace_s, "the app's own"),
            restart=(
                restart
                if isinstance(restart, Restart)
                else Restart(given.word("restart", restart, RestartWhen, ", or a Restart"))
            ),
            run_timeout_s=given.seconds_or_none(
                "run_timeout_s", run_timeout_s, "no limit", may_be_zero=False
            ),
            stall_timeout_s=given.seconds_or_none(
                "stall_timeout_s", stall_timeout_s, "no limit", may_be_zero=False
            ),
            launch=given.flag("launch", launch),
            host=given.host("host", host),
            port=given.port_or_none("port", port, "a free one"),
            launcher=given.text("launcher", launcher, "a text: NAME or NAME:OPTIONS"),
            resources=given.kind(
                "resources",
                Resources() if resources is None else resources,
                Resources,
                "an L.Resources, or None for no needs",
            ),
        )
