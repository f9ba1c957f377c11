"""The loop thread of a work that reaches no server: what user code asks of it."""

import signal
import sys
from queue import SimpleQueue

import pytest

from lightgrid.component.work import Work
from lightgrid.errors import ComponentError
from lightgrid.protocol.messages import CallState, CallUpdate, Update
from lightgrid.state.delta import Set
from lightgrid.worker.interrupt import Interrupter
from lightgrid.worker.loop import Joining, WorkLoop


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
    loops = []

    def begin(work):
        work._lightgrid_node.key = "w"
        joining = Joining("127.0.0.1:1", "root.w", "token")
        loop = WorkLoop(work, joining, Interrupter(lambda: None), SimpleQueue())
        loop.start()
        loops.append(loop)
        return loop

    yield begin
    for loop in loops:
        loop.leave(None, 0.0)
        loop._signals.close()
        loop._waker.close()
    signal.set_wakeup_fd(-1)


class Cut(BaseException):
    """Raised into user code, as an interrupt is."""


def cut_after(count, do):
    """Do something, and raise `Cut` at the given bytecode of ours; return whether it came."""
    left = count

    def trace(frame, event, _argument):
        nonlocal left
        if not frame.f_code.co_filename.endswith("worker/loop.py"):
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
    loop = start(Sample())

    def batch():
        with loop.batch():
            pass

    count = 1
    while cut_after(count, batch):
        loop.end_call(CallUpdate(f"call {count}", CallState.SUCCEEDED))
        assert not loop._holds, f"cut at bytecode {count}"
        count += 1
    assert count > 20  # bytecodes; Python 3.13 has fewer


def test_a_batch_inside_of_apply_flow_delta_is_part_of_the_one_that_is_made(start):
    def hook():
        with loop.batch():
            work.b += 1

    work = Sample(hook)
    loop = start(work)
    receive(loop, Set(("a",), 5))
    assert (work.a, work.b) == (5, 1)


@pytest.mark.parametrize("wait", ["flush", "wait_for_update"])
def test_what_waits_is_refused_inside_of_apply_flow_delta(start, wait):
    refusals = []

    def hook():
        with pytest.raises(ComponentError, match="inside of apply_flow_delta") as refused:
            getattr(loop, wait)(1.0)
        refusals.append(refused.value)

    loop = start(Sample(hook))
    receive(loop, Set(("a",), 5))
    assert len(refusals) == 1


def receive(loop, op):
    """Have an update of the flow come in, as the stream of commands does, and see it through."""

    async def come_in():
        loop._on_command(Update(1, [op]))

    loop._ask(come_in())
