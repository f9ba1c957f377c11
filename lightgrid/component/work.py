"""What does: a component whose `run` is executed in a process of its own."""

from __future__ import annotations

from abc import abstractmethod
from contextlib import AbstractContextManager, nullcontext
from typing import Any

from lightgrid.component.calling import run_alone
from lightgrid.component.options import OptionChecker
from lightgrid.component.resources import Resources
from lightgrid.component.restart import Restart, RestartWhen, RestartWord
from lightgrid.component.status import WorkStage
from lightgrid.component.work_options import WorkOptions
from lightgrid.component.work_standing import WorkStanding
from lightgrid.errors import ComponentError, NotOverriddenError, short_name
from lightgrid.moving.cloud import BuildConfig, CloudCompute
from lightgrid.moving.notices import tell_options
from lightgrid.state.deepdiff_form import Delta
from lightgrid.state.delta import apply_fitting


class Work(WorkStanding):
    """A component that does something, in a process of its own.

    Subclass it, set state in `__init__`, and write `run`. A flow that calls
    `work.run(...)` makes a call: the work's process executes `run`, and
    whatever it assigns to public attributes is streamed to the flow.

    Args:
        parallel: The flow goes on at once; else a call holds the flow's `run` up
            until it is complete.
        cache_calls: A call with the same arguments as a completed one is not
            made again. Else it is: with `parallel`, whenever the flow asks for it and
            none is under way; without, once for each time that the flow comes by on
            its way through `run`, however often it is held up there.
        raise_exception: An exception in `run` ends the app; else the call has
            failed and the flow goes on.
        receive_updates: What the flow writes into this work's
            variables reaches it while it runs; else with its next call.
        start_with_flow: Start the process when the app starts, before the first
            call. A work that is made later starts at its first call.
        stop_grace_s: How long `on_exit` may take when the work is to stop, in
            seconds; None for the app's default.
        restart: When a process that ended is started again: "never", "on_failure",
            "always", or a `Restart` that says more.
        run_timeout_s: A call that runs longer has failed, in seconds.
        stall_timeout_s: A call during which no state changes for longer has failed.
        launch: The app starts the process; else one dials in by itself.
        host: Address of a server that the work runs, if it runs one.
        port: Its port; None to have a free one chosen.
        launcher: Which launcher starts the process, NAME or NAME:OPTIONS, as `--launcher`
            takes it; "" for the app's.
        resources: What it needs of the place where it runs; None for nothing.
        cloud_compute: Taken from programs of the predecessor, told once, and of no effect;
            so are `cloud_build_config` and `local_build_config`.

    Raises:
        OptionError: An option has a value that it cannot have.
    """

    def __init__(
        self,
        *,
        parallel: bool = False,
        cache_calls: bool = True,
        raise_exception: bool = True,
        receive_updates: bool = False,
        start_with_flow: bool = True,
        stop_grace_s: float | None = None,
        restart: Restart | RestartWord = RestartWhen.NEVER,
        run_timeout_s: float | None = None,
        stall_timeout_s: float | None = None,
        launch: bool = True,
        host: str = "127.0.0.1",
        port: int | None = None,
        launcher: str = "",
        resources: Resources | None = None,
        cloud_compute: CloudCompute | None = None,
        cloud_build_config: BuildConfig | None = None,
        local_build_config: BuildConfig | None = None,
    ) -> None:
        super().__init__()
        tell_options(
            cloud_compute=cloud_compute,
            cloud_build_config=cloud_build_config,
            local_build_config=local_build_config,
        )
        self._lightgrid_node.options = WorkOptions.checked(
            type(self).__name__,
            parallel=parallel,
            cache_calls=cache_calls,
            raise_exception=raise_exception,
            receive_updates=receive_updates,
            start_with_flow=start_with_flow,
            stop_grace_s=stop_grace_s,
            restart=restart,
            run_timeout_s=run_timeout_s,
            stall_timeout_s=stall_timeout_s,
            launch=launch,
            host=host,
            port=port,
            launcher=launcher,
            resources=resources,
        )

    # --- to be overridden -----------------------------------------------------------

    @abstractmethod
    def run(self, *args: Any, **kwargs: Any) -> Any:
        """Do the work. Runs in the work's process, in its main thread.

        It may be `async def`, as may `on_start`, `on_exit` and `on_exception`: they are
        executed in one event loop, which lasts as long as the process. A stop cancels
        the coroutine, so that `finally` and `async with` come to their end.
        """
        raise NotOverriddenError(f"{type(self).__name__} has no run method: a work needs one")

    def on_start(self) -> None:
        """Prepare, once, in the work's process before its first call."""

    def on_exit(self) -> None:
        """Finish, in the work's process, when the work is stopped or the app ends.

        Called after `run` has ended. What it assigns still reaches the flow.
        """

    def on_exception(self, exception: BaseException) -> None:
        """Handle an exception of `run`, in the work's process.

        Raises:
            BaseException: The call has failed with it. Returning instead means
                that it was handled: the call has succeeded.
        """
        raise exception

    # --- what users call -------------------------------------------------------------------

    def start(self) -> None:
        """Start the work's process without a call; again, if it was stopped."""
        node = self._lightgrid_node
        node.backend_for("start").start(node)

    def stop(self) -> None:
        """End the work: its call, then `on_exit`, then its process.

        The status is `stopped` at once; calling it again does nothing.
        """
        node = self._lightgrid_node
        node.backend_for("stop").stop(node)

    def cancel(self) -> bool:
        """End the newest call; the work goes on with the calls that were made before it.

        The call counts as stopped, with the reason `cancelled`, at once; its code ends as in
        a stop, and what it changes until then is still seen. `retry` makes it again.

        Returns:
            Whether there was a call without an end.
        """
        node = self._lightgrid_node
        latest = node.calls.latest
        if latest is None or latest.status.stage.is_end:
            return False
        node.backend_for("cancel").cancel(node, latest.call_id)
        return True

    def retry(self) -> bool:
        """Have the newest call made again if it has failed or was stopped.

        The call is forgotten, so the flow makes it when it next gets to
        `run(...)` with the same arguments.

        Returns:
            Whether there was such a call.
        """
        node = self._lightgrid_node
        latest = node.calls.latest
        if latest is None or latest.status.stage not in (WorkStage.FAILED, WorkStage.STOPPED):
            return False
        node.backend_for("retry").forget(node, latest.key)
        return True

    def delete(self) -> None:
        """End the work and take it out of its app; its place can be used again."""
        node = self._lightgrid_node
        if node.parent is None:
            raise ComponentError(f"{node.label}.delete(): the work is in no flow")
        node.parent.give_up(node)

    def flush(self, timeout_s: float = 10.0) -> None:
        """Wait, in the work's process, until the flow has everything changed so far.

        Raises:
            FlowUnavailableError: It took longer than `timeout_s` seconds.
            ComponentError: Inside of `batch`, which is to be told whole.
            OptionError: `timeout_s` is no time.
        """
        given = OptionChecker(f"{type(self).__name__}.flush()")
        timeout_s = given.seconds("timeout_s", timeout_s)
        side = self._lightgrid_node.process_side
        if side is not None:
            side.flush(timeout_s)

    def batch(self) -> AbstractContextManager[None]:
        """Have changes that belong together seen together: the flow sees all of them or none.

            with self.batch():
                self.step += 1
                self.losses.append(loss)

        Costs a visit to another thread, some 0.1 ms; and nothing is told meanwhile.
        """
        side = self._lightgrid_node.process_side
        return nullcontext() if side is None else side.batch()

    def wait_for_update(self, timeout_s: float | None = None) -> bool:
        """Wait, in the work's process, until the flow has written into the work's variables.

        Returns:
            Whether it has, since the last time this was asked; not within
            `timeout_s` seconds otherwise. A write that came before counts.

        Raises:
            ComponentError: The work was not made with `receive_updates=True`.
            OptionError: `timeout_s` is no time.
        """
        given = OptionChecker(f"{type(self).__name__}.wait_for_update()")
        timeout_s = given.seconds_or_none("timeout_s", timeout_s, "as long as it takes")
        if not self.receive_updates:
            raise ComponentError(
                f"{short_name(self.name)}.wait_for_update(): the work is not told of updates; "
                "make it with receive_updates=True"
            )
        side = self._lightgrid_node.process_side
        return side is not None and side.wait_for_update(timeout_s)

    def apply_flow_delta(self, delta: Delta) -> None:
        """Apply what the flow has written, in the work's process, while `run` goes on.

        Override it to be told of updates, or to refuse some: what is not passed
        on to `super()` is not applied, and the flow is told the value that stands.
        Called in a thread of the framework, which waits meanwhile; an exception
        fails the call.

        Args:
            delta: Relative to the work's variables; `delta.ops` has the changes.
        """
        # What does not fit, user code has changed meanwhile. What came of it is collected
        # next, and told.
        apply_fitting(self._lightgrid_node.live, delta.ops)

    # --- for the framework ---------------------------------------------------------------------

    def _lightgrid_prepare(self) -> None:
        super()._lightgrid_prepare()
        run_alone(self._lightgrid_node)

    def __getstate__(self) -> dict[str, Any]:
        """Return what makes the work again in its own process."""
        state = super().__getstate__()
        state["attributes"].pop("run", None)  # what stands for it in this process
        return state
