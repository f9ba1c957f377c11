"""Where a work stands: its newest call, or what came to its process since."""

from dataclasses import replace

import pytest

import lightgrid as L
from lightgrid.component.node import node_of
from lightgrid.component.status import StatusReason, WorkStage, WorkStatus


class Worker(L.Work):
    def run(self):
        pass


def at(time_s, stage, reason="", **more):
    return WorkStatus(WorkStage(stage), StatusReason(reason), time_s=time_s, **more)


def work(process, *call):
    made = Worker()
    node_of(made).process_status = process
    if call:
        node_of(made).calls.add("key", "id", call[0])
        for status in call[1:]:
            node_of(made).calls.advance("id", status)
    return made


def stages(of):
    return [str(status.stage) for status in of.statuses]


SUCCEEDED = [at(2, "pending"), at(3, "running"), at(4, "succeeded", returned=7)]


def test_a_work_that_was_never_called_stands_where_its_process_does():
    for stage in ("not_started", "started", "stopped", "failed"):
        one = work(at(1, stage))
        assert one.status is one.process_status
        assert one.statuses == [one.process_status]


def test_a_call_says_where_its_work_stands_whatever_the_process_did_before():
    for stage in ("started", "stopped", "failed"):
        one = work(at(1, stage), *SUCCEEDED)
        assert one.has_succeeded
        assert stages(one) == ["pending", "running", "succeeded"]
    assert work(at(9, "started"), *SUCCEEDED).has_succeeded


@pytest.mark.parametrize(("stage", "reason"), [("stopped", "stop_requested"), ("failed", "lost")])
def test_an_end_of_the_work_behind_that_of_its_call_is_the_last_of_its_statuses(stage, reason):
    one = work(at(5, stage, reason), *SUCCEEDED)
    assert one.status.stage == stage
    assert not one.has_succeeded
    assert stages(one) == ["pending", "running", "succeeded", stage]
    assert one.statuses[-1] is one.status


def test_the_end_of_the_app_leaves_a_call_that_had_ended_as_it_was():
    one = work(at(5, "stopped", "app_ended"), *SUCCEEDED)
    assert (one.status.stage, one.status.result) == ("succeeded", 7)
    assert stages(one) == ["pending", "running", "succeeded"]
    assert one.process_status.stage == "stopped"


def test_a_call_that_was_stopped_with_its_work_tells_it_once():
    ended = at(4, "stopped", "stop_requested")
    one = work(replace(ended, time_s=5), at(2, "pending"), ended)
    assert stages(one) == ["pending", "stopped"]
    assert one.has_stopped


def test_a_status_in_the_tree_from_before_calls_were_counted_is_read():
    value = at(1, "started").to_value()
    assert WorkStatus.from_value(value) == at(1, "started")
    del value["call_count"]
    assert WorkStatus.from_value(value).call_count == 0
