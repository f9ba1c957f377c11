"""All writes of a flow that a work has not seen: found as in a plain list, without its cost."""

from hypothesis import given
from hypothesis import strategies as st

from lightgrid.protocol.overlay import FlowWrite, Overlay
from lightgrid.state.delta import Set, Splice, apply_fitting, variable_of

PATHS = st.sampled_from([("x",), ("x", "0"), ("x", "0", "k"), ("y",), ("y", "1")])
OPS = st.builds(Set, PATHS, st.integers(0, 9)) | st.builds(
    Splice, PATHS, st.just(0), st.just(0), st.just([7])
)
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("add"), OPS),
        st.tuples(st.sampled_from(["take", "tell"]), st.integers(0, 3)),
        st.tuples(st.just("replace"), PATHS),
        st.tuples(st.just("drop"), st.sampled_from(["x", "y"])),
    ),
    max_size=40,
)


class PlainOverlay:
    """Each step looks at all writes."""

    def __init__(self):
        self.writes = []

    def replace(self, path, told):
        depth = len(path)
        untold = [write for write in self.writes if write.revision > told]
        for write in untold:
            place = write.op.path
            if type(write.op) is Splice and len(place) < depth and place == path[: len(place)]:
                return
        self.writes = [
            write
            for write in self.writes
            if write.revision <= told or write.op.path[:depth] != path
        ]


@given(STEPS)
def test_writes_are_found_by_revision_and_by_variable_whatever_came_and_went(steps):
    overlay, plain, revision, told, seen = Overlay(), PlainOverlay(), 0, 0, 0
    for step, argument in steps:
        if step == "add":
            revision += 1
            write = FlowWrite(revision, argument)
            overlay.add(write)
            plain.writes.append(write)
        elif step == "take":
            seen = min(seen + argument, revision)
            taken = [write for write in plain.writes if write.revision <= seen]
            assert overlay.take(seen) == taken
            plain.writes = [write for write in plain.writes if write.revision > seen]
        elif step == "tell":
            told = min(told + argument, revision)
        elif step == "replace":
            overlay.drop_replaced(argument, told)
            plain.replace(argument, told)
        else:
            overlay.drop((argument,))
            plain.writes = [one for one in plain.writes if variable_of(one.op) != argument]
        assert_same(overlay, plain.writes, told)


def assert_same(overlay, writes, told):
    assert list(overlay) == writes
    assert len(overlay) == len(writes)
    by_name = {
        name: [write for write in writes if variable_of(write.op) == name] for name in ("x", "y")
    }
    assert set(overlay.names) == {name for name, own in by_name.items() if own}
    for name, own in by_name.items():
        assert overlay.count(name) == len(own)
        assert overlay.count_untold(name, told) == sum(write.revision > told for write in own)
        assert overlay.is_told(name, told) == any(write.revision <= told for write in own)
        values = [{name: [{"k": 0}, 1]} for _ in range(2)]
        apply_fitting(values[0], [write.op for write in own])
        apply_fitting(values[1], overlay.ops_of(name))
        assert values[0] == values[1]
    for after in range(0, 6, 2):
        expected = [write for write in writes if after < write.revision <= after + 3]
        assert overlay.between(after, after + 3) == expected
