"""Calls of every kind of work, and what is remembered of them, over real processes."""

import dataclasses
import os
import queue
import sys
import threading
import time

import grpc
import numpy as np
import pytest

import lightgrid as L
import lightgrid.component.calls
from lightgrid.component.node import node_of
from lightgrid.errors import ComponentError
from lightgrid.testing import run_work, stepping
from lightgrid_protos.v1 import delta_service_pb2, work_service_pb2
from lightgrid_protos.v1.delta_service_pb2_grpc import DeltaServiceStub
from lightgrid_protos.v1.work_service_pb2_grpc import WorkServiceStub


class Root(L.Flow):
    def __init__(self, **works):
        super().__init__()
        for name, work in works.items():
            setattr(self, name, work)

    def run(self):
        pass


# --- programs -----------------------------------------------------------------------------------


def test_any_program_is_a_work_with_its_exit_code_and_output():
    root = Root(
        good=L.CommandWork([sys.executable, "-c", "import sys; print(sys.argv[1:])"]),
        bad=L.CommandWork(
            ["sh", "-c", "echo to stdout; echo to stderr >&2; exit 3"],
            options={"raise_exception": False},
        ),
        missing=L.CommandWork(["no-such-program-here"], options={"raise_exception": False}),
    )
    with stepping(root) as app:
        app.run_until(lambda: True)
        assert not root.good.has_started
        root.good.run("a", 2, name="x", size=1.5)
        root.bad.run()
        root.missing.run()
        app.run_until(lambda: all(work.status.stage.is_end for work in root.works()))
        assert root.good.has_succeeded
        assert root.bad.status.reason == "process_died"
        assert "ended with exit code 3" in root.bad.status.message
        assert "to stdout" in root.bad.status.message
        assert "to stderr" in root.bad.status.message
        assert root.missing.has_failed
        assert "cannot start no-such-program-here" in root.missing.status.message
    assert app.lines_of(root.good) == ["['a', '2', '--name', 'x', '--size', '1.5']"]


def test_a_program_is_told_by_its_environment_where_its_flow_is():
    code = "import os; print({k: v for k, v in os.environ.items() if k in ('MINE', *KEYS)})"
    keys = ("LIGHTGRID_ADDRESS", "LIGHTGRID_WORK", "LIGHTGRID_TOKEN")
    work = L.CommandWork(
        [sys.executable, "-c", f"KEYS = {keys}; {code}"], environment={"MINE": "1"}, counter=0
    )
    run = run_work(work)
    assert run.status.stage == "succeeded"
    assert run.variables == {"counter": 0}
    (line,) = run.printed
    for told in ("'MINE': '1'", "'LIGHTGRID_WORK': 'root.work'", *keys):
        assert told in line


def test_calls_of_a_program_follow_one_another_and_one_that_fails_takes_no_other_along():
    work = L.CommandWork(["sh", "-c", 'echo "$0"; exit $0'], options={"raise_exception": False})
    root = Root(w=work)
    with stepping(root) as app:
        app.run_until(lambda: True)
        for code in (0, 7, 1, 0):
            root.w.run(code)
        root.w.run(0, "again")
        app.run_until(lambda: not node_of(root.w).calls.open_records())
        ends = [record.status.stage for record in node_of(root.w).calls.records.values()]
    assert ends == ["succeeded", "failed", "failed", "succeeded"]
    assert app.lines_of(root.w) == ["0", "7", "1", "0"]


def test_a_program_that_fails_ends_the_app_unless_it_may():
    class Calling(L.Flow):
        def __init__(self):
            super().__init__()
            self.w = L.CommandWork(["sh", "-c", "echo no luck; exit 4"])

        def run(self):
            self.w.run()

    with stepping(Calling()) as app:
        outcome = app.run_until_end()
    assert outcome.exit_code == 1
    assert "ended with exit code 4" in outcome.message
    assert "no luck" in outcome.message


def test_a_program_is_stopped_like_any_work():
    root = Root(w=L.CommandWork(["sleep", "600"]))
    with stepping(root) as app:
        app.run_until(lambda: True)
        root.w.run()
        app.run_until(lambda: root.w.is_running)
        pid = app.pid_of(root.w)
        root.w.stop()
        app.run_until(lambda: root.w.has_stopped and not os.path.exists(f"/proc/{pid}/task"))


# --- processes that dial in ---------------------------------------------------------------------


class Dialled:
    """The smallest work: raw gRPC, no lightgrid."""

    def __init__(self, connection):
        self.metadata = [("authorization", f"Bearer {connection['LIGHTGRID_TOKEN']}")]
        self.channel = grpc.insecure_channel(connection["LIGHTGRID_ADDRESS"])
        self.works = WorkServiceStub(self.channel)
        self.session = self.works.RegisterWork(
            work_service_pb2.RegisterWorkRequest(
                work=connection["LIGHTGRID_WORK"], instance_id="a" * 32
            ),
            metadata=self.metadata,
        )
        self.seq = self.session.acked_seq
        self.outgoing = queue.SimpleQueue()
        self.end = DeltaServiceStub(self.channel).StreamDeltas.future(
            iter(self.outgoing.get, None), metadata=self.metadata
        )

    def commands(self):
        request = work_service_pb2.WatchCommandsRequest(session_id=self.session.session_id)
        return self.works.WatchCommands(request, metadata=self.metadata)

    def send(self, call_id="", state="", result=None, **variables):
        self.seq += 1
        request = delta_service_pb2.StreamDeltasRequest(
            session_id=self.session.session_id, seq=self.seq
        )
        if self.seq == 1 and self.session.snapshot_required:
            request.snapshot = True  # of no variable: all are as the flow has them
            request.ops.add().set.map_value.SetInParent()
        for name, value in variables.items():
            request.ops.add(path=[name]).set.int_value = value
        if call_id:
            update = request.call_updates.add(call_id=call_id, state=f"CALL_STATE_{state}")
            if result is not None:
                update.result.string_value = result
        self.outgoing.put(request)

    def leave(self):
        self.outgoing.put(None)
        self.end.result(30)
        self.works.ReleaseWork(
            work_service_pb2.ReleaseWorkRequest(
                session_id=self.session.session_id, final_seq=self.seq
            ),
            metadata=self.metadata,
        )


def test_a_process_that_no_one_started_dials_in_and_is_a_work():
    root = Root(w=L.ExternalWork(counter=0, options={"raise_exception": False}))
    w = root.w
    with stepping(root) as app:
        app.run_until(lambda: w.connection)
        w.run(5, step=2)
        assert w.is_pending
        dialled = Dialled(w.connection)
        commands = dialled.commands()
        run = next(command.run for command in commands if command.HasField("run"))
        assert [value.int_value for value in run.args] == [5]
        assert run.kwargs["step"].int_value == 2
        dialled.send(run.call_id, "RUNNING")
        app.run_until(lambda: w.is_running)
        for counter in (2, 4):
            dialled.send(counter=counter)
            app.run_until(lambda counter=counter: w.counter == counter)
        dialled.send(run.call_id, "SUCCEEDED", "done", counter=5)
        app.run_until(lambda: w.has_succeeded)
        assert (w.counter, w.status.result, w.status.attempt) == (5, "done", 1)
        w.stop()
        assert any(command.HasField("stop") for command in commands)
        dialled.leave()
        commands.cancel()
        dialled.channel.close()
        app.run_until(lambda: not app.statistics().hub.links["root.w"].is_held)
    assert app.outcome.exit_code == 0


def test_what_a_process_that_dialled_in_says_of_a_call_that_timed_out_changes_nothing():
    options = {"raise_exception": False, "run_timeout_s": 0.1}
    root = Root(w=L.ExternalWork(counter=0, options=options))
    w = root.w
    with stepping(root) as app:
        app.run_until(lambda: w.connection)
        w.run(1)
        dialled = Dialled(w.connection)
        commands = dialled.commands()
        run = next(command.run for command in commands if command.HasField("run"))
        dialled.send(run.call_id, "RUNNING")
        app.run_until(lambda: w.has_timeout)
        cancel = next(command.cancel for command in commands if command.HasField("cancel"))
        assert cancel.call_id == run.call_id
        dialled.send(counter=3)  # it goes on all the same
        w.run(2)
        again = dialled.commands()
        told = [next(again) for _ in range(3)][1:]
        assert [command.WhichOneof("command") for command in told] == ["cancel", "run"]
        assert told[0].cancel.call_id == run.call_id
        assert told[1].run.args[0].int_value == 2
        dialled.send(run.call_id, "SUCCEEDED", counter=4)
        app.run_until(lambda: w.counter == 4)
        assert w.num_successes == 0
        w.stop()
        dialled.leave()
        again.cancel()
        dialled.channel.close()


class Sleeper(L.Work):
    def __init__(self):
        super().__init__(parallel=True)
        self.began = 0

    def run(self, seconds):
        self.began += 1
        time.sleep(seconds)


def test_cancel_ends_the_newest_call_and_the_work_goes_on():
    root = Root(w=Sleeper())
    w = root.w
    with stepping(root) as app:
        app.run_until(lambda: True)
        assert not w.cancel()
        w.run(1000)
        app.run_until(lambda: w.began == 1)
        assert w.cancel()
        assert (w.status.stage, w.status.reason) == ("stopped", "cancelled")
        assert not w.cancel()
        w.run(0)
        app.run_until(lambda: w.has_succeeded)
        assert (w.began, w.process_status.attempt) == (2, 1)
        w.run(1000.5)
        app.run_until(lambda: w.began == 3)
        assert w.cancel()
        w.stop()  # the work itself has not stopped
        assert w.process_status.stage == "stopped"
    assert app.outcome.exit_code == 0


def test_a_cancelled_call_is_made_again_by_retry_alone():
    root = Root(w=Sleeper())
    w = root.w
    with stepping(root) as app:
        app.run_until(lambda: True)
        w.run(0.001)
        assert w.cancel()
        w.run(0.001)
        assert w.has_stopped
        assert w.retry()
        w.run(0.001)
        app.run_until(lambda: w.has_succeeded)


def test_cancel_of_the_call_that_started_a_program_ends_the_program():
    root = Root(w=L.CommandWork(["sleep"]))
    w = root.w
    with stepping(root) as app:
        app.run_until(lambda: True)
        w.run(1000)
        app.run_until(lambda: w.is_running)
        assert w.cancel()
        w.run(0.001)
        app.run_until(lambda: w.has_succeeded)
        w.run(1000.5)
        app.run_until(lambda: w.is_running)
        w.run(1)
        assert w.cancel()  # of the one that waits for its turn: the program goes on
        assert w.process_status.stage == "started"
        w.stop()
    assert app.outcome.exit_code == 0


def test_an_app_that_ends_asks_a_process_that_dialled_in_to_leave_and_waits_for_it():
    root = Root(w=L.ExternalWork(counter=0))
    stopped = []

    def leave_when_asked(dialled, commands):
        stopped.append(any(command.HasField("stop") for command in commands))
        dialled.leave()

    with stepping(root) as app:
        app.run_until(lambda: root.w.connection)
        dialled = Dialled(root.w.connection)
        thread = threading.Thread(target=leave_when_asked, args=(dialled, dialled.commands()))
        thread.start()
        app.run_until(lambda: app.statistics().hub.links["root.w"].is_held)
    assert not app.statistics().hub.links["root.w"].is_held
    thread.join(10)
    dialled.channel.close()
    assert stopped == [True]


def test_a_token_opens_its_own_work_alone():
    root = Root(a=L.ExternalWork(x=0), b=L.ExternalWork(x=0))
    with stepping(root) as app:
        app.run_until(lambda: root.a.connection and root.b.connection)
        wrong = {**root.a.connection, "LIGHTGRID_WORK": "root.b"}
        with pytest.raises(grpc.RpcError) as caught:
            Dialled(wrong)
        assert caught.value.code() in (
            grpc.StatusCode.PERMISSION_DENIED,
            grpc.StatusCode.UNAUTHENTICATED,
        )


# --- arguments and results ----------------------------------------------------------------------


@dataclasses.dataclass
class Plan:
    name: str
    weights: np.ndarray


class Box:
    """A class of the user's own that says what identifies it."""

    def __init__(self, content):
        self.content = content

    def __call_key__(self):
        return self.content


class Taker(L.Work):
    def __init__(self, **options):
        super().__init__(parallel=True, raise_exception=False, **options)
        self.calls = 0

    def run(self, *args, **kwargs):
        self.calls += 1
        return [
            str(type(value).__name__) + f" {getattr(value, 'content', '')}".rstrip()
            for value in (*args, *kwargs.values())
        ]


def test_arguments_may_be_any_objects_and_equal_ones_make_no_second_call():
    def arguments(last=2.0):
        yield (np.array([1.0, last]), Plan("p", np.arange(3))), {}
        yield (Box([last]),), {"where": (1, "two")}

    root = Root(w=Taker())
    w = root.w
    with stepping(root) as app:
        app.run_until(lambda: True)
        for last in (2.0, 2.0, 3.0):
            for args, kwargs in arguments(last):
                w.run(*args, **kwargs)
        app.run_until(lambda: w.num_successes == 4)
        assert w.calls == 4
        assert w.status.result == ["Box [3.0]", "tuple"]
        with pytest.raises(ComponentError, match=r"w.run\(\): argument 2: .*__call_key__"):
            w.run(1, object())
        w.run(1)
        app.run_until(lambda: w.num_successes == 5)


def test_what_run_returns_is_in_the_status_and_what_cannot_be_state_fails_the_call():
    class Returner(L.Work):
        def __init__(self):
            super().__init__(parallel=True, raise_exception=False)

        def run(self, good):
            return {"loss": 0.5, "best": [1, None, (2, b"x")]} if good else {"x": {1, 2}}

    root = Root(w=Returner())
    w = root.w
    with stepping(root) as app:
        app.run_until(lambda: True)
        w.run(True)
        app.run_until(lambda: w.has_succeeded)
        assert w.status.result == {"loss": 0.5, "best": [1, None, (2, b"x")]}
        w.run(False)
        app.run_until(lambda: w.has_failed)
        assert w.status.reason == "invalid_return_value"
        assert "returned a dict at x" in w.status.message


# --- what is remembered -------------------------------------------------------------------------


def test_a_failed_call_is_made_again_when_it_is_retried():
    class Flaky(L.Work):
        def __init__(self):
            super().__init__(parallel=True, raise_exception=False)
            self.tries = 0

        def run(self, name):
            self.tries += 1
            if self.tries < 3:
                raise ValueError(f"{name} {self.tries}")

    class Retrying(L.Flow):
        def __init__(self):
            super().__init__()
            self.w = Flaky()
            self.failures = 0

        def run(self):
            self.w.run("x")
            if self.w.has_failed:
                self.failures += 1
                assert self.w.retry()
            if self.w.has_succeeded:
                assert not self.w.retry()
                self.stop()

    root = Retrying()
    with stepping(root) as app:
        assert app.run_until_end().exit_code == 0, app.outcome
    assert (root.failures, root.w.tries) == (2, 3)
    assert len(root.w.state["calls"]) == 1


def test_a_work_remembers_a_bounded_number_of_calls(monkeypatch):
    monkeypatch.setattr(lightgrid.component.calls, "MAX_KEPT_CALLS", 10)

    class Echo(L.Work):
        def __init__(self):
            super().__init__(parallel=True)
            self.total = 0

        def run(self, number):
            self.total += number

    class Many(L.Flow):
        def __init__(self):
            super().__init__()
            self.w = Echo()
            self.number = 0

        def run(self):
            if self.w.num_successes == 100:
                self.stop()
            if self.w.num_successes == self.number:
                self.number += 1
                self.w.run(self.number)

    root = Many()
    with stepping(root, see=lambda: len(root.state["works"]["w"]["calls"])) as app:
        assert app.run_until_end().exit_code == 0
        assert len(app.tree["works"]["w"]["calls"]) == 10
    assert root.w.total == sum(range(101))
    assert max(app.seen) == 11  # and the one that goes on


def test_a_loop_of_more_calls_than_are_remembered_comes_to_its_end(monkeypatch):
    monkeypatch.setattr(lightgrid.component.calls, "MAX_KEPT_CALLS", 10)

    class Counter(L.Work):
        def __init__(self):
            super().__init__()
            self.calls = 0

        def run(self, number):
            self.calls += 1

    class Loop(L.Flow):
        def __init__(self):
            super().__init__()
            self.w = Counter()

        def run(self):
            for number in range(25):
                self.w.run(number)
            self.stop()

    root = Loop()
    with stepping(root, see=lambda: None) as app:
        assert app.run_until_end().exit_code == 0
    assert root.w.calls == 25


def test_of_a_work_that_is_started_for_ever_again_the_state_keeps_the_newest_steps(monkeypatch):
    monkeypatch.setattr(lightgrid.component.calls, "MAX_KEPT_STATUSES", 5)

    class Short(L.Work):
        def __init__(self):
            super().__init__(parallel=True, restart="always")
            self.runs = 0

        def run(self):
            self.runs += 1

    root = Root(w=Short())
    with stepping(root) as app:
        app.run_until(lambda: True)
        root.w.run()
        app.run_until(lambda: root.w.runs >= 10)
        (kept,) = app.tree["works"]["w"]["calls"].values()
        assert len(root.w.statuses) == len(kept["statuses"]) == 5
        assert {"calls": {node_of(root.w).calls.latest.key: kept}}.items() <= root.w.state.items()


def test_a_work_outside_of_an_app_runs_in_place_and_remembers_too():
    class Doubler(L.Work):
        def __init__(self):
            super().__init__()
            self.calls = 0

        def run(self, number):
            self.calls += 1
            time.sleep(0)
            return 2 * number

    work = Doubler()
    assert [work.run(1), work.run(1), work.run(2), work.run(1)] == [2, 2, 4, 2]
    assert work.calls == 2
