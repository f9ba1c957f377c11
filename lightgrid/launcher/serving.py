"""What every launcher process is set up with, whatever it starts."""

from __future__ import annotations

import resource
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress

from lightgrid.launcher.channel import Channel
from lightgrid.launcher.roles import close_all_but
from lightgrid.launcher.sentinel import Sentinel
from lightgrid.launcher.signals import Signals


@contextmanager
def serving(flow: Channel, over: int, signals: Signals) -> Iterator[tuple[int, Sentinel]]:
    """Serve a flow, with a sentinel; nothing of that is open in a child, or behind it.

    Yields:
        A descriptor that can be read when a child has ended, and the sentinel.
    """
    with ExitStack() as open_here:
        close_all_but(flow.fileno(), over)
        _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
        with suppress(OSError, ValueError):  # of each start that waits two are open, or more
            resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
        open_here.callback(flow.close)
        ends = open_here.enter_context(signals.waiting_for_children())
        sentinel = Sentinel(over)
        open_here.callback(sentinel.close)
        yield ends, sentinel
        sentinel.end()  # nothing is left for it to do, and it is not to outlive this process
