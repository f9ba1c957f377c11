import pytest

from lightgrid.state.delta import apply
from lightgrid.state.layout import component_depth, cut, depth_in_variables, works_below

NODE = {"vars": {"x": [1]}, "calls": {}, "works": {}, "flows": {}, "structures": {}}
TREE = {
    **NODE,
    "works": {"b": NODE},
    "flows": {"f": {**NODE, "works": {"a": NODE}}},
    "structures": {"pool": {**NODE, "works": {"0": NODE, "1": NODE}}},
    "app_state": {"stage": "running"},
}


@pytest.mark.parametrize(
    ("path", "components", "inside"),
    [
        ((), 0, 0),
        (("vars",), 0, 0),
        (("vars", "x"), 0, 1),
        (("vars", "x", "0"), 0, 2),
        (("works", "w"), 2, 0),
        (("works", "w", "status", "stage"), 2, 0),
        (("structures", "pool", "works", "0", "vars", "x"), 4, 1),
        (("works",), 0, 0),
    ],
)
def test_a_path_leads_through_components_and_into_variables(path, components, inside):
    assert component_depth(path) == components
    assert depth_in_variables(path) == inside


def test_a_variable_named_like_a_group_is_no_component():
    assert depth_in_variables(("vars", "works", "x")) == 2
    assert depth_in_variables(("works", "vars", "vars")) == 0
    assert depth_in_variables(("works", "vars", "vars", "x")) == 1


def test_works_have_the_names_that_people_write():
    assert [name for name, _ in works_below(TREE)] == ["b", "f.a", "pool.0", "pool.1"]


def test_a_tree_is_told_as_ops_none_of_which_holds_more_than_one_components_variables():
    ops = cut(TREE)
    box = {}
    apply(box, [type(op)(("tree", *op.path), op.value) for op in ops])
    assert box["tree"] == TREE
    assert list(box["tree"]) == list(TREE)
    assert sum(op.value == {"x": [1]} for op in ops) == 7  # a node each
