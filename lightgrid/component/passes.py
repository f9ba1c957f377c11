"""The runs of a flow, and the passes that they make up."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True)
class Passes:
    """Counts the runs of an app's flow and its passes.

    A call that is not complete holds a run up: it ends there. A pass is the runs from
    the first until one comes to its end without being held up. So what a pass does is
    what the flow's code says, once through, however many runs that takes.

    Attributes:
        run: The number of the run that goes on, or was the last.
        number: Of the pass that goes on, or comes next.
        last_full_run: The run that ended the last pass, and so asked for all that the
            flow asks for.
        is_held_up: The run has met a call that is not complete. Noted at the call: the
            exception may be caught on its way, by a flow that goes on with others.
        has_more: The run has gone past a call that the next pass makes again.
    """

    run: int = 0
    number: int = 0
    last_full_run: int = 0
    is_held_up: bool = False
    has_more: bool = False

    def begin_run(self) -> None:
        """Note that the root flow's `run` is called."""
        self.run += 1
        self.is_held_up = self.has_more = False

    def end_run(self) -> bool:
        """Note that it has returned; tell whether the next pass has something to do."""
        if self.is_held_up:
            return False
        self.number += 1
        self.last_full_run = self.run
        return self.has_more
