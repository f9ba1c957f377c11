"""What is told of an app that did not come to where a test waits for it."""

from __future__ import annotations

import json
import sys
import threading
import traceback
from collections.abc import Sequence
from contextlib import suppress
from typing import Any, Final

from lightgrid.component.flow import Flow

_SHOWN_LINES: Final = 20
_SHOWN_FRAMES: Final = 8


class NotReachedError(AssertionError):
    """What a test waits for did not come; the app's last state is in the message."""


def last_state(root: Flow, run_count: int, printed: Sequence[tuple[str, str]]) -> str:
    """Return the state of an app as text, with the last lines that its works have printed."""
    lines = [f"{name}: {line}" for name, line in printed[-_SHOWN_LINES:]]
    state: Any = None
    with suppress(Exception):  # it may be changing at this moment
        state = root.state
    told = json.dumps(state, indent=1, default=repr)
    return "\n".join([f"The last state of {run_count} runs:", told, *lines])


def stack_of(thread: threading.Thread) -> str:
    """Return where the flow's thread is, as text; "" when it has ended."""
    frame = sys._current_frames().get(thread.ident or 0)
    if frame is None:
        return ""
    where = "".join(traceback.format_stack(frame)[-_SHOWN_FRAMES:])
    return f"\nThe flow's thread is here:\n{where}"
