import pickle

import pytest

from lightgrid.component.resources import Resources, shown_bytes
from lightgrid.errors import OptionError


@pytest.mark.parametrize(
    ("memory", "count"),
    [
        (0, 0),
        (1024, 1024),
        ("1024", 1024),
        ("8GiB", 8 * 2**30),
        ("8 gib", 8 * 2**30),
        ("500MB", 500 * 10**6),
        ("1.5KiB", 1536),
        (" 2TB ", 2 * 10**12),
    ],
)
def test_memory_is_a_number_of_bytes_or_a_text(memory, count):
    assert Resources(memory=memory).memory == count


@pytest.mark.parametrize(
    "memory", ["8 apples", "GiB", "-1GiB", -1, 1.5, True, None, "1e9", "8GiBs"]
)
def test_another_amount_of_memory_is_refused(memory):
    with pytest.raises(OptionError, match="memory"):
        Resources(memory=memory)


@pytest.mark.parametrize(
    "given",
    [
        {"cpus": -1},
        {"cpus": "2"},
        {"cpus": float("nan")},
        {"cpus": True},
        {"gpus": 0.5},
        {"gpus": -1},
        {"gpus": "1"},
        {"labels": ["zone"]},
        {"labels": {"zone": 1}},
        {"labels": {1: "zone"}},
    ],
    ids=str,
)
def test_a_need_that_no_work_can_have_is_refused_by_its_name(given):
    with pytest.raises(OptionError, match=next(iter(given))):
        Resources(**given)


def test_only_what_is_said_is_needed():
    assert Resources().needs() == {}
    assert Resources(cpus=0.5, memory="1KiB", labels={"zone": "b"}).needs() == {
        "cpus": 0.5,
        "memory": 1024,
        "labels": {"zone": "b"},
    }


def test_people_see_what_is_needed_in_one_line():
    every = Resources(cpus=2, gpus=1, memory="8GiB", labels={"zone": "b", "disk": "ssd"})
    assert str(every) == "cpus=2 gpus=1 memory=8GiB zone=b disk=ssd"
    assert str(Resources(cpus=0.5)) == "cpus=0.5"
    assert str(Resources()) == ""


@pytest.mark.parametrize(
    ("count", "shown"),
    [(2**40, "1TiB"), (1536, "1536"), (3 * 2**20, "3MiB"), (500 * 10**6, "500000000")],
)
def test_an_amount_is_shown_in_the_largest_unit_that_it_is_whole_in(count, shown):
    assert shown_bytes(count) == shown


def test_labels_are_a_copy_that_nobody_else_changes():
    labels = {"zone": "b"}
    resources = Resources(labels=labels)
    labels["zone"] = "c"
    assert resources.labels == {"zone": "b"}


def test_needs_that_are_the_same_are_equal_and_travel():
    one = Resources(gpus=1, memory="1KiB")
    assert one == Resources(gpus=1.0, memory=1024)
    assert pickle.loads(pickle.dumps(one)) == one
