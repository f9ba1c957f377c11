"""What a work does next, by a status: the rows are the lines of the table in errors.proto."""

import re
from pathlib import Path

import grpc
import pytest
from grpc.aio import AioRpcError, Metadata

from lightgrid.errors import Reason, RefusedError
from lightgrid.protocol.limits import LeaseTerms, Limits
from lightgrid.protocol.membership import Again, Leave, Membership
from lightgrid.protocol.messages import Batch, Registration
from lightgrid.protocol.outbox import Outbox
from lightgrid.wire.rpc_errors import CODES, from_rpc_error, to_status

PROTO = Path(__file__).parents[3] / "protos" / "lightgrid_protos" / "v1" / "errors.proto"
ELSE = "anything else"


def read_table():
    """Return what the table says, by the name of the code."""
    said, names = {}, []
    for line in PROTO.read_text().splitlines():
        if not line.startswith("//   "):
            continue
        left, right = line[5:26].strip(), line[26:].strip()
        if re.fullmatch(r"[A-Z_, ]+", line[5:]):  # several names, and what is said below
            names, right = re.findall("[A-Z_]+", line), ""
        elif left:
            names = [left.partition(",")[0]]
        for name in names:
            said[name] = f"{said.get(name, '')} {right}".strip()
    return said


TABLE = read_table()
CODES_OF_GRPC = [code for code in grpc.StatusCode if code is not grpc.StatusCode.OK]


def said_of(code):
    return TABLE.get(code.name, TABLE[ELSE])


def test_the_table_is_read_whole():
    assert list(TABLE) == [
        "OK", "ABORTED", "UNAVAILABLE", "DEADLINE_EXCEEDED", "INTERNAL", "UNKNOWN", "CANCELLED",
        "ALREADY_EXISTS", "FAILED_PRECONDITION", "RESOURCE_EXHAUSTED", ELSE,
    ]  # fmt: skip
    assert all(said.startswith(("register again", "leave")) for said in TABLE.values())


class Work:
    """A work that is up, and has batch 1 to send."""

    def __init__(self):
        self.outbox = Outbox(lambda: {"x": 1})
        self.membership = Membership(self.outbox, lambda: 0.5)
        self.join(snapshot=True)
        self.outbox.acked(1)

    def join(self, now_s=0.0, *, snapshot=False):
        self.membership.begin(now_s)
        terms = LeaseTerms(rejoin_timeout_s=60.0)
        acked_seq = self.outbox.acked_seq
        self.membership.registered(Registration("s", 1, acked_seq, snapshot, terms, Limits()))
        assert self.membership.next_message(now_s) == Batch(0)
        if snapshot:
            assert self.membership.next_message(now_s).snapshot

    def end(self, error, now_s=0.0):
        return self.membership.ended(error, now_s)


def came(code, reason=None):
    """Return what the client makes of a status."""
    metadata = () if reason is None else to_status(RefusedError(reason, "no"))[2]
    return from_rpc_error(AioRpcError(code, Metadata(), Metadata(*metadata), "no"))


STATUSES = [(code, None) for code in CODES_OF_GRPC] + [(CODES[one], one) for one in Reason]


@pytest.mark.parametrize(
    ("code", "reason"), STATUSES, ids=[f"{c.name} {getattr(r, 'name', '')}" for c, r in STATUSES]
)
def test_a_work_of_ours_does_what_the_table_says(code, reason):
    work = Work()
    step = work.end(came(code, reason))
    if said_of(code).startswith("leave"):
        assert isinstance(step, Leave)
        assert work.membership.is_over
    else:
        assert step == Again(1.0 if code is grpc.StatusCode.ALREADY_EXISTS else 0.0)


def test_ok_of_a_stream_register_again_go_on_behind_acked_seq():
    work = Work()
    assert work.end(None) == Again(0.0)
    work.join()
    assert work.membership.next_message(0.0) is None  # nothing is sent again


def test_aborted_with_snapshot_required_the_next_batch_is_a_snapshot():
    work = Work()
    for _ in range(2):
        work.end(came(CODES[Reason.SNAPSHOT_REQUIRED], Reason.SNAPSHOT_REQUIRED))
        work.join()
        assert work.membership.next_message(0.0).snapshot
    last = work.end(came(CODES[Reason.SNAPSHOT_REQUIRED], Reason.SNAPSHOT_REQUIRED))
    assert isinstance(last, Leave)


WAITING = [code for code in CODES_OF_GRPC if "for rejoin_timeout" in said_of(code)]


@pytest.mark.parametrize("code", WAITING, ids=lambda code: code.name)
def test_register_again_for_rejoin_timeout_after_a_random_part_of_pauses_that_grow(code):
    work, pauses = Work(), []
    work.membership.ended(came(code), 0.0)
    for _ in range(8):
        work.membership.begin(59.0)
        pauses.append(work.end(came(code), 59.0).after_s)
    assert pauses == [pytest.approx(most_s / 2) for most_s in (0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 5, 5)]
    work.membership.begin(60.1)
    assert isinstance(work.end(came(code), 60.1), Leave)


def test_to_a_release_work_with_batches_pending_ask_again():
    work = Work()
    work.membership.leave(0.0)
    assert work.membership.goodbye(0.0) == 1
    work.membership.not_released(came(CODES[Reason.BATCHES_PENDING], Reason.BATCHES_PENDING), 0.0)
    assert not work.membership.is_over
    assert work.membership.goodbye(1.0) == 1
