"""What holds whatever containers users share between variables, works and flow."""

import pickle
from functools import partial

from hypothesis import given
from hypothesis import strategies as st
from unit.component.fake_app import FakeApp

import lightgrid
from lightgrid.component.node import node_of
from lightgrid.protocol.messages import Update
from lightgrid.protocol.publisher import Publisher
from lightgrid.state.delta import apply, apply_fitting
from lightgrid.state.diff import diff_variables
from lightgrid.state.values import copy_value, same

NAMES = ("x", "y")
WORKS = ("a", "b")


class W(lightgrid.Work):
    def __init__(self, x, y, kept):
        super().__init__()
        self.x = x
        self.y = y
        self._kept = kept

    def run(self):
        pass


class Root(lightgrid.Flow):
    def __init__(self, pick):
        super().__init__()
        self.a = W(pick(), pick(), pick())
        self.b = W(pick(), pick(), pick())
        self.x = pick()
        self.y = pick()
        self._kept = []


@st.composite
def shared_containers(draw):
    """Containers, each of which may hold any that come before it, more than once."""
    pool = [[]]
    for _ in range(draw(st.integers(0, 5))):
        places = st.integers(0, len(pool) - 1).map(pool.__getitem__)
        items = draw(st.lists(st.integers(0, 3) | places, max_size=3))
        kind = draw(
            st.sampled_from([list, tuple, lambda items: dict(zip("abc", items, strict=False))])
        )
        pool.append(kind(items))
    return pool


def containers_in(value):
    """Every dict and list in a value, itself included."""
    if isinstance(value, dict | list):
        yield value
    if isinstance(value, dict | list | tuple):
        for item in value.values() if isinstance(value, dict) else value:
            yield from containers_in(item)


class World:
    """A flow of two works as an app runs it; each work's process is another object."""

    def __init__(self, pool, rng):
        self.rng = rng
        self.root = Root(lambda: rng.choice(pool))
        self.app = FakeApp(self.root)
        self.nodes = {node.name: node for node in node_of(self.root).walk()}
        self.tree = {name: copy_value(node.variables()) for name, node in self.nodes.items()}
        self.live, self.publishers = {}, {}  # in the works' processes
        for name in WORKS:
            self.start(name)
        self.revision = 0

    def start(self, name):
        work = pickle.loads(pickle.dumps(getattr(self.root, name)))
        self.live[name] = node_of(work).live
        self.publishers[name] = Publisher({one: self.live[name][one] for one in NAMES})

    def edit(self, value, token):
        """Change one of the containers in a value in place, as user code does."""
        found = list(containers_in(value))
        if not found:
            return
        container = self.rng.choice(found)
        if isinstance(container, dict):
            container[self.rng.choice("abc")] = token
        elif container and self.rng.random() < 0.3:
            container.pop()
        else:
            container.append(token)

    def work_runs(self, name, token):
        self.edit(self.live[name][self.rng.choice(NAMES)], token)
        self.tell(name)

    def tell(self, name):
        """Have the flow merge what has become of a work's variables in its process."""
        publisher = self.publishers[name]
        ops = diff_variables(publisher.mirror, self.live[name], NAMES)
        publisher.put(ops)
        apply(self.tree[f"root.{name}"], ops)
        self.nodes[f"root.{name}"].receive(ops)

    def flow_runs(self, action, token):
        """Execute one step of a flow; return the works into whose variables it wrote."""
        before = copy_value(self.tree)
        action(token)
        for name, names in self.app.collect().items():
            ops = diff_variables(self.tree[name], self.nodes[name].variables(), names)
            apply(self.tree[name], ops)
            if ops and name != "root":
                self.revision += 1
                live = self.live[name[5:]]
                self.publishers[name[5:]].receive(
                    Update(self.revision, ops), partial(apply_fitting, live)
                )
        return {
            name for name in WORKS if not same(before[f"root.{name}"], self.tree[f"root.{name}"])
        }

    def keep_assigned(self, _token):
        work = getattr(self.root, self.rng.choice(WORKS))
        setattr(self.root, self.rng.choice(NAMES), getattr(work, self.rng.choice(NAMES)))

    def keep_inside(self, _token):
        work = getattr(self.root, self.rng.choice(WORKS))
        value = getattr(work, self.rng.choice(NAMES))
        part = self.rng.choice([value, *containers_in(value)])
        self.root._kept.append(part)
        self.root.x = [part, part]

    def edit_own(self, token):
        self.edit([self.root._kept, self.root.x, self.root.y], token)

    def write_into_a(self, token):
        self.edit(getattr(self.root.a, self.rng.choice(NAMES)), token)

    def write_one_into_both(self, token):
        self.root.a.x = self.root.b.x = [token, [token]]

    def check(self):
        for name, node in self.nodes.items():
            assert same(self.tree[name], node.variables()), name
        for name, held in self.live.items():
            live = {variable: held[variable] for variable in NAMES}
            assert same(self.tree[f"root.{name}"], live), name


@given(shared_containers())
def test_a_copy_of_containers_that_are_shared_has_each_place_for_itself(pool):
    copied = copy_value(pool)
    assert same(copied, pool)
    changeable = list(map(id, containers_in(copied)))
    assert len(set(changeable)) == len(changeable)
    assert not set(changeable) & set(map(id, containers_in(pool)))


@given(shared_containers(), st.randoms(use_true_random=False))
def test_what_a_change_of_shared_containers_is_told_as_leads_to_the_same_value(pool, rng):
    live, told = {"x": pool}, copy_value({"x": pool})
    for token in range(3):
        rng.choice([one for one in pool if isinstance(one, list)]).append(token)
        apply(told, diff_variables(told, live, ["x"]))
        assert same(told, live)
        assert len(set(map(id, containers_in(told)))) == len(list(containers_in(told)))


STEPS = st.lists(
    st.sampled_from(
        ["a", "b", "restart", "keep_assigned", "keep_inside", "edit_own", "write_into_a",
         "write_one_into_both"]
    ),
    max_size=12,
)  # fmt: skip
MAY_WRITE = {"write_into_a": {"a"}, "write_one_into_both": {"a", "b"}}


@given(shared_containers(), STEPS, st.randoms(use_true_random=False))
def test_flow_tree_and_processes_agree_and_each_changes_what_is_its_own(pool, steps, rng):
    world = World(pool, rng)
    world.check()
    for token, step in enumerate(steps, 10):
        others = copy_value(world.tree)
        if step in WORKS:
            world.work_runs(step, token)
            del others[f"root.{step}"]
            assert all(same(others[name], world.tree[name]) for name in others)
            # What the flow is taken to have written is nothing.
            assert world.flow_runs(lambda _token: None, token) == set()
        elif step == "restart":
            world.start("a")
        else:
            written = world.flow_runs(getattr(world, step), token)
            assert written <= MAY_WRITE.get(step, set())
            for name in written:  # in its process, what it shares changes with it
                world.tell(name)
        world.check()
