"""An app: a tree of components, and what it takes to run it."""

from __future__ import annotations

import contextlib
import inspect
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from lightgrid.component.checkpoint import dump_states, load_states
from lightgrid.component.component import Component
from lightgrid.component.flow import Flow
from lightgrid.component.node import Node, node_of
from lightgrid.component.options import OptionChecker
from lightgrid.component.work import Work
from lightgrid.errors import (
    AppFailedError,
    ComponentAttributeError,
    ComponentError,
    ComponentNameError,
    ComponentTypeError,
    LightgridError,
)
from lightgrid.moving.cloud import CloudCompute
from lightgrid.moving.notices import tell_options
from lightgrid.process.app_file import is_interactive, is_loaded_in_work
from lightgrid.process.root_holder import RootHolder
from lightgrid.process.standard_streams import open_closed_streams
from lightgrid.runtime.options import RunOptions
from lightgrid.runtime.reporting.outcome import AppStage, Outcome
from lightgrid.state.layout import APP_STATE

if TYPE_CHECKING:
    from lightgrid.runtime.reporting.observer import Observer
    from lightgrid.state.values import Value

#: How long a work may take to end, in seconds. With it an app ends within 2 s of Ctrl-C.
DEFAULT_STOP_GRACE_S = 1.5


class App(RootHolder):
    """A tree of components, ready to run.

    Args:
        root: The root flow; or a work, which then is run once.
        stop_grace_s: How long a work may take to end before it is killed, in
            seconds, where the work does not say itself.
        preload: Modules that works on this machine are forked with, so that none of them has to
            import them: ["numpy"].
        log_level: Taken from programs of the predecessor, told once, and of no effect;
            so is `flow_cloud_compute`.

    Raises:
        ComponentTypeError: The root is no component, or a flow without a `run` that takes no
            arguments.
        OptionError: `stop_grace_s` is no time, or `preload` no list of modules.
    """

    def __init__(
        self,
        root: Flow | Work,
        *,
        stop_grace_s: float = DEFAULT_STOP_GRACE_S,
        preload: Sequence[str] = (),
        log_level: str | None = None,
        flow_cloud_compute: CloudCompute | None = None,
    ) -> None:
        tell_options(log_level=log_level, flow_cloud_compute=flow_cloud_compute)
        if isinstance(root, type) and issubclass(root, Component):
            raise ComponentTypeError(f"{root.__name__} is a class; write L.App({root.__name__}())")
        if isinstance(root, Work):
            root = _RunOnce(root)
        if not isinstance(root, Flow):
            raise ComponentTypeError(
                f"the root of an app is a flow or a work, not a {type(root).__name__}"
            )
        if type(root).run is Flow.run and "run" not in vars(root):
            raise ComponentTypeError(
                f"{type(root).__name__} has no run method: a root flow needs one"
            )
        try:
            inspect.signature(root.run, follow_wrapped=False).bind()
        except ValueError:
            pass  # it has none: compiled, perhaps
        except TypeError as error:
            raise ComponentTypeError(
                f"{type(root).__name__}.run(): {error}. The app calls the root's run without "
                "arguments"
            ) from None
        self.root = root
        given = OptionChecker(type(self).__name__)
        self.stop_grace_s = given.seconds("stop_grace_s", stop_grace_s)
        self.preload = given.modules("preload", preload)
        #: How the last run ended, and with which exception.
        self.outcome: Outcome | None = None

    # --- what users read ----------------------------------------------------------------

    @property
    def stage(self) -> AppStage:
        """What the app is doing."""
        if self.outcome is not None:
            return self.outcome.stage
        is_attached = node_of(self.root).backend is not None
        return AppStage.RUNNING if is_attached else AppStage.STARTING

    @property
    def exception(self) -> BaseException | None:
        """The exception that ended the app, if one did."""
        return None if self.outcome is None else self.outcome.exception

    @property
    def flows(self) -> list[Flow]:
        """All flows: the root, then those below it, as in `Flow.flows`."""
        return [self.root, *self.root.flows.values()]

    @property
    def works(self) -> list[Work]:
        """All works."""
        return self.root.works()

    @property
    def named_works(self) -> list[tuple[str, Work]]:
        """All works, with their names."""
        return self.root.named_works()

    @property
    def state(self) -> dict[str, Value]:
        """The state tree; a copy."""
        return {**self.root.state, APP_STATE: {"stage": str(self.stage)}}

    @property
    def state_vars(self) -> dict[str, Value]:
        """The same with nothing but variables."""
        return {**self.root.state_vars, APP_STATE: {"stage": str(self.stage)}}

    def get_component_by_name(self, name: str) -> Component:
        """Return a component: "root", "root.w", "root.trainers.0".

        Raises:
            ComponentNameError: The name does not begin with "root".
            ComponentAttributeError: There is no such component.
        """
        first, *keys = name.split(".")
        if first != "root":
            raise ComponentNameError(f"a component's name begins with root, {name!r} does not")
        node: Node = node_of(self.root)
        for key in keys:
            below = node.child(key)
            if below is None:
                known = ", ".join(key for group in node.children.values() for key in group)
                raise ComponentAttributeError(
                    f"{node.name} has no component {key!r}; it has: {known or 'nothing'}"
                )
            node = below
        return node.component

    def state_dict(self) -> dict[str, dict[str, Value]]:
        """Return the state of each component, by its name; values alone, no pickle."""
        return dump_states(self.root)

    def load_state_dict(self, states: dict[str, dict[str, Value]], *, strict: bool = True) -> None:
        """Take over what `state_dict` returned, before the app runs.

        Calls that had ended stay known; one that had not is made again.

        Raises:
            ComponentError: With `strict`, what does not fit the components.
        """
        load_states(self.root, states, strict=strict)

    # --- running ----------------------------------------------------------------------------

    def run(self, options: RunOptions | None = None, observer: Observer | None = None) -> None:
        """Run the app until it ends, as `lightgrid flow` does.

        May stand at the end of the app's file: in the process of a work it does
        nothing, and under `lightgrid flow` it runs the app with the options of
        the command.

        In a notebook, in IPython and at Python's prompt there is no process that could
        end with an exit code: what goes wrong is an exception there like any other.

        Raises:
            SystemExit: With the exit code, unless the app ended well.
            AppFailedError: In its place, in a notebook or at a prompt.
            KeyboardInterrupt: Likewise, when the app was interrupted there.
        """
        global _order
        if is_loaded_in_work():
            return
        if _order is not None:
            order, _order = _order, None
            options, observer, order.app = order.options, order.observer, self
        options = options or RunOptions()
        open_closed_streams()
        if observer is None:
            from lightgrid.terminal import make_observer  # rich is loaded when it is shown

            observer = make_observer(options.log_level)
        may_exit = not is_interactive()
        try:
            outcome = self.execute(options, observer)
        except ComponentError:  # it has run: the user's line is to be shown
            raise
        except LightgridError as error:
            if not may_exit:
                raise
            observer.said(str(error), is_problem=True)
            sys.exit(1)
        if not may_exit and outcome.was_interrupted:
            raise KeyboardInterrupt
        if not may_exit and outcome.exit_code:
            raise AppFailedError(outcome.message.rstrip(), outcome.exit_code) from None
        if outcome.message:
            observer.said(outcome.message.rstrip(), is_problem=outcome.exit_code == 1)
        if outcome.exit_code:
            sys.exit(outcome.exit_code)

    def execute(self, options: RunOptions, observer: Observer) -> Outcome:
        """Run the app until it ends and return how it did."""
        from lightgrid.execution import execute  # loads gRPC: a work imports this module too

        if self.outcome is not None or node_of(self.root).backend is not None:
            raise ComponentError("an app runs once; make a new one to run it again")
        options = replace(options, preload=(*options.preload, *self.preload))
        self.outcome = execute(self.root, self.stop_grace_s, options, observer)
        return self.outcome


class _RunOnce(Flow):
    """The flow around a work that is the root of an app: runs it once and ends."""

    def __init__(self, work: Work) -> None:
        super().__init__()
        self.work = work

    def run(self) -> None:
        self.work.run()
        if self.work.status.stage.is_end:
            self.stop()


@dataclass(slots=True)
class Order:
    """How the app of a file is to be run, for the first `app.run()` in it.

    Attributes:
        options: In place of its own.
        observer: Likewise.
        app: The one that was run so.
    """

    options: RunOptions
    observer: Observer
    app: App | None = None


_order: Order | None = None


@contextlib.contextmanager
def ordered(order: Order) -> Iterator[None]:
    """Have the first `app.run()` meanwhile follow an order."""
    global _order
    _order = order
    try:
        yield
    finally:
        _order = None
