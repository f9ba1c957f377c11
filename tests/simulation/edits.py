"""Random edits of a work's variables, by its user code and by its flow.

Every leaf and every list item that an edit brings is a token that no other
edit brings, so a list that holds one twice shows an edit that was applied twice.
"""

from lightgrid.state.delta import Remove, Set, Splice

#: Only user code changes these: `stamp` and `twin` always together, `log` only at its end.
OWN = ("stamp", "twin", "log")
#: User code and the flow change these.
SHARED = ("number", "items", "data")
NAMES = OWN + SHARED
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


def edit_by_user_code(rng, live, token):
    """Edit as user code does; return the names it assigned, which the work's loop notices."""
    kind = rng.randrange(12)
    items, data = live["items"], live["data"]
    key = rng.choice(KEYS)
    if kind == 0:
        live["number"] = token
        return ("number",)
    if kind == 1:
        live["items"] = [token]
        return ("items",)
    if kind == 2:
        live["data"] = {"list": [token]}
        return ("data",)
    if kind == 3:
        live["log"].append(token)
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
    return ()


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
