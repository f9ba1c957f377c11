"""Random edits of a work's variables, by its user code and by its flow.

Every leaf and every list item that an edit brings is a token that no other
edit brings, so a list that holds one twice shows an edit that was applied twice.
"""

from lightgrid.component.work import Work
from lightgrid.state.delta import Remove, Set, Splice
from lightgrid.state.values import copy_value

#: Only user code changes these: `stamp` and `twin` always together, `log` only at its end.
OWN = ("stamp", "twin", "log")
#: User code and the flow change these.
SHARED = ("number", "items", "data")
KEYS = ("a", "b", "c")


def first_variables():
    return {
        "stamp": 0,
        "twin": 0,
        "log": [],
        "number": 0,
        "items": [],
        "data": {"a": {}, "list": []},
    }


class EditedWork(Work):
    """A work with these variables."""

    def __init__(self, variables, updates):
        super().__init__(parallel=True, receive_updates=updates)
        for name, value in copy_value(variables).items():
            setattr(self, name, value)

    def run(self):
        """Never called: the schedule says what user code does."""


def edit_by_user_code(rng, work, token):
    """Edit as user code does."""
    kind = rng.randrange(12)
    items, data = work.items, work.data
    key = rng.choice(KEYS)
    if kind == 0:
        work.number = token
    elif kind == 1:
        work.items = [token]
    elif kind == 2:
        work.data = {"list": [token]}
    elif kind == 3:
        work.log.append(token)
    elif kind == 4 and items:
        items.pop(rng.randrange(len(items)))
    elif kind == 5 and items:
        items[rng.randrange(len(items))] = token
    elif kind == 6:
        items.insert(rng.randint(0, len(items)), token)
    elif kind == 7:
        data.pop(key, None)
    elif kind == 8 and "list" in data:
        data["list"].append(token)
    elif kind == 9:
        inner = data.get(key)
        if isinstance(inner, dict):
            inner[rng.choice(KEYS)] = token
        else:
            data[key] = {"a": token}
    elif kind == 10:
        # One list in two variables, as user code may have it; in the flow they are two.
        data["list"] = items
    else:
        items.append(token)


def ops_by_flow(rng, view, token):
    """Return ops that fit a view, as a flow's run or someone outside makes them."""
    kind = rng.randrange(9)
    items, data = view["items"], view["data"]
    key = rng.choice(KEYS)
    if kind == 0:
        return [Set(("number",), token)]
    if kind == 1:
        return [Set(("items",), [token])]
    if kind == 2 and items:
        return [Splice(("items",), rng.randrange(len(items)), 1, [])]
    if kind == 3 and items:
        return [Set(("items", str(rng.randrange(len(items)))), token)]
    if kind == 4:
        return [Splice(("items",), rng.randint(0, len(items)), 0, [token])]
    if kind == 5 and key in data:
        return [Remove(("data", key))]
    if kind == 6 and "list" in data:
        return [Splice(("data", "list"), len(data["list"]), 0, [token])]
    if kind == 7:
        if isinstance(data.get(key), dict):
            return [Set(("data", key, rng.choice(KEYS)), token)]
        return [Set(("data", key), {"a": token})]
    return [Set(("number",), token), Splice(("items",), len(items), 0, [token])]
