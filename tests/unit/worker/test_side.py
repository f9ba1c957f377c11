"""The loop thread of a work that reaches no server: what user code asks of it."""

import sys
from queue import SimpleQueue

import pytest

from lightgrid.component.node import node_of
from lightgrid.component.work import Work
from lightgrid.errors import ComponentError
from lightgrid.protocol.messages import CallState, CallUpdate, Update
from lightgrid.state.delta import Set
from lightgrid.worker.interrupt import Interrupter
from lightgrid.worker.session import WorkSession
from lightgrid.worker.side import Joining, WorkSide


class Sample(Work):
    def __init__(self, hook=None):
        super().__init__()
        self.a = 0
        self.b = 0
        self._hook = hook

    def apply_flow_delta(self, delta):
        super().apply_flow_delta(delta)
        if self._hook is not None:
            self._hook()

    def run(self):
        pass


@pytest.fixture
def start():
    sides = []

    def begin(work):
        node_of(work).key = "w"
        joining = Joining("127.0.0.1:1", "root.w", "token")
        side = WorkSide(work, joining, Interrupter(lambda: None), SimpleQueue())
        side.start()
        sides.append(side)
        return side

    yield begin
    for side in sides:
        side.leave(None, 0.0)
        side._bridge.close()


OURS = ("worker/side.py", "worker/loop.py", "worker/bridge.py")


class Cut(BaseException):
    """Raised into user code, as an interrupt is."""


def cut_after(count, do):
    """Do something, and raise `Cut` at the given bytecode of ours; return whether it came."""
    left = count

    def trace(frame, event, _argument):
        nonlocal left
        if not frame.f_code.co_filename.endswith(
            ("worker/side.py", "worker/loop.py", "worker/bridge.py")
        ):
            return None
        frame.f_trace_opcodes, frame.f_trace_lines = True, False
        if event == "opcode":
            left -= 1
            if left == 0:
                sys.settrace(None)
                raise Cut
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        do()
    except Cut:
        return True
    finally:
        sys.settrace(before)
    return False


# The interrupt may come when what is asked was made and not handed over yet.
@pytest.mark.filterwarnings("ignore:coroutine .* was never awaited:RuntimeWarning")
def test_a_batch_that_was_interrupted_anywhere_is_over_with_its_call(start):
    side = start(Sample())

    def batch():
        with side.batch():
            pass

    count = 1
    while cut_after(count, batch):
        side.end_call(CallUpdate(f"call {count}", CallState.SUCCEEDED))
        assert not side.loop._holds, f"cut at bytecode {count}"
        count += 1
    assert count > 20  # bytecodes; Python 3.13 has fewer


def test_what_a_batch_has_changed_is_put_before_the_next_one_holds(start, monkeypatch):
    work = Sample()
    side = start(work)
    # Who collects on its own is at the server's door still.
    monkeypatch.setattr(WorkSession, "is_up", True)
    outbox = side.loop._outbox
    with side.batch():
        work.a = 1
    assert outbox.last_seq == 0
    with side.batch():
        assert outbox.last_seq == 1
        work.a = 2
    assert outbox.next().ops == [Set(("a",), 1)]


def test_a_batch_inside_of_apply_flow_delta_is_part_of_the_one_that_is_made(start):
    def hook():
        with side.batch():
            work.b += 1

    work = Sample(hook)
    side = start(work)
    receive(side, Set(("a",), 5))
    assert (work.a, work.b) == (5, 1)


@pytest.mark.parametrize("wait", ["flush", "wait_for_update"])
def test_what_waits_is_refused_inside_of_apply_flow_delta(start, wait):
    refusals = []

    def hook():
        with pytest.raises(ComponentError, match="inside of apply_flow_delta") as refused:
            getattr(side, wait)(1.0)
        refusals.append(refused.value)

    side = start(Sample(hook))
    receive(side, Set(("a",), 5))
    assert len(refusals) == 1


def receive(side, op):
    """Have an update of the flow come in, as the stream of commands does, and see it through."""

    async def come_in():
        side.loop._on_command(Update(1, [op]))

    side._bridge.ask(come_in())
