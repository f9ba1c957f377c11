"""What people are told whose flow never ends: because it forgets to, or because it loops."""

from __future__ import annotations

import contextlib
import sys
import threading
from collections.abc import Iterator
from types import FrameType
from typing import Final

from lightgrid.component.flow import Flow
from lightgrid.component.node import node_of
from lightgrid.frames import frames_below, is_own_file
from lightgrid.runtime.loop.app_loop import AppLoop
from lightgrid.runtime.loop.interruption import Interruption
from lightgrid.runtime.reporting.observer import Observer

#: How long nothing happens before a hint, in seconds.
_IDLE_HINT_AFTER_S: float = 10.0
#: How long nothing but one run happens before a hint, in seconds.
_RUN_HINT_AFTER_S: float = 10.0
#: How often, within that time, to see whether it still is the same run.
_LOOKS: Final = 5


def hint_at_standstill(root: Flow, loop: AppLoop, observer: Observer) -> None:
    """Say once that an app stands still, to whoever forgot that a flow ends by `stop`."""

    def look() -> None:
        left_s = _IDLE_HINT_AFTER_S - loop.runs.idle_s
        if left_s > 0:
            loop.timers.after(left_s, look)
        elif has_nothing_to_wait_for(root):
            observer.said(
                "no work runs, and the flow has had nothing to do for "
                f"{_IDLE_HINT_AFTER_S:.0f} s. If the app is done, call self.stop() in its run"
            )
        else:
            loop.timers.after(_IDLE_HINT_AFTER_S, look)

    loop.timers.after(_IDLE_HINT_AFTER_S, look)


def has_nothing_to_wait_for(root: Flow) -> bool:
    """Tell whether no work does anything, or will by itself, and no clock is waited for."""
    flows = (root, *root.flows.values())
    return not any(node_of(flow).schedules for flow in flows) and all(
        work.status.stage.is_end or not (work.has_started or work.connection)
        for work in root.works()
    )


@contextlib.contextmanager
def hinting_at_long_runs(loop: AppLoop, observer: Observer) -> Iterator[None]:
    """Say once, meanwhile, that a run of this thread's flow does not come to its end."""
    flow_thread = threading.get_ident()
    ending = threading.Event()

    def watch() -> None:
        last_run_count, looks = -1, 0
        while not ending.wait(_RUN_HINT_AFTER_S / _LOOKS):
            place = _place_in_run(sys._current_frames().get(flow_thread))
            looks = looks + 1 if place and loop.runs.passes.run == last_run_count else 0
            if looks == _LOOKS:
                observer.said(
                    f"the flow's run has not returned for {_RUN_HINT_AFTER_S:.0f} s; it is at "
                    f"{place}. Nothing of the works arrives while it runs: return from it, it is "
                    "called again when something has changed",
                    is_problem=True,
                )
                return
            last_run_count = loop.runs.passes.run

    thread = threading.Thread(target=watch, name="lightgrid hints", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ending.set()
        thread.join()


def _place_in_run(frame: FrameType | None) -> str:
    """Return where in the flow's code a thread is; "" while that does not run."""
    frames = frames_below(Interruption.call_user_code, frame)
    if not frames or is_own_file(frames[-1].f_code.co_filename):
        return ""
    return f"{frames[-1].f_code.co_filename}, line {frames[-1].f_lineno}"
