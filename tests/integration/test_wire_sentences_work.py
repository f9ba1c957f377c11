"""The sentences of work_service.proto, said to a server."""

import pytest
from integration.wire_peer import (
    LIMITS,
    MIB,
    RUNNING,
    SUCCEEDED,
    WireFlow,
    a_map,
    a_text,
    an_int,
    end_of,
    metadata,
    wait_until,
)

from lightgrid.protocol.limits import LeaseTerms, Limits
from lightgrid.protocol.messages import CallError, CallErrorReason, CallState, Run
from lightgrid.state.delta import Set, Splice
from lightgrid_protos.v1 import work_service_pb2

#: What gRPC's clients take unless they are told otherwise.
DEFAULT_CLIENT_BYTES = 4 * MIB


@pytest.fixture(scope="module")
def flow():
    with WireFlow() as flow:
        yield flow


@pytest.fixture
def peer(flow):
    return flow.add().joined()


def kinds(commands):
    return [one.WhichOneof("command") for one in commands]


def connected(peer, seq=2):
    """Return a delta stream that has carried a batch."""
    stream = peer.stream()
    stream.put(peer.batch(seq, (["c"], an_int(seq))))
    wait_until(lambda: peer.value()["c"] == seq)
    return stream


# --- every call: tests/integration/test_server_auth.py has a test for each and each token -----


@pytest.mark.parametrize("method", ["WorkService/RegisterWork", "WorkService/ReleaseWork"])
def test_the_token_is_looked_at_before_anything_else_of_a_call(flow, method):
    raw = flow.channel.unary_unary(f"/lightgrid.v1.{method}")
    for token, how in (
        ("wrong", "UNAUTHENTICATED TOKEN_INVALID"),
        ("", "UNAUTHENTICATED TOKEN_MISSING"),
    ):
        end = end_of(lambda token=token: raw(b"\xff\xff", metadata=metadata(token), timeout=30))
        assert end == how
    stream = flow.channel.stream_unary("/lightgrid.v1.DeltaService/StreamDeltas")
    end = end_of(lambda: stream(iter([b"\xff\xff"]), metadata=metadata("wrong"), timeout=30))
    assert end == "UNAUTHENTICATED TOKEN_INVALID"


def test_a_works_token_opens_that_one_work(flow, peer):
    other = flow.add()
    other.work = peer.work
    assert end_of(other.register) == "PERMISSION_DENIED NOT_ALLOWED"


# --- RegisterWork -----


def test_it_ends_the_live_streams_of_the_session_before_it_reads_acked_seq(peer):
    stream = connected(peer)
    assert peer.register().acked_seq == 2
    assert stream.ended() == "ABORTED SESSION_UNKNOWN"
    assert peer.send(peer.batch(3, (["c"], an_int(3)))) == 3


def test_the_same_instance_id_gets_its_session_back_while_the_lease_lasts(flow, peer):
    before = peer.session_id
    flow.pass_time(29)
    answer = peer.register()
    assert (answer.session_id, answer.acked_seq, answer.epoch) == (before, 1, 1)
    assert not answer.snapshot_required


def test_after_that_it_begins_a_new_epoch_with_a_snapshot(flow, peer):
    before, stream, commands = peer.session_id, connected(peer), peer.commands()
    next(commands)
    flow.pass_time(31)
    # Silence for longer than the lease ends the session and its streams.
    assert stream.ended() == "ABORTED SESSION_UNKNOWN"
    assert end_of(lambda: list(commands)) == "ABORTED SESSION_UNKNOWN"
    assert end_of(lambda: peer.send(peer.batch(3))) == "ABORTED SESSION_UNKNOWN"
    answer = peer.register()
    assert answer.session_id != before
    assert (answer.epoch, answer.acked_seq, answer.snapshot_required) == (2, 0, True)


def test_a_batch_or_a_heartbeat_each_interval_keeps_the_session(flow, peer):
    for _ in range(5):
        flow.pass_time(10)
        assert peer.send(peer.batch(0)) == 1
    assert peer.register().epoch == 1


def test_another_instance_starts_a_new_epoch_for_good_if_the_holder_has_no_live_stream(peer):
    assert peer.register("two").epoch == 2
    for _ in range(2):
        assert end_of(lambda: peer.register("one")) == "FAILED_PRECONDITION EPOCH_FENCED"


def test_another_instance_starts_a_new_epoch_if_the_holder_is_known_to_be_gone(peer):
    peer.release(1)
    assert peer.register("two").epoch == 2


def test_else_it_gets_work_held_and_is_told_when_to_ask_again(peer):
    stream = connected(peer)
    end = end_of(lambda: peer.register("two"))
    assert end == "ALREADY_EXISTS WORK_HELD"
    assert end.retry_after_s > 0
    assert stream.half_close() == 2


def test_the_streams_of_one_that_was_replaced_are_fenced(flow, peer):
    stream, commands = connected(peer), peer.commands()
    next(commands)
    with flow.hub.as_one_step():
        flow.hub.process_gone(peer.work, None)
        flow.hub.works.register(peer.work, "two", [], "")
    for end in (stream.ended(), end_of(lambda: list(commands))):
        assert end == "FAILED_PRECONDITION EPOCH_FENCED"
    assert end_of(lambda: peer.send(peer.batch(3))) == "ABORTED SESSION_UNKNOWN"


def test_one_of_another_launch_than_the_newest_is_fenced(flow):
    peer = flow.add()
    flow.hub.expect_process(peer.work, "first")
    flow.hub.expect_process(peer.work, "second")
    end = end_of(lambda: peer.register("one", launch_id="first"))
    assert end == "FAILED_PRECONDITION EPOCH_FENCED"
    assert peer.register("two", launch_id="second").epoch == 1
    assert peer.register("two", launch_id="second").epoch == 1


def test_register_work_is_safe_to_retry(peer):
    answers = [peer.register() for _ in range(3)]
    assert answers[0] == answers[1] == answers[2]


def test_the_answer_has_all_that_a_work_needs(flow):
    answer = flow.add().register(features=["updates", "python-arguments", "nobody-knows"])
    assert len(answer.session_id) >= 32
    assert answer.heartbeat_interval.seconds == 10
    assert answer.lease_ttl.seconds == 30
    assert answer.rejoin_timeout.seconds == 60
    assert answer.tree_id == flow.hub.tree.tree_id
    assert sorted(answer.features) == ["python-arguments", "updates"]
    for limit in work_service_pb2.Limits.DESCRIPTOR.fields:
        assert getattr(answer.limits, limit.name) == getattr(LIMITS, limit.name)


# --- ReleaseWork -----


def test_a_session_that_was_released_is_told_ok_again(peer):
    for _ in range(3):
        peer.release(1)
    assert end_of(peer.register) == "FAILED_PRECONDITION EPOCH_FENCED"


def test_until_the_last_batch_is_taken_the_answer_is_batches_pending(peer):
    assert end_of(lambda: peer.release(2)) == "FAILED_PRECONDITION BATCHES_PENDING"
    peer.send(peer.batch(2, (["c"], an_int(2))))
    peer.release(2)


def test_leaving_ends_every_call_without_an_end(flow, peer):
    flow.hub.call(peer.work, Run("begun"))
    flow.hub.call(peer.work, Run("waits"))
    peer.send(peer.batch(2, calls=[{"call_id": "begun", "state": RUNNING}]))
    peer.release(2)
    ends = {call.call_id: call.state for call in peer.merge()}
    assert ends == {"begun": CallState.CANCELLED, "waits": CallState.CANCELLED}


def test_leaving_does_not_end_the_call_that_started_a_program(flow, peer):
    flow.hub.call(peer.work, Run("started it"), by_launch=True)
    peer.release(1)
    assert peer.merge() == []


# --- programs: tests/integration/test_app_listening.py starts some -----


def test_a_program_is_not_told_of_the_call_that_started_it(flow, peer):
    flow.hub.call(peer.work, Run("started it"), by_launch=True)
    flow.hub.call(peer.work, Run("another"))
    assert [one.run.call_id for one in peer.told(2)[1:]] == ["another"]


@pytest.mark.parametrize("exit_code", [0, 1])
def test_the_exit_code_ends_the_call_that_started_it_and_what_it_did_not_end(flow, peer, exit_code):
    flow.hub.call(peer.work, Run("started it"), by_launch=True)
    flow.hub.call(peer.work, Run("another"))
    death = None if exit_code == 0 else CallError("ProcessDied", "exit code 1")
    flow.hub.process_gone(peer.work, death, "" if death else "started it")
    ends = {one.call_id: one.state for one in peer.merge()}
    failed = CallState.FAILED
    assert ends == (
        {"started it": failed, "another": failed}
        if death
        else {"started it": CallState.SUCCEEDED, "another": CallState.CANCELLED}
    )


@pytest.mark.parametrize("exit_code", [0, 1])
def test_an_end_that_the_program_has_told_stands_whatever_the_exit_code(flow, peer, exit_code):
    flow.hub.call(peer.work, Run("started it"), by_launch=True)
    peer.send(peer.batch(2, calls=[{"call_id": "started it", "state": SUCCEEDED}]))
    death = None if exit_code == 0 else CallError("ProcessDied", "exit code 1")
    flow.hub.process_gone(peer.work, death, "" if death else "started it")
    assert [one.state for one in peer.merge()] == [CallState.SUCCEEDED]


# --- WatchCommands -----


def test_on_every_connect_the_server_first_sends_what_holds(flow, peer):
    for name in ("first", "second", "third", "given up"):
        flow.hub.call(peer.work, Run(name))
    peer.told(5)
    peer.send(peer.batch(2, calls=[{"call_id": "first", "state": SUCCEEDED}]))
    flow.hub.end_calls(peer.work, ["given up"])
    for _ in range(2):
        told = peer.told(4)
        assert sorted(kinds(told)) == ["ack", "cancel", "run", "run"]
        assert kinds(told)[0] == "ack"
        assert [one.run.call_id for one in told if one.HasField("run")] == ["second", "third"]
        assert [one.cancel.call_id for one in told if one.HasField("cancel")] == ["given up"]
    flow.hub.stop(peer.work, 7.5)
    for _ in range(2):
        told = peer.told(4)
        assert kinds(told) == ["ack", "run", "run", "stop"]  # a stop ends all
        assert told[3].stop.grace.ToSeconds() == 7


def test_a_second_stream_of_commands_ends_the_first(peer):
    first = peer.commands()
    next(first)
    second = peer.commands()
    next(second)
    assert end_of(lambda: list(first)) == "ABORTED STREAM_SUPERSEDED"
    second.cancel()


@pytest.mark.parametrize("end", ["SUCCEEDED", "FAILED", "CANCELLED"])
def test_a_call_that_has_ended_in_whatever_way_is_not_sent_again(flow, peer, end):
    flow.hub.call(peer.work, Run("ends"))
    flow.hub.call(peer.work, Run("goes on"))
    peer.send(peer.batch(2, calls=[{"call_id": "ends", "state": f"CALL_STATE_{end}"}]))
    assert [one.run.call_id for one in peer.told(2)[1:]] == ["goes on"]


def test_one_that_ended_without_the_works_word_is_followed_by_a_cancel(flow, peer):
    commands = peer.commands()
    next(commands)
    flow.hub.call(peer.work, Run("one"))
    assert next(commands).run.call_id == "one"
    flow.hub.end_calls(peer.work, ["one"])
    assert next(commands).cancel.call_id == "one"
    commands.cancel()


def test_ended_by_a_stop_calls_get_no_cancels(flow, peer):
    commands = peer.commands()
    next(commands)
    flow.hub.call(peer.work, Run("one"))
    next(commands)
    with flow.hub.as_one_step():
        flow.hub.end_calls(peer.work, ["one"])
        flow.hub.stop(peer.work, 1.0)
    assert next(commands).HasField("stop")
    commands.cancel()


@pytest.mark.parametrize("limits", [Limits(), Limits(max_message_bytes=64 * MIB)])
def test_no_message_is_larger_than_4_mib(limits):
    text = "x" * MIB
    with WireFlow(limits) as flow:
        peer = flow.add(receives_updates=True)
        peer.register(features=["updates", "python-arguments"])
        peer.send(peer.snapshot(1))
        commands = peer.commands()  # by a client with gRPC's default limit
        next(commands)
        revision = peer.write(Set(("items",), [text] * 9))
        flow.hub.call(peer.work, Run("args", args=[text] * 9, kwargs={"k": text}))
        flow.hub.call(peer.work, Run("pickle", python_arguments=b"x" * (9 * MIB)))
        parts = {"update": [], "args": [], "pickle": []}
        while not parts["pickle"] or parts["pickle"][-1].more:
            part = next(commands)
            assert part.ByteSize() <= DEFAULT_CLIENT_BYTES
            kind = part.WhichOneof("command")
            if kind != "ack":
                parts[part.run.call_id if kind == "run" else kind].append(part)
        commands.cancel()
        for several in parts.values():
            # The same command goes on in the next message, until one with more unset.
            assert [part.more for part in several] == [True] * (len(several) - 1) + [False]
        assert sum(len(part.run.args) for part in parts["args"]) == 9
        assert sum(len(part.run.python_arguments) for part in parts["pickle"]) == 9 * MIB
        assert parts["update"][0].update.revision == revision
        inserted = [op.splice.insert for part in parts["update"] for op in part.update.ops]
        assert sum(map(len, inserted)) == 9


# --- limits -----


OVER = {
    "max_message_bytes": lambda peer: [peer.batch(2, (["c"], a_text("x" * (2 * MIB))))],
    "max_batch_bytes": lambda peer: [
        peer.batch(2, (["c"], a_text("x" * (MIB - 100))), more=True) for _ in range(4)
    ],
    "max_ops_per_message": lambda peer: [
        peer.batch(2, *[(["c"], an_int(1))] * (LIMITS.max_ops_per_message + 1))
    ],
    "max_path_segments": lambda peer: [
        peer.batch(2, (["items"] * (LIMITS.max_path_segments + 1), an_int(1)))
    ],
    "max_value_depth": lambda peer: [peer.batch(2, (["c"], nested(LIMITS.max_value_depth + 1)))],
    "max_nodes": lambda peer: [
        peer.batch(2, (["c"], a_map(**{f"k{number}": an_int(1) for number in range(1001)})))
    ],
}


def nested(depth):
    value = an_int(1)
    for _ in range(depth):
        value = a_map(k=value)
    return value


@pytest.mark.parametrize("limit", OVER)
def test_over_a_limit_the_answer_names_it_and_ends_the_stream(peer, limit):
    end = end_of(lambda: peer.send(*OVER[limit](peer)))
    assert end == "RESOURCE_EXHAUSTED LIMIT_EXCEEDED"
    assert end.facts["limit"] == limit
    assert end.facts["value"] == str(getattr(LIMITS, limit))
    assert peer.value()["c"] == 0


def test_every_limit_is_in_this_list():
    assert set(OVER) == {field.name for field in work_service_pb2.Limits.DESCRIPTOR.fields}


def test_a_message_of_more_than_four_times_the_limit_is_refused_by_grpc_itself(peer):
    just_below = peer.batch(2, (["c"], a_text("x" * (4 * MIB - 100))))
    assert end_of(lambda: peer.send(just_below)).facts["limit"] == "max_message_bytes"
    end = end_of(lambda: peer.send(peer.batch(2, (["c"], a_text("x" * (5 * MIB))))))
    assert (end.code, end.reason) == ("RESOURCE_EXHAUSTED", "")


def test_a_snapshot_is_one_batch_so_the_limit_bounds_the_works_whole_state(peer):
    text = a_text("x" * (MIB // 2))
    parts = [peer.batch(seq, (["c", str(seq)], text)) for seq in range(3, 10)]
    end = end_of(lambda: peer.send(peer.batch(2, (["c"], a_map())), *parts))
    assert end.facts["limit"] == "max_batch_bytes"


# --- commands -----


def test_acknowledgements_only_rise_and_what_is_applied_is_seen_by_the_flow(flow, peer):
    commands = peer.commands()
    told = [next(commands).ack]
    stream = connected(peer, seq=2)
    stream.put(peer.batch(3, (["c"], an_int(3))))
    wait_until(lambda: flow.hub.works.acked_seq_of(peer.work) == 3)
    while told[-1].applied_seq < 3:
        peer.merge()
        stream.put(peer.batch(0))  # asks how far it is
        told.append(next(commands).ack)
        assert told[-1].applied_seq <= told[-1].acked_seq
    for name in ("acked_seq", "applied_seq"):
        numbers = [getattr(ack, name) for ack in told]
        assert numbers == sorted(numbers)
    commands.cancel()
    assert stream.half_close() == 3


def test_a_write_goes_with_the_next_run_command_until_a_batch_says_that_it_was_seen(flow, peer):
    revision = peer.write(Set(("c",), 5))
    flow.hub.call(peer.work, Run("one", args=[1], kwargs={"a": 2}))
    for _ in range(2):
        _, run = (one.run for one in peer.told(2))
        assert (run.call_id, run.method_name, run.revision) == ("one", "run", revision)
        assert [(list(op.path), op.set.int_value) for op in run.ops] == [(["c"], 5)]
        assert (run.args[0].int_value, run.kwargs["a"].int_value) == (1, 2)
    begins = peer.batch(2, calls=[{"call_id": "one", "state": RUNNING}], seen_revision=revision)
    assert peer.send(begins) == 2
    assert not peer.told(2)[1].run.ops
    assert peer.value()["c"] == 5


def test_to_a_work_without_the_feature_no_update_is_sent(flow):
    peer = flow.add(receives_updates=True).joined()
    peer.write(Set(("c",), 5))
    flow.hub.call(peer.work, Run("one"))
    told = peer.told(2)
    assert kinds(told) == ["ack", "run"]
    assert [list(op.path) for op in told[1].run.ops] == [["c"]]


def test_a_write_is_dropped_if_the_work_changes_that_variable_before(flow, peer):
    peer.write(Set(("c",), 5), Set(("items",), [1]))
    peer.send(peer.batch(2, (["c"], an_int(7))))
    assert peer.value() == {"c": 7, "items": [1]}
    flow.hub.call(peer.work, Run("one"))
    assert [list(op.path) for op in peer.told(2)[1].run.ops] == [["items"]]


def test_the_flow_is_told_of_a_write_that_is_lost(flow, peer):
    peer.write(Set(("c",), 5))
    peer.send(peer.batch(2, (["c"], an_int(7))))
    assert [news.lost for name, news in flow.hub.merge() if name == peer.work] == [("c",)]


def test_a_pickle_is_sent_only_to_a_work_that_listed_python_arguments(flow):
    run = Run("objects", python_arguments=b"a pickle")
    reads = flow.add().joined(features=["python-arguments"])
    flow.hub.call(reads.work, run)
    assert reads.told(2)[1].run.python_arguments == b"a pickle"
    reads_none = flow.add().joined()
    flow.hub.call(reads_none.work, run)
    flow.hub.call(reads_none.work, Run("plain"))
    assert [one.run.call_id for one in reads_none.told(2)[1:]] == ["plain"]
    (end,) = reads_none.merge()
    assert (end.call_id, end.error.reason) == ("objects", CallErrorReason.INVALID_CALL)


def test_updates_after_seen_revision_are_told_and_their_revision_only_rises(flow):
    peer = flow.add(receives_updates=True).joined(features=["updates"])
    first = peer.write(Set(("c",), 5))
    second = peer.write(Splice(("items",), 0, 0, [1]))
    told = peer.told(2)[1].update
    assert (told.revision, len(told.ops), told.snapshot) == (second, 2, False)
    told = peer.told(2, seen_revision=first)[1].update
    assert (told.revision, [list(op.path) for op in told.ops]) == (second, [["items"]])


def test_include_state_begins_with_an_update_that_holds_all_variables(flow, peer):
    peer.value()
    peer.write(Set(("c",), 5))
    told = next(one.update for one in peer.told(2, include_state=True) if one.HasField("update"))
    assert told.snapshot
    assert list(told.ops[0].path) == []
    whole = told.ops[0].set.map_value
    assert list(whole.keys) == ["c", "items"]
    assert whole.values[0].int_value == 5


def test_after_the_grace_of_a_stop_the_server_ends_the_session_and_its_streams(flow, peer):
    stream, commands = connected(peer), peer.commands()
    next(commands)
    flow.hub.stop(peer.work, 1.0)
    flow.pass_time(1.1)
    for ended in (stream.ended(), end_of(lambda: list(commands)), end_of(peer.register)):
        assert ended == "FAILED_PRECONDITION WORK_STOPPED"
    assert flow.add().register().epoch == 1  # it alone


def test_silence_ends_the_session_of_a_work_that_never_opened_a_stream():
    with WireFlow(terms=LeaseTerms(1.0, 3.0)) as flow:
        peer = flow.add()
        first = peer.register().session_id
        flow.pass_time(4.0)
        assert peer.register().session_id != first
