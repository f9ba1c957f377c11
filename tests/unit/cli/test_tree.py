import pytest

from lightgrid.cli.tree import resolve_for_setting
from lightgrid.errors import NoSuchPathError

TREE = {
    "vars": {"done": False, "options": {"a": 1}},
    "works": {"w": {"vars": {"items": [{"k": 1}]}, "status": {}, "calls": {}}},
}


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("done", ("vars", "done")),
        ("options.a", ("vars", "options", "a")),
        ("options.new", ("vars", "options", "new")),
        ('options["a.b"]', ("vars", "options", "a.b")),
        ("w.items[0].new", ("works", "w", "vars", "items", "0", "new")),
        ("root['vars']['options']['new']", ("vars", "options", "new")),
    ],
)
def test_what_is_there_and_new_keys_can_be_set(text, path):
    assert resolve_for_setting(TREE, text) == path


@pytest.mark.parametrize("text", ["new", "w.new", "options.new.deep", "w.items[1]", "w.status.x"])
def test_nothing_else_can(text):
    with pytest.raises(NoSuchPathError):
        resolve_for_setting(TREE, text)
