"""Waking a coroutine from another thread."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager


class Bell:
    """Rung from any thread, waited for by one coroutine of the loop it was made in.

    Ringing a bell that has rung and was not heard yet costs nothing.
    """

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._event = asyncio.Event()
        self._has_rung = False

    def ring(self) -> None:
        """Wake the coroutine that waits, or the next one that will."""
        if not self._has_rung:
            self._has_rung = True
            self._loop.call_soon_threadsafe(self._event.set)

    async def wait(self, timeout_s: float | None = None) -> bool:
        """Wait until it rings; return False when it did not within the time."""
        try:
            async with asyncio.timeout(timeout_s):
                await self._event.wait()
        except TimeoutError:
            return False
        self._event.clear()
        self._has_rung = False
        return True


class Bells:
    """Bells that are rung together, by any thread.

    One thread adds and removes them while another rings: so there is a new tuple
    after each change, and who rings walks the one that he found.
    """

    def __init__(self) -> None:
        self._bells: tuple[Bell, ...] = ()

    def __len__(self) -> int:
        return len(self._bells)

    def ring(self) -> None:
        """Ring all of them."""
        for bell in self._bells:
            bell.ring()

    @contextmanager
    def listening(self) -> Iterator[Bell]:
        """Have a bell among them for as long as it is needed. In the loop's thread alone."""
        bell = Bell()
        self._bells = (*self._bells, bell)
        try:
            yield bell
        finally:
            self._bells = tuple(one for one in self._bells if one is not bell)
