"""`ps` and the table of a terminal say the same of a work."""

import io

import pytest
from unit.runtime.flow_parts import FlowParts

import lightgrid as L
from lightgrid.cli.ps import _row
from lightgrid.component.node import node_of
from lightgrid.component.status import StatusReason, WorkStage
from lightgrid.terminal.live import LiveObserver


class Worker(L.Work):
    def run(self):
        pass


class Root(L.Flow):
    def __init__(self):
        super().__init__()
        self.w = Worker()


def called(of, number=1):
    of.statuses.call_made(node_of(of.root.w), f"key {number}", f"id {number}")


def succeeded(of, number=1):
    of.statuses.call_moved(node_of(of.root.w), f"id {number}", WorkStage.SUCCEEDED, result=7)


def stopped(of, reason=StatusReason.STOP_REQUESTED):
    of.statuses.open_calls_moved(node_of(of.root.w), WorkStage.STOPPED, reason)
    of.statuses.process_moved(node_of(of.root.w), WorkStage.STOPPED, reason)


def made_again(of):
    of.statuses.call_reissued(
        node_of(of.root.w), "id 1", "id 2", StatusReason.RESTARTING, "it died"
    )


def forgotten(of):
    of.statuses.call_forgotten(node_of(of.root.w), "key 1")


@pytest.mark.parametrize(
    ("steps", "stage", "calls"),
    [
        ([], "not_started", "0"),
        ([called], "pending", "1"),
        ([called, succeeded], "succeeded", "1"),
        ([called, succeeded, stopped], "stopped", "1"),
        ([called, stopped], "stopped", "1"),
        ([called, succeeded, forgotten], "not_started", "1"),
        ([called, made_again], "pending", "1"),
        ([called, succeeded, lambda of: called(of, 2)], "pending", "2"),
        ([called, succeeded, called], "pending", "2"),  # the same again: it is not cached
        ([called, succeeded, lambda of: stopped(of, StatusReason.APP_ENDED)], "succeeded", "1"),
        ([called, lambda of: stopped(of, StatusReason.APP_ENDED)], "stopped", "1"),
    ],
)
def test_ps_and_the_table_say_what_the_flow_sees(steps, stage, calls):
    live = LiveObserver(terminal=io.StringIO())
    of = FlowParts(Root(), observer=live)
    of.observer.work_added("root.w")
    for step in steps:
        step(of)
    of.outputs.send()
    status = of.root.w.status
    assert status.stage == stage
    row = _row("w", of.tree("works", "w"))
    reason = str(status.reason) or "-"
    assert (row[1], row[-1], row[2]) == (stage, reason, calls)
    shown = live._rows["root.w"].status
    assert (shown.stage, str(shown.reason) or "-", str(shown.call_count)) == (stage, reason, calls)
