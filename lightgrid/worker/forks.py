"""Children that user code forks: ordinary processes, no part of the work."""

from __future__ import annotations

import os
import signal
import threading
import traceback
from collections.abc import Callable

from lightgrid.worker.output import flush_output


def watch_forks(forget_in_child: Callable[[], None]) -> None:
    """Have children of this process be ordinary ones.

    Signals wait meanwhile: one that reached a child before it has let go of our
    handlers would be lost, and with it what the parent of a pool wants of it.

    Args:
        forget_in_child: Called in each child.
    """
    masks: dict[int, set[signal.Signals | int]] = {}
    waiting = {signal.SIGTERM, signal.SIGURG}

    def before() -> None:
        masks[threading.get_ident()] = signal.pthread_sigmask(signal.SIG_BLOCK, waiting)

    def after() -> None:
        mask = masks.pop(threading.get_ident(), None)
        if mask is not None:
            signal.pthread_sigmask(signal.SIG_SETMASK, mask)

    def after_in_child() -> None:
        forget_in_child()
        after()

    os.register_at_fork(before=before, after_in_parent=after, after_in_child=after_in_child)


def end_child(error: BaseException | None) -> None:
    """End a forked child that came back out of user code, with what came out of it."""
    code = 0
    if isinstance(error, SystemExit):
        code = error.code if isinstance(error.code, int) else int(error.code is not None)
    elif error is not None:
        traceback.print_exception(error)
        code = 1
    end_now(code)


def end_now(code: int) -> None:
    """End this process without asking anyone."""
    flush_output()
    os._exit(code)
