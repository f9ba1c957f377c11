"""Which batches count, rule by rule."""

import pytest

from lightgrid.errors import Reason, RefusedError
from lightgrid.protocol.intake import Intake
from lightgrid.protocol.messages import Batch, CallState, CallUpdate
from lightgrid.state.delta import Set

OP = Set(("x",), 1)


def intake_at(seq):
    intake = Intake(1000)
    intake.taken(Batch(seq, snapshot=True))
    return intake


def reason_of(intake, part):
    with pytest.raises(RefusedError) as refused:
        intake.offer(part)
    return refused.value.reason


def test_an_epoch_begins_with_a_snapshot():
    assert reason_of(Intake(1000), Batch(1, [OP])) is Reason.SNAPSHOT_REQUIRED
    assert Intake(1000).offer(Batch(7, [OP], snapshot=True)) is not None


def test_the_next_number_is_taken():
    assert intake_at(4).offer(Batch(5, [OP])).ops == [OP]


def test_a_number_that_was_taken_is_dropped_in_all_its_parts():
    intake = intake_at(4)
    assert intake.offer(Batch(4, [OP], more=True)) is None
    assert intake.offer(Batch(4, [OP])) is None
    assert intake.offer(Batch(3, [OP], snapshot=True)) is None


def test_a_gap_is_refused_and_says_what_is_missing():
    intake = intake_at(4)
    with pytest.raises(RefusedError) as refused:
        intake.offer(Batch(6, [OP]))
    assert refused.value.reason is Reason.SEQUENCE_GAP
    assert refused.value.facts == {"expected_seq": "5"}


def test_nothing_counts_before_the_last_part_and_the_first_part_sets_what_counts():
    intake = intake_at(4)
    update = CallUpdate("c", CallState.RUNNING)
    assert intake.offer(Batch(5, [OP], seen_revision=3, more=True)) is None
    assert intake.acked_seq == 4
    whole = intake.offer(Batch(5, [OP], [update], seen_revision=0))
    assert (list(whole.ops), list(whole.calls)) == ([OP, OP], [update])
    assert (whole.seen_revision, whole.more) == (3, False)


def test_another_number_between_two_parts_is_refused():
    intake = intake_at(4)
    intake.offer(Batch(5, [OP], more=True))
    assert reason_of(intake, Batch(6, [OP])) is Reason.BAD_OP


def test_a_batch_over_the_limit_is_refused_before_it_is_whole():
    intake = intake_at(4)
    intake.offer(Batch(5, more=True, size_bytes=600))
    assert reason_of(intake, Batch(5, more=True, size_bytes=600)) is Reason.LIMIT_EXCEEDED


def test_a_batch_of_just_the_limit_is_taken():
    intake = intake_at(4)
    intake.offer(Batch(5, more=True, size_bytes=600))
    whole = intake.offer(Batch(5, size_bytes=400))
    assert whole.size_bytes == 1000


def test_a_batch_of_too_many_values_is_refused_before_it_is_whole():
    four = Set(("x",), [1, 2, 3])
    intake = Intake(1000, max_nodes=3)
    assert intake.offer(Batch(1, [four], snapshot=True, more=True)) is None
    # A container that is filled by further ops counts with each of these: hence twice as many.
    assert intake.offer(Batch(1, [OP, OP, OP], more=True)) is None
    assert reason_of(intake, Batch(1, [OP])) is Reason.LIMIT_EXCEEDED


def test_parts_whose_stream_has_ended_count_no_more():
    part = Batch(1, [OP] * 7, snapshot=True, more=True, size_bytes=1000)
    intake = Intake(1000, max_nodes=3)
    assert intake.offer(part) is None
    intake.drop_staged()
    assert intake.offer(part) is None
    assert intake.offer(Batch(1, [])) is not None


def test_each_batch_has_the_whole_limit():
    intake = Intake(1000, max_nodes=3)
    for seq in (1, 2):
        part = Batch(seq, [OP] * 7, snapshot=True, more=True, size_bytes=1000)
        assert intake.offer(part) is None
        intake.taken(intake.offer(Batch(seq)))
    assert intake.taken_seq == 2
