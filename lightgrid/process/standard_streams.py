"""The three streams that every program expects to have."""

from __future__ import annotations

import os
import sys
from typing import Final

_STREAMS: Final = (("stdin", "r"), ("stdout", "w"), ("stderr", "w"))


def open_closed_streams() -> None:
    """Open what this process was started without: nothing can be read there, all can be written.

    A daemon's parent, or `>&-` in a shell, closes them. Then Python has None in their place,
    and the next file that anything opens gets the number 1: what a child process writes to
    its stdout would go there.
    """
    for descriptor, (name, mode) in enumerate(_STREAMS):
        try:
            os.fstat(descriptor)
        except OSError:
            opened = os.open(os.devnull, os.O_RDWR)
            os.dup2(opened, descriptor)
            if opened != descriptor:
                os.close(opened)
        if getattr(sys, name) is None:
            # Not on the descriptor, which by now may be a file of the user's.
            setattr(sys, name, open(os.devnull, mode))  # noqa: SIM115 - as long as the process
