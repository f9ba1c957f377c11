"""Words and characters, as they are shown to people."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any, Final

from lightgrid.component.status import StatusReason, WorkStage, WorkStatus
from lightgrid.errors import short_name

#: Everything that moves the cursor, colours, hides or turns text around; not the tab.
_CONTROL: Final = re.compile("[\x00-\x08\x0a-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")
_CONTROL_BUT_NEWLINE: Final = re.compile(_CONTROL.pattern.replace("\x0a-\x1f", "\x0b-\x1f"))

#: What is said of a work when it gets there; nothing of what is of no interest.
_NEWS: Final = {
    WorkStage.STARTED: "has started",
    WorkStage.RUNNING: "is running",
    WorkStage.SUCCEEDED: "has succeeded",
    WorkStage.FAILED: "has failed",
    WorkStage.STOPPED: "has stopped",
}


def escape_line(line: str) -> str:
    """Return a line of a program with its control characters made visible.

    What a carriage return has overwritten is left out: of a progress bar the
    last state is of interest.
    """
    return _CONTROL.sub(_escape, line.rpartition("\r")[2])


def escape_text(text: str) -> str:
    """Return several lines with their control characters made visible."""
    return _CONTROL_BUT_NEWLINE.sub(_escape, text)


def status_news(work: str, status: WorkStatus) -> str:
    """Return what there is to say about a work's new status; nothing for some."""
    if status.reason is StatusReason.RESTARTING and status.message:
        error = escape_line(_cause(status))
        return f"{short_name(work)} has failed and is started again: {error}"
    verb = _NEWS.get(status.stage)
    if verb is None:
        return ""
    reason = f" ({status.reason})" if status.reason else ""
    cause = _cause(status) if status.stage is WorkStage.FAILED else ""
    return f"{short_name(work)} {verb}{reason}" + (f": {escape_line(cause)}" if cause else "")


def _cause(status: WorkStatus) -> str:
    """Return the one line of a status' message that says what has happened."""
    lines = status.message.strip("\n").split("\n")
    if status.reason is not StatusReason.NEVER_REGISTERED:
        # What follows is a trace, or anything that the process printed.
        return lines[0].removesuffix(" Its last output:").strip()
    frames = [number for number, line in enumerate(lines) if line.startswith('  File "')]
    if frames:
        # What stands behind the last line of code: the error, whose text may go on.
        behind = (line for line in lines[frames[-1] + 1 :] if not line.startswith("    "))
        return next(behind, lines[-1]).strip()
    return lines[-1].strip()


def delta_text(told: Mapping[str, Any]) -> str:
    """Return a delta in DeepDiff's form as one line of text, in JSON's quotes.

    What JSON has no word for (bytes, types) stands there as Python writes it.
    """
    return json.dumps(told, ensure_ascii=False, default=_shown)


def _shown(value: object) -> str:
    return value.__name__ if isinstance(value, type) else repr(value)


def _escape(match: re.Match[str]) -> str:
    return match.group().encode("unicode_escape").decode()
