"""Optional parts of the protocol, which a work lists when it joins."""

from __future__ import annotations

from typing import Final

#: The work wants `Update` commands while it runs.
UPDATES: Final = "updates"
#: The work reads `Run.python_arguments`.
PYTHON_ARGUMENTS: Final = "python-arguments"
#: A program that was started for one call takes other calls as commands.
CALLS: Final = "calls"
#: Those that the flow server knows.
FEATURES: Final = (UPDATES, PYTHON_ARGUMENTS, CALLS)
