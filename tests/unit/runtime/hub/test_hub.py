import asyncio
import threading

import pytest

import lightgrid as L
from lightgrid.errors import ClosedError, Reason, RefusedError
from lightgrid.protocol.events import Heard, Joined, Silent
from lightgrid.protocol.limits import LeaseTerms
from lightgrid.protocol.messages import Batch, CallError, CallState, CallUpdate, Run
from lightgrid.runtime.hub import Hub, OutsideUpdate
from lightgrid.runtime.launch.events import Ended
from lightgrid.state.delta import Set, Splice

PLACE = ("works", "w", "vars")


class Clock:
    def __init__(self):
        self.now_s = 100.0

    def __call__(self):
        return self.now_s


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def hub(clock):
    hub = Hub(clock=clock)
    hub.commit("root", [((), [Set((), {"vars": {"x": 0}, "works": {"w": {"vars": {"c": 0}}}})])])
    hub.add_work("root.w", PLACE, {"c": 0}, receives_updates=False)
    return hub


def test_a_wait_ends_when_another_thread_wakes_it(hub):
    assert hub.wait(0) is False
    waker = threading.Thread(target=hub.wake)
    waker.start()
    assert hub.wait(30.0) is True
    waker.join()
    assert hub.wait(0) is False


def test_every_commit_is_one_revision(hub):
    before = hub.tree.revision
    change = hub.commit("root", [((), [Set(("vars", "x"), 1), Set(("vars", "x"), 2)])])
    assert change.revision == before + 1
    assert hub.read(("vars", "x")) == (change.revision, 2)


def test_what_is_read_is_a_copy(hub):
    _, value = hub.read(("works",))
    value["w"]["vars"]["c"] = 99
    assert hub.read(("works", "w", "vars", "c"))[1] == 0


def test_reading_what_is_not_there_is_refused_by_name(hub):
    with pytest.raises(RefusedError) as caught:
        hub.read(("works", "nobody"))
    assert caught.value.reason is Reason.NO_SUCH_PATH


def test_only_works_of_the_app_can_join(hub):
    with pytest.raises(RefusedError, match=r"its works are: root\.w") as caught:
        hub.works.register("root.v", "i", [], "")
    assert caught.value.reason is Reason.NO_SUCH_WORK


def test_joining_is_told_once_however_often_a_process_joins(hub):
    first = hub.works.register("root.w", "i", [], "agent")
    assert hub.works.register("root.w", "i", [], "agent").session_id == first.session_id
    assert hub.take_events() == [Joined("root.w", "agent")]
    assert hub.take_events() == []
    assert hub.works.work_of(first.session_id) == ("root.w", 1)


def test_a_new_work_of_an_old_name_is_another_generation(hub):
    session_id = hub.works.register("root.w", "i", [], "").session_id
    hub.remove_work("root.w")
    with pytest.raises(RefusedError) as caught:
        hub.works.work_of(session_id)
    assert caught.value.reason is Reason.SESSION_UNKNOWN
    hub.add_work("root.w", PLACE, {"c": 0}, receives_updates=False)
    assert hub.works.generation_of("root.w") == 2
    assert hub.works.generation_of("root.v") == 0


def test_calls_of_a_process_that_is_gone_end_as_failed(hub):
    hub.call("root.w", Run("call"))
    hub.process_gone("root.w", CallError("ProcessDied", "killed"))
    ((work, merged),) = hub.merge()
    assert work == "root.w"
    assert [(one.call_id, one.state) for one in merged.calls] == [("call", CallState.FAILED)]
    assert not hub.is_held("root.w")


def test_a_silent_work_is_told_once_and_once_when_it_is_heard_again(hub, clock):
    hub.works.register("root.w", "i", [], "")
    hub.take_events()
    for _ in range(20):
        clock.now_s += hub.works.sweep_interval_s
        hub.works.sweep_leases()
    assert hub.take_events() == [Silent("root.w")]


def test_no_lease_runs_out_while_this_process_itself_stood_still(hub, clock):
    hub.works.register("root.w", "i", [], "")
    hub.take_events()
    clock.now_s += 1000.0
    hub.works.sweep_leases()
    assert hub.take_events() == []
    clock.now_s += hub.works.sweep_interval_s
    hub.works.sweep_leases()
    assert hub.take_events() == [Silent("root.w")]


def test_leases_are_stretched_for_many_works_and_back():
    hub = Hub(terms=LeaseTerms(heartbeat_interval_s=10.0, lease_ttl_s=30.0))
    for number in range(1000):
        hub.add_work(f"root.{number}", PLACE, {}, receives_updates=False)
    assert hub.works.terms == LeaseTerms(20.0, 60.0)
    for number in range(1000):
        hub.remove_work(f"root.{number}")
    assert hub.works.terms == LeaseTerms(10.0, 30.0)


def test_an_update_from_outside_is_made_by_the_flows_thread(hub):
    before = hub.read(())
    answer = hub.outside.request(OutsideUpdate([], "outside:me"))
    assert len(hub.asks) == 1
    assert hub.read(()) == before
    assert hub.asks.take().do(L.Flow()) == before[0] + 1
    assert not answer.done()  # the flow's loop says when


def test_the_same_request_again_is_the_same_update(hub):
    first = hub.outside.request(OutsideUpdate([Set(("vars", "x"), 5)], "outside:me"), "id")
    assert hub.outside.request(OutsideUpdate([Set(("vars", "x"), 6)], "outside:me"), "id") is first
    assert len(hub.asks) == 1


def test_an_update_on_an_old_revision_is_refused_where_others_changed_something(hub):
    old = hub.tree.revision
    hub.commit("root", [((), [Set(("vars", "x"), 1)])])
    update = OutsideUpdate([Set(("vars", "x"), 2)], "outside:me", old)
    with pytest.raises(RefusedError) as caught:
        hub.apply_outside(update)
    assert caught.value.reason is Reason.REVISION_CONFLICT
    other = OutsideUpdate([Set(("works", "w", "vars", "c"), 2)], "outside:me", old)
    assert hub.apply_outside(other).revision == hub.tree.revision


def test_an_update_that_does_not_fit_changes_nothing(hub):
    ops = [Set(("vars", "x"), 1), Splice(("vars", "x"), 0, 0, [1])]
    with pytest.raises(RefusedError) as caught:
        hub.apply_outside(OutsideUpdate(ops, "outside:me"))
    assert caught.value.reason is Reason.NO_SUCH_PATH
    assert hub.read(("vars", "x"))[1] == 0


def test_what_waits_when_the_app_ends_is_refused_and_never_done(hub):
    answer = hub.ask(lambda root: None)
    hub.add_event(Ended("a launch", 0))
    hub.close()
    assert isinstance(answer.exception(timeout=0), ClosedError)
    assert len(hub.asks) == 0
    assert hub.take_events() == [Ended("a launch", 0)]
    with pytest.raises(ClosedError):
        hub.ask(lambda root: None)


def test_the_state_of_a_call_never_comes_before_its_changes(hub):
    registration = hub.works.register("root.w", "i", [], "")
    hub.call("root.w", Run("call"))
    stream = hub.works.open_stream(registration.session_id, "deltas")
    ops, calls = [Set((), {"c": 3})], [CallUpdate("call", CallState.SUCCEEDED)]

    async def offer():  # as the server's thread does, which has a loop
        hub.works.offer(stream, Batch(1, ops, calls, snapshot=True))

    asyncio.run(offer())
    assert hub.read((*PLACE, "c"))[1] == 0  # taken is not merged
    ((_, merged),) = hub.merge()
    assert merged.ops
    assert [one.state for one in merged.calls] == [CallState.SUCCEEDED]
    assert hub.read((*PLACE, "c"))[1] == 3


def test_the_flow_is_woken_by_what_a_work_sends_and_not_by_taking_it_in(hub):
    session_id = hub.works.register("root.w", "i", [], "").session_id
    stream = hub.works.open_stream(session_id, "deltas")
    assert hub.wait(0)

    async def offer(batch):
        hub.works.offer(stream, batch)

    asyncio.run(offer(Batch(1, [Set((), {"c": 1})], snapshot=True)))
    assert hub.wait(0)
    assert len(hub.take_events()) == 1
    assert not hub.wait(0)  # the batch that waits is known of
    asyncio.run(offer(Batch(2, [Set(("c",), 2)])))
    assert hub.wait(0)
    assert len(hub.merge()) == 1
    assert not hub.wait(0)


def test_events_keep_their_order(hub):
    hub.add_event(Heard("a"))
    hub.add_event(Heard("b"))
    assert hub.take_events() == [Heard("a"), Heard("b")]
