"""Works by themselves: run in place, pickled, deleted, and never in the flow's process."""

import copy
import functools
import pickle

import cloudpickle
import pytest
from unit.component.fake_app import FakeApp

import lightgrid
from lightgrid.component.backend import flow_code
from lightgrid.component.calling import run_as_written
from lightgrid.component.node import node_of
from lightgrid.component.status import WorkStage
from lightgrid.errors import ComponentError, UndeclaredAttributeError


class Counter(lightgrid.Work):
    def __init__(self, **options):
        super().__init__(**options)
        self.count = 0
        self.items = [1, {"a": (2,)}]
        self._private = {"set", "of", "str"}

    def run(self, *args, **kwargs):
        self.count += 1
        return self.count


class Root(lightgrid.Flow):
    def __init__(self):
        super().__init__()
        self.w = Counter(parallel=True)
        self.l = lightgrid.List(Counter(), lightgrid.Dict(k=Counter()))
        self.total = 0
        self.group = []

    def run(self):
        self.total += self.w.run("x")
        return self.total


class TestAlone:
    def test_a_call_is_executed_in_place_and_remembered(self):
        work = Counter()
        assert [work.run(1), work.run(1), work.run(2), work.run(1)] == [1, 1, 2, 1]

    def test_without_cache_it_is_executed_each_time(self):
        work = Counter(cache_calls=False)
        assert [work.run(1), work.run(1), work.run(2), work.run(1)] == [1, 2, 3, 4]

    def test_a_call_that_raised_is_executed_again(self):
        class Failing(Counter):
            def run(self):
                super().run()
                raise ValueError(self.count)

        work = Failing()
        for count in ("1", "2"):
            with pytest.raises(ValueError, match=count):
                work.run()

    def test_a_flow_calls_its_works_in_place_too(self):
        root = Root()
        assert [root.run(), root.run()] == [1, 2]
        assert root.w.count == 1

    @pytest.mark.parametrize("verb", ["start", "stop"])
    def test_what_needs_an_app_says_so(self, verb):
        with pytest.raises(ComponentError, match=rf"Counter\.{verb}\(\) needs a running app"):
            getattr(Counter(), verb)()

    def test_there_is_nothing_to_retry_or_to_flush(self):
        work = Counter()
        work.run()
        assert work.retry() is False
        assert work.flush() is None


class TestWhereAWorkRuns:
    def test_a_work_in_a_plain_list_does_not_run_inside_the_flow(self):
        root = Root()
        FakeApp(root)
        root.group.append(Counter())
        with flow_code(), pytest.raises(ComponentError) as refused:
            root.group[0].run()
        assert root.group[0].count == 0
        assert str(refused.value) == (
            "Counter.run(): the work is in no flow, and here it would run inside the flow's "
            "process. Set it as an attribute of a flow, or put it into a structures.List or Dict "
            "of one"
        )

    def test_afterwards_works_run_alone_again(self):
        with flow_code():
            pass
        assert Counter().run() == 1

    def test_a_work_that_is_attached_while_the_flow_runs_makes_calls(self):
        root = Root()
        app = FakeApp(root)
        with flow_code():
            root.new = Counter(parallel=True)
            root.new.run(7)
        assert app.calls == [("root.new", (7,), {})]
        assert root.new.count == 0

    def test_a_wrapper_of_run_says_itself_what_it_takes(self):
        def injecting(run):
            @functools.wraps(run)
            def wrapper(self):
                return run(self, "injected")

            return wrapper

        class Injected(lightgrid.Work):
            @injecting
            def run(self, what):
                return what

        root = Root()
        root.injected = Injected(parallel=True)
        app = FakeApp(root)
        root.injected.run()
        assert app.calls == [("root.injected", (), {})]
        refusal = r"injected\.run\(\): too many .* It is run\(self\) in "
        with pytest.raises(TypeError, match=refusal):
            root.injected.run("more")
        assert len(app.calls) == 1

    def test_in_its_own_process_run_is_what_the_user_wrote(self):
        work = pickle.loads(pickle.dumps(Counter()))
        run_as_written(node_of(work), None)
        assert [work.run(1), work.run(1)] == [1, 2]


class TestDelete:
    def test_its_name_can_be_used_again(self):
        root = Root()
        app = FakeApp(root)
        root.w.delete()
        assert ("detached", "root.w") in app.log
        assert not hasattr(root, "w")
        root.w = Counter(parallel=True)
        root.w.run(1)
        assert app.calls == [("root.w", (1,), {})]

    def test_a_member_leaves_its_structure(self):
        root = Root()
        root.l[1]["k"].delete()
        root.l[0].delete()
        assert [work.name for work in root.works()] == ["root.w"]
        assert len(root.l) == 1

    def test_a_work_that_is_in_no_flow_says_so(self):
        with pytest.raises(ComponentError, match=r"Counter\.delete\(\): the work is in no flow"):
            Counter().delete()


#: What a work might well call things of its own, and the framework has under such names too.
NAMES = (
    "_backend", "_cache_calls", "_calls", "_children", "_connection", "_host", "_launch",
    "_members", "_names", "_node", "_options", "_parallel", "_port", "_process",
    "_process_status", "_raise_exception", "_receive_updates", "_restart", "_results",
    "_run_timeout_s", "_schedules", "_stall_timeout_s", "_start_with_flow", "_status",
    "_stop_grace_s",
)  # fmt: skip


class Hoarder(lightgrid.Work):
    def __init__(self):
        super().__init__(parallel=True, port=1234)
        self.count = 0
        for name in NAMES:
            setattr(self, name, f"my {name}")

    def run(self):
        self.count += 1


class TestPrivateNames:
    def test_a_work_may_call_its_own_things_whatever_it_likes(self):
        root = Root()
        root.own = Hoarder()
        app = FakeApp(root)
        root.own.run()
        app.moved(root.own, WorkStage.SUCCEEDED)
        root.own.run()
        assert [name for name, _, _ in app.calls] == ["root.own"]
        assert root.own.status.stage is WorkStage.SUCCEEDED
        assert (root.own.parallel, root.own.host, root.own.port) == (True, "127.0.0.1", 1234)
        there = pickle.loads(pickle.dumps(root.own))
        assert {name: getattr(there, name) for name in NAMES} == {n: f"my {n}" for n in NAMES}
        there.flush()
        root.own.delete()
        assert app.log[-1] == ("detached", "root.own")

    def test_a_flow_may_too(self):
        class Own(Root):
            def __init__(self):
                super().__init__()
                self._schedules = self._children = self._node = None

        root = Own()
        assert root.schedule("hourly", user_key="one")
        assert list(root.state["calls"]["scheduling"]) == ["hourly one"]

    def test_what_the_framework_has_in_an_object_of_the_users_is_named_after_it(self):
        work, plain = Counter(), {"count", "items", "_private"}
        assert set(vars(work)) - plain == {"run"}
        slots = [name for base in type(work).__mro__ for name in vars(base).get("__slots__", ())]
        assert {name for name in slots if not name.startswith("__")} == {
            "_lightgrid_dirty", "_lightgrid_node", "_lightgrid_vars",
        }  # fmt: skip


class TestPickling:
    def travelled(self, work):
        return pickle.loads(cloudpickle.dumps(work))

    @pytest.mark.parametrize("pick", [lambda root: root.w, lambda root: root.l[1]["k"]])
    def test_a_work_of_a_running_app_travels_with_its_state_and_name_alone(self, pick):
        root = Root()
        app = FakeApp(root)
        work = pick(root)
        work.count = 5
        work.items[1]["b"] = 3
        work._private.add("more")
        app.collect()
        data = cloudpickle.dumps(work)
        assert b"FakeApp" not in data
        assert b"Root" not in data
        there = pickle.loads(data)
        assert there.name == work.name
        assert there.state["vars"] == {"count": 5, "items": [1, {"a": (2,), "b": 3}]}
        assert there._private == {"set", "of", "str", "more"}
        assert there.parallel is work.parallel

    def test_calls_stay_behind(self):
        root = Root()
        app = FakeApp(root)
        root.w.run(1)
        app.moved(root.w, WorkStage.SUCCEEDED)
        there = self.travelled(root.w)
        assert there.status.stage is WorkStage.NOT_STARTED
        assert there.num_successes == 0

    def test_the_state_rules_hold_there(self):
        there = self.travelled(Counter())
        there.count = 2
        assert list(node_of(there).dirty) == ["count"]
        with pytest.raises(UndeclaredAttributeError):
            there.new = 1

    def test_a_class_made_in_a_function_travels_by_value(self):
        class Local(Counter):
            pass

        Local.__module__ = "__main__"
        assert self.travelled(Local()).run() == 1

    def test_a_tree_can_be_copied_and_is_a_tree_of_its_own(self):
        root = Root()
        other = copy.deepcopy(root)
        other.l[1]["k"].count = 9
        other.l.append(Counter())
        other.l[0].delete()
        assert [work.name for work in other.works()] == ["root.w", "root.l.1.k", "root.l.2"]
        assert [work.name for work in root.works()] == ["root.w", "root.l.0", "root.l.1.k"]
        assert root.l[1]["k"].count == 0
        assert other.state["structures"]["l"]["structures"]["1"]["works"]["k"]["vars"]["count"] == 9
