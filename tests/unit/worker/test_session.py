"""What a session does with each answer, against a server of a few lines."""

import asyncio

import pytest

from lightgrid.errors import FlowUnavailableError, Reason, RefusedError
from lightgrid.protocol import membership
from lightgrid.protocol.limits import LeaseTerms, Limits
from lightgrid.protocol.messages import Ack, CallState, CallUpdate, Registration, Resync, Stop
from lightgrid.protocol.outbox import Outbox
from lightgrid.worker.session import WorkSession


class FakeStream:
    def __init__(self, client):
        self.client = client
        self.ended = asyncio.get_running_loop().create_future()

    async def send(self, batch):
        if self.ended.done():
            raise FlowUnavailableError("ended")
        if batch.seq == 0:
            self.client.heartbeats += 1
            return
        self.client.sent.append(batch)
        error = self.client.refusals.pop(0) if self.client.refusals else None
        if error is not None:
            self.ended.set_exception(error)
            return
        self.client.taken = batch.seq
        self.client.commands.put_nowait(Ack(batch.seq, batch.seq))

    async def wait_end(self):
        return await asyncio.shield(self.ended)


class FakeClient:
    def __init__(self):
        self.registered = []
        self.answers = []
        self.sent = []
        self.refusals = []
        self.releases = []
        self.release_answers = []
        self.heartbeats = 0
        self.heartbeat_s = 10.0
        self.taken = 0
        self.commands = asyncio.Queue()

    async def register(self, work, instance_id, features, user_agent, launch_id=""):
        self.registered.append(instance_id)
        answer = self.answers.pop(0) if self.answers else None
        if isinstance(answer, Exception):
            raise answer
        needs = answer == "snapshot" or not self.sent
        terms = LeaseTerms(self.heartbeat_s, 30.0)
        return Registration(f"s{len(self.registered)}", 1, self.taken, needs, terms, Limits())

    def open_deltas(self, session_id, limits):
        return FakeStream(self)

    async def watch_commands(self, session_id, seen_revision, limits, *, include_state):
        while True:
            yield await self.commands.get()

    async def release(self, session_id, final_seq):
        self.releases.append(final_seq)
        answer = self.release_answers.pop(0) if self.release_answers else None
        if answer is not None:
            raise answer


@pytest.fixture
def world(monkeypatch):
    monkeypatch.setattr(membership, "longest_pause_s", lambda failures: 0.001)

    class World:
        def __init__(self):
            self.client = FakeClient()
            self.outbox = Outbox(lambda: {"x": 1})
            self.delivered = []
            self.session = WorkSession(
                self.client, "w", self.outbox, ["f"], self.delivered.append, lambda: None
            )

        async def until(self, condition):
            async with asyncio.timeout(20):
                while not condition():
                    await asyncio.sleep(0.001)

    return World


def play(world, script):
    async def main():
        one = world()
        running = asyncio.ensure_future(one.session.run("test"))
        try:
            return await script(one, running)
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)

    return asyncio.run(main())


def refused(reason, **facts):
    return RefusedError(reason, "no", facts)


def test_a_session_begins_with_a_snapshot_and_goes_on_with_batches(world):
    async def script(one, _):
        await one.until(lambda: one.outbox.acked_seq == 1)
        one.outbox.put((), [CallUpdate("c", CallState.RUNNING)])
        one.session.wake()
        await one.until(lambda: one.session.applied_seq == 2)
        assert [batch.snapshot for batch in one.client.sent] == [True, False]
        assert one.client.heartbeats == 1

    play(world, script)


@pytest.mark.parametrize(
    "reason", [Reason.SESSION_UNKNOWN, Reason.SEQUENCE_GAP, Reason.STREAM_SUPERSEDED]
)
def test_an_aborted_stream_is_opened_again_by_the_same_instance(world, reason):
    async def script(one, _):
        one.client.refusals = [refused(reason)]
        await one.until(lambda: one.outbox.acked_seq > 0)
        assert len(one.client.registered) == 2
        assert len(set(one.client.registered)) == 1

    play(world, script)


def test_a_server_that_refuses_snapshots_for_ever_is_left(world):
    async def script(one, running):
        one.client.refusals = [refused(Reason.SNAPSHOT_REQUIRED) for _ in range(9)]
        with pytest.raises(RefusedError, match="3 times"):
            await running
        assert len(one.client.sent) == 3

    play(world, script)


@pytest.mark.parametrize(
    "reason",
    [Reason.EPOCH_FENCED, Reason.WORK_STOPPED, Reason.NO_SUCH_WORK, Reason.BAD_OP,
     Reason.TOKEN_INVALID, Reason.NOT_ALLOWED, Reason.LIMIT_EXCEEDED],
)  # fmt: skip
def test_other_refusals_end_the_session(world, reason):
    async def script(one, running):
        one.client.answers = [refused(reason)]
        with pytest.raises(RefusedError) as caught:
            await running
        assert caught.value.reason is reason

    play(world, script)


def test_an_unreachable_server_and_a_held_work_are_asked_again(world):
    async def script(one, _):
        one.client.answers = [
            FlowUnavailableError("down"),
            refused(Reason.WORK_HELD, retry_after_s=0.01),
            FlowUnavailableError("down"),
        ]
        await one.until(lambda: one.outbox.acked_seq == 1)
        assert len(one.client.registered) == 4

    play(world, script)


def test_heartbeats_are_sent_however_often_it_is_woken_for_nothing(world):
    async def script(one, _):
        one.client.heartbeat_s = 0.02

        def wake_and_look():
            one.session.wake()
            return one.client.heartbeats > 3

        await one.until(wake_and_look)

    play(world, script)


def test_resync_sends_a_snapshot_and_commands_are_delivered(world):
    async def script(one, _):
        await one.until(lambda: one.outbox.acked_seq == 1)
        one.client.commands.put_nowait(Resync())
        one.client.commands.put_nowait(Stop(1.0))
        await one.until(lambda: one.outbox.acked_seq == 2)
        assert one.client.sent[-1].snapshot
        assert one.delivered == [Stop(1.0)]

    play(world, script)


def test_a_goodbye_waits_for_the_last_batch(world):
    async def script(one, _):
        await one.until(lambda: one.outbox.acked_seq == 1)
        one.client.release_answers = [
            refused(Reason.BATCHES_PENDING),
            FlowUnavailableError("down"),
            refused(Reason.SESSION_UNKNOWN),
        ]
        assert await one.session.release()
        assert one.client.releases == [1, 1, 1, 1]

    play(world, script)


def test_a_work_that_is_told_to_go_says_no_goodbye_again(world):
    async def script(one, _):
        await one.until(lambda: one.outbox.acked_seq == 1)
        one.client.release_answers = [refused(Reason.WORK_STOPPED)]
        assert not await one.session.release()
        assert one.client.releases == [1]

    play(world, script)


def test_a_server_that_stays_away_gets_no_goodbye(world, monkeypatch):
    monkeypatch.setattr(membership, "LeaseTerms", lambda: LeaseTerms(rejoin_timeout_s=0.05))

    async def script(one, _):
        one.client.answers = [FlowUnavailableError("down")] * 10_000
        assert not await one.session.release()
        assert one.client.releases == []

    play(world, script)
