"""Works whose methods are `async def`, in real processes."""

import pytest

import lightgrid as L
from lightgrid.testing import stepping


class Connection:
    """Belongs to the event loop that it was opened in, as those of databases do."""

    def __init__(self, loop):
        self._loop = loop

    async def ask(self):
        import asyncio

        return asyncio.get_running_loop() is self._loop


class Async(L.Work):
    def __init__(self):
        super().__init__(parallel=True, raise_exception=False, cache_calls=False, stop_grace_s=5.0)
        self.told = []
        self._connection = None

    async def on_start(self):
        import asyncio

        self._connection = Connection(asyncio.get_running_loop())

    async def run(self, what):
        import asyncio

        if what == "ask":
            return await self._connection.ask()
        if what == "fail":
            raise ValueError("no luck")
        if what == "bad":
            self.told = [{1}]
            await asyncio.sleep(1000)
        async with self._guarded():
            self.told.append("waiting")
            await asyncio.sleep(1000)
        return None

    def _guarded(self):
        import asyncio
        import contextlib

        @contextlib.asynccontextmanager
        async def guarded():
            try:
                yield
            finally:
                await asyncio.sleep(0.3)  # three times as long as a stop is repeated after
                self.told.append("cleaned up")

        return guarded()

    async def on_exit(self):
        import asyncio

        await asyncio.sleep(0)
        self.told.append(f"closed: {await self._connection.ask()}")


class Root(L.Flow):
    def __init__(self):
        super().__init__()
        self.w = Async()

    def run(self):
        pass


@pytest.fixture
def app():
    with stepping(Root(), see=lambda: None) as app:
        app.run_until(lambda: True)
        yield app


def ended(app):
    app.run_until(lambda: app.app.root.w.status.stage.is_end)
    return app.app.root.w.status


def test_a_run_that_is_async_returns_fails_and_shares_a_loop_with_on_start(app):
    work = app.app.root.w
    work.run("ask")
    assert ended(app).result is True
    work.run("fail")
    end = ended(app)
    assert end.stage == "failed"
    assert end.message.startswith("ValueError: no luck\n")
    assert "lightgrid/worker/" not in end.message


def test_a_run_that_is_async_and_stopped_cleans_up_and_waits_while_it_does(app):
    work = app.app.root.w
    work.run("wait")
    app.run_until(lambda: work.told == ["waiting"])
    pid = app.pid_of(work)
    work.stop()
    app.run_until(lambda: app.is_gone(pid))
    assert work.told == ["waiting", "cleaned up", "closed: True"]
    assert app.lines_of(work) == []


def test_a_run_that_is_async_and_leaves_what_cannot_be_state_fails(app):
    work = app.app.root.w
    work.run("bad")
    end = ended(app)
    assert (end.stage, end.reason) == ("failed", "invalid_state")
    assert "set cannot be state" in end.message


def test_a_flow_whose_run_is_async_is_told_where_to_wait():
    class Waiting(L.Flow):
        async def run(self):
            pass

    with pytest.raises(L.ComponentError, match=r"async def in .*_async\.py, line \d+.*work"):
        Waiting()
