"""What happens at one moment is taken in whole, and then judged."""

import asyncio
import signal
import threading

import pytest

import lightgrid as L
from lightgrid.component.node import node_of
from lightgrid.protocol.messages import Batch, CallError, CallErrorReason, CallState, CallUpdate
from lightgrid.runtime.launch.events import Ended, Started
from lightgrid.runtime.reporting.observer import Observer
from lightgrid.state.delta import Set


class Peer:
    """A process that joined as a work: what it sends is taken by the hub at once."""

    def __init__(self, work):
        self._hub = node_of(work).backend._hub
        works = self._hub.works
        session = works.register(work.name, f"instance of {work.name}", [], "test").session_id
        self._stream = works.open_stream(session, "deltas")
        self._work = work
        self._seq = 0

    def send(self, state=None, error=None, result=None, call=None, **variables):
        self._seq += 1
        first = [Set((), {})] if self._seq == 1 else []
        ops = first + [Set((name,), value) for name, value in variables.items()]
        call_id = (call or node_of(self._work).calls.latest).call_id
        calls = [] if state is None else [CallUpdate(call_id, state, result, error)]
        batch = Batch(self._seq, ops, calls, snapshot=self._seq == 1)

        async def offer():  # in a loop, as the server does
            self._hub.works.offer(self._stream, batch)

        asyncio.run(offer())

    def fail(self, message, **variables):
        self.send(CallState.FAILED, CallError("ValueError", message, f"ValueError: {message}\n"),
                  **variables)  # fmt: skip


class Launcher:
    """Starts nothing."""

    name = "fake"
    honours = frozenset()

    def __init__(self):
        self.exits = {}
        self._ids = {}

    def start(self, spec, tell):
        self.exits[spec.launch_id] = lambda code: tell(Ended(spec.launch_id, code))
        self._ids[spec.work] = spec.launch_id
        tell(Started(spec.launch_id, 1000 + len(self.exits)))

    def end(self, work, code):
        self.exits[self._ids[work]](code)

    def stop(self, launch_id):
        self.exits[launch_id](0)

    kill = stop

    def close(self):
        pass


class Worker(L.Work):
    def __init__(self, **options):
        super().__init__(parallel=True, start_with_flow=False, **options)
        self.x = 0

    def run(self):
        pass


class Root(L.Flow):
    """Calls its works in its first run; in the second happens what is to happen meanwhile."""

    def __init__(self, *works, meanwhile, then=None):
        super().__init__()
        self.n = 0
        self.members = L.List(*works)
        self._meanwhile = meanwhile
        self._then = then

    def run(self):
        self.n += 1
        if self.n == 1:
            for work in self.members:
                work.run()
        elif self.n == 2:
            self._meanwhile(*self.members)
        elif self._then is not None:
            self._then(self, *self.members)


def execute(root, launcher=None):
    launcher = launcher or Launcher()
    outcome = L.App(root).execute(L.RunOptions(make_launcher=lambda: launcher), Observer())
    return outcome


def external():
    return L.ExternalWork(x=0)


def assert_tree_is_as_the_flow_sees_it(root):
    works = node_of(root).backend._hub.read(("structures", "members", "works"))[1]
    assert works == root.state["structures"]["members"]["works"]


def test_what_another_work_sent_at_the_moment_of_a_failure_reaches_the_flow():
    def meanwhile(a, b):
        Peer(a).fail("no")
        Peer(b).send(x=7)

    root = Root(external(), external(), meanwhile=meanwhile)
    outcome = execute(root)
    assert outcome.exit_code == 1
    assert outcome.message.rstrip() == "members.0 has failed:\nValueError: no"
    assert root.members[1].x == 7
    assert_tree_is_as_the_flow_sees_it(root)


def test_of_two_calls_that_failed_at_one_moment_both_are_told():
    def meanwhile(a, b):
        Peer(a).fail("no", x=1)
        Peer(b).fail("never", x=2)

    root = Root(external(), external(), meanwhile=meanwhile)
    outcome = execute(root)
    assert outcome.message == "members.0 has failed:\nValueError: no\nmembers.1 has failed, too"
    assert [work.x for work in root.members] == [1, 2]
    assert [work.status.message for work in root.members] == [
        "ValueError: no", "ValueError: never",
    ]  # fmt: skip
    assert_tree_is_as_the_flow_sees_it(root)


def test_a_call_that_failed_and_a_process_that_died_at_one_moment_are_both_told():
    launcher = Launcher()

    def meanwhile(a, b):
        Peer(a).fail("no")
        Peer(b)
        launcher.end("root.members.1", -signal.SIGSEGV)

    root = Root(external(), Worker(), meanwhile=meanwhile)
    outcome = execute(root, launcher)
    assert outcome.message.splitlines()[0] == "members.0 has failed:"
    assert outcome.message.splitlines()[-1] == "members.1 has failed, too"
    assert "was killed by SIGSEGV" in root.members[1].status.message


def test_a_call_that_succeeded_before_its_process_died_has_succeeded():
    launcher = Launcher()

    def meanwhile(work):
        Peer(work).send(CallState.SUCCEEDED, result="all", x=9)
        launcher.end("root.members.0", -signal.SIGKILL)

    def then(root, work):
        record = node_of(work).calls.latest
        root.stop(f"{record.status.stage} {record.status.result} {work.x} {work.status.stage}")

    outcome = execute(Root(Worker(), meanwhile=meanwhile, then=then), launcher)
    assert (outcome.exit_code, outcome.message) == (0, "succeeded all 9 failed")


def test_a_process_that_dies_behind_the_error_of_its_call_is_told_by_the_error():
    launcher = Launcher()

    def meanwhile(work):
        Peer(work).fail("no")
        launcher.end("root.members.0", 1)

    root = Root(Worker(), meanwhile=meanwhile)
    outcome = execute(root, launcher)
    assert outcome.message.rstrip() == "members.0 has failed:\nValueError: no"
    assert [status.reason for status in root.members[0].statuses][-2:] == [
        "user_exception", "process_died",
    ]  # fmt: skip


def test_a_process_that_joined_and_died_at_one_moment_is_not_said_to_have_never_joined():
    launcher = Launcher()

    def meanwhile(work):
        Peer(work)
        launcher.end("root.members.0", 2)

    root = Root(Worker(), meanwhile=meanwhile)
    outcome = execute(root, launcher)
    assert "ended with exit code 2" in outcome.message
    assert "before it joined" not in outcome.message
    assert root.members[0].status.reason == "process_died"


def test_all_calls_that_are_out_of_time_at_one_moment_are_told():
    def meanwhile(a, b):
        threading.Event().wait(0.02)  # ten times as long as they may take

    programs = [
        L.CommandWork(["program"], options={"run_timeout_s": 0.002}) for _ in range(2)
    ]  # fmt: skip
    root = Root(*programs, meanwhile=meanwhile)
    outcome = execute(root)
    assert outcome.message.splitlines() == [
        "members.0 has failed:",
        "members.0 has timed out: it ran for 0.002 s",
        "members.1 has failed, too",
    ]
    assert [work.status.reason for work in root.members] == ["timeout", "timeout"]


def test_a_call_that_is_always_made_again_is_so_also_when_its_process_died_behind_it():
    launcher = Launcher()

    def meanwhile(work):
        Peer(work).send(CallState.SUCCEEDED, x=1)
        launcher.end("root.members.0", -signal.SIGKILL)

    def then(root, work):
        if len(launcher.exits) == 2:
            root.stop(str(work.status.reason))

    restart = L.Restart("always", first_delay_s=0.001)
    outcome = execute(Root(Worker(restart=restart), meanwhile=meanwhile, then=then), launcher)
    assert (outcome.exit_code, outcome.message) == (0, "restarting")


def test_calls_queued_behind_one_that_is_always_made_again_are_made_once():
    launcher = Launcher()
    given = []

    class Many(Worker):
        def run(self, number=0):
            pass

    def meanwhile(work):
        work.run(2)
        first, second = node_of(work).calls.records.values()
        given.append(second.call_id)
        Peer(work).send(CallState.SUCCEEDED, call=first)

    def then(root, work):
        _, second = node_of(work).calls.records.values()
        given.append(second.call_id)
        root.stop()

    execute(Root(Many(restart="always"), meanwhile=meanwhile, then=then), launcher)
    assert given[0] == given[1]


@pytest.mark.parametrize("reason", CallErrorReason)
def test_only_what_the_users_code_raised_is_tried_again(reason):
    def meanwhile(work):
        Peer(work).send(CallState.FAILED, CallError("E", "no", "at X", reason))

    def then(root, work):
        root.stop(f"{work.status.stage} {work.status.reason}: {work.status.message}")

    worker = Worker(restart=L.Restart("on_failure"), raise_exception=False)
    outcome = execute(Root(worker, meanwhile=meanwhile, then=then))
    if reason is CallErrorReason.USER_EXCEPTION:
        assert outcome.message == "pending restarting: E: no\nat X"
    else:
        assert outcome.message == f"failed {reason.name.lower()}: E: no\nat X"
