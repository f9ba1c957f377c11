"""Real processes of works against a real server; the test plays the flow."""

import contextlib
import os
import secrets
import signal
import subprocess
import sys
import tempfile
import textwrap
import time

import pytest

from lightgrid.component.node import node_of
from lightgrid.component.work import Work
from lightgrid.process import app_file, told_environment, work_spec
from lightgrid.protocol.events import Left
from lightgrid.protocol.limits import Limits
from lightgrid.protocol.messages import CallErrorReason, CallState, Run
from lightgrid.runtime.hub import Hub
from lightgrid.server.auth import Auth
from lightgrid.server.listen import Listen
from lightgrid.server.server import Server

PATIENCE_S = 30.0


class FlowSide:
    """A hub with its server; merges when it is asked whether something is so."""

    def __init__(self, tmp_path, settings=None):
        self.tmp_path = tmp_path
        self.hub = Hub(settings or Limits())
        self.auth = Auth()
        self.server = Server(self.hub, self.auth, Listen())
        self.address = self.server.start()
        self.hub.commit("root", [((), [])])
        self.hub.tree.root["works"] = {}
        self.vars = {}
        self.updates = {}
        self.history = []
        self.events = []
        self.processes = []

    def close(self):
        for process in self.processes:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        self.server.stop()

    def add(self, name, variables, *, receives_updates=False):
        self.hub.tree.root["works"][name] = {"vars": dict(variables)}
        self.vars[name] = self.hub.tree.root["works"][name]["vars"]
        self.hub.add_work(
            name, ("works", name, "vars"), variables, receives_updates=receives_updates
        )

    def launch(self, work, path, *, seen_revision=0, **spec):
        """Start a work's process as a launcher does."""
        name = work.name
        node = node_of(work)
        self.add(name, node.variables(), receives_updates=work.receive_updates)
        made = work_spec.make_spec(work, app_file=path, stop_grace_s=5.0, **spec)
        data = made.dump(seen_revision)
        log = self.tmp_path / f"{name}.log"
        token = self.auth.work_token(name, self.hub.works.generation_of(name))
        with tempfile.TemporaryFile() as handed, log.open("ab") as output:
            handed.write(data)
            handed.seek(0)
            process = subprocess.Popen(
                work_spec.work_command(name),
                env={**os.environ, **told_environment.work_environment(name, self.address, token)},
                stdin=handed,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        process.log = log
        self.processes.append(process)
        return process

    def call(self, name, *args, method_name="run", **kwargs):
        call_id = secrets.token_hex(16)
        self.hub.call(name, Run(call_id, method_name, args, kwargs))
        return call_id

    def step(self):
        self.hub.wait(0.05)
        for name, merged in self.hub.merge():
            for update in merged.calls:
                self.updates[update.call_id] = update
            self.history.append((name, dict(self.vars[name]), list(merged.calls)))
        self.events += self.hub.take_events()

    def until(self, condition, what=""):
        deadline_s = time.monotonic() + PATIENCE_S
        while not condition():
            if time.monotonic() > deadline_s:
                logs = [process.log.read_text() for process in self.processes]
                raise AssertionError(f"never: {what} {self.vars} {self.updates} {logs}")
            self.step()

    def end_of(self, call_id):
        self.until(
            lambda: call_id in self.updates and self.updates[call_id].state.is_end, "a call's end"
        )
        return self.updates[call_id]

    def until_running(self, call_id):
        self.until(
            lambda: call_id in self.updates and self.updates[call_id].state >= CallState.RUNNING,
            "a call's beginning",
        )

    def exit_code(self, process):
        self.until(lambda: process.poll() is not None, "the end of a process")
        return process.returncode


@pytest.fixture
def flow(tmp_path):
    flow = FlowSide(tmp_path)
    yield flow
    flow.close()


@pytest.fixture
def load(tmp_path, monkeypatch):
    """Write an app file and load it as the flow does."""

    def load(text):
        path = tmp_path / "app.py"
        path.write_text("import lightgrid as L\n" + textwrap.dedent(text))
        for name in ("argv", "path"):
            monkeypatch.setattr(sys, name, list(getattr(sys, name)))
        monkeypatch.setitem(sys.modules, "__main__", sys.modules["__main__"])
        return app_file.load_app_file(str(path)), str(path)

    return load


def make(module, kind="W", name="w"):
    work = getattr(module, kind)()
    node_of(work).key = name
    return work


def test_a_counter_is_counted_to_its_end(flow, load, tmp_path):
    module, path = load(
        """
        import os
        class W(L.Work):
            def __init__(self):
                super().__init__()
                self.counter = 0
            def run(self, seen):
                for _ in range(100_000):
                    self.counter += 1
                while not os.path.exists(seen):
                    self.counter += 1
                return {"made": self.counter}
        """
    )
    process = flow.launch(make(module), path)
    call_id = flow.call("w", str(tmp_path / "seen"))

    def seen():
        return [variables["counter"] for _, variables, _ in flow.history]

    flow.until(lambda: len(set(seen())) > 5, "values in between")
    (tmp_path / "seen").touch()
    end = flow.end_of(call_id)
    assert end.state is CallState.SUCCEEDED
    assert flow.vars["w"] == {"counter": end.result["made"]}
    assert end.result["made"] >= 100_000
    assert seen() == sorted(seen())
    process.terminate()
    assert flow.exit_code(process) == 0
    assert Left("w") in flow.events


def test_all_in_place_changes_are_seen_with_the_success(flow, load):
    module, path = load(
        """
        class W(L.Work):
            def __init__(self):
                super().__init__()
                self.items = []
                self.nested = {"a": {"b": [1]}}
            def run(self):
                for n in range(20):
                    self.items.append(n)
                self.nested["a"]["b"].append({"c": 2.0})
        """
    )
    flow.launch(make(module), path)
    call_id = flow.call("w")
    flow.end_of(call_id)
    (seen,) = [v for _, v, calls in flow.history for c in calls if c.state is CallState.SUCCEEDED]
    assert seen == {"items": list(range(20)), "nested": {"a": {"b": [1, {"c": 2.0}]}}}


def test_in_place_changes_arrive_while_a_call_runs(flow, load):
    module, path = load(
        """
        import time
        class W(L.Work):
            def __init__(self):
                super().__init__()
                self.items = []
                self.huge = [[n] for n in range(20_000)]
            def run(self):
                while True:
                    self.items.append(1)
                    time.sleep(0.01)
        """
    )
    flow.launch(make(module), path)
    flow.call("w")
    for count in range(1, 6):
        flow.until(lambda count=count: len(flow.vars["w"]["items"]) >= 3 * count, "an append")


def test_only_combinations_that_existed_are_seen(flow, load, tmp_path):
    module, path = load(
        """
        import os
        class W(L.Work):
            def __init__(self):
                super().__init__()
                self.a = self.b = self.c = 0
            def run(self, seen):
                n = 0
                while not os.path.exists(seen):
                    for _ in range(1000):
                        n += 1
                        self.a = n
                        self.b = n
                        self.c = n
                return n
        """
    )
    flow.launch(make(module), path)
    call_id = flow.call("w", str(tmp_path / "seen"))
    flow.until(lambda: len({v["a"] for _, v, _ in flow.history}) > 50, "values in between")
    (tmp_path / "seen").touch()
    last = flow.end_of(call_id).result
    seen = [variables for _, variables, _ in flow.history]
    for one in seen:
        assert one["a"] >= one["b"] >= one["c"] >= one["a"] - 1
    assert seen[-1] == {"a": last, "b": last, "c": last}


@pytest.mark.parametrize(
    "body",
    [
        "while True: self.c += 1",
        "while True:\n        try:\n            while True: self.c += 1\n        except: pass",
        "time.sleep(1000)",
        "threading.Lock().acquire() and (lock := threading.Lock()).acquire() and lock.acquire()",
        "asyncio.run(asyncio.sleep(1000))",
        "subprocess.run(['sleep', '1000'])",
    ],
    ids=["busy", "bare except", "sleep", "lock", "asyncio", "subprocess"],
)
def test_a_stop_ends_whatever_runs_and_runs_on_exit(flow, load, body):
    if "except" in body:  # it has to end at some time: it counts how often it was told
        body = (
            "told = 0\n"
            "while told < 3:\n    try:\n        while True: self.c += 1\n    except: told += 1"
        )
    code = textwrap.indent(body, " " * 8)
    module, path = load(
        "import asyncio, subprocess, threading, time\n"
        "class W(L.Work):\n"
        "    def __init__(self):\n"
        "        super().__init__()\n"
        "        self.c = 0\n"
        "        self.left = []\n"
        "    def run(self):\n"
        f"{code}\n"
        "    def on_exit(self):\n"
        "        time.sleep(0.3)\n"
        "        self.left.append(self.c)\n"
    )
    process = flow.launch(make(module), path)
    call_id = flow.call("w")
    flow.until_running(call_id)
    flow.hub.stop("w", 5.0)
    process.terminate()
    assert flow.exit_code(process) == 0
    flow.step()
    assert flow.updates[call_id].state is CallState.CANCELLED
    assert flow.vars["w"]["left"] == [flow.vars["w"]["c"]]


@pytest.mark.parametrize("by_signal", [True, False], ids=["signal", "command"])
def test_a_busy_work_is_stopped_every_time(flow, load, by_signal):
    module, path = load(
        """
        class W(L.Work):
            def __init__(self):
                super().__init__()
                self.c = 0
                self.left = False
            def run(self):
                while True:
                    self.c += 1
            def on_exit(self):
                self.left = True
        """
    )
    names = [f"w{n}" for n in range(4)]
    processes = {name: flow.launch(make(module, name=name), path) for name in names}
    calls = {name: flow.call(name) for name in names}
    for name in names:
        flow.until_running(calls[name])
        if by_signal:
            processes[name].terminate()
        else:
            flow.hub.stop(name, 5.0)
    for name in names:
        assert flow.exit_code(processes[name]) == 0
        flow.step()
        assert flow.vars[name]["left"] is True


def test_a_cancelled_call_ends_and_the_next_one_runs(flow, load):
    module, path = load(
        """
        import time
        class W(L.Work):
            def __init__(self):
                super().__init__()
                self.made = []
            def run(self, n):
                if n < 2:
                    time.sleep(1000)
                self.made.append(n)
        """
    )
    flow.launch(make(module), path)
    first, second, third = (flow.call("w", n) for n in range(3))
    flow.until_running(first)
    flow.hub.end_calls("w", [second, first])
    assert flow.end_of(third).state is CallState.SUCCEEDED
    assert flow.vars["w"]["made"] == [2]


def test_failures_tell_type_message_and_the_users_frames(flow, load):
    module, path = load(
        """
        import sys
        class W(L.Work):
            def __init__(self):
                super().__init__()
                self.handled = ""
                self.items = []
            def run(self, what):
                if what == "raise":
                    raise ValueError("no good")
                if what == "exit":
                    sys.exit(3)
                if what == "return":
                    return {"a": [object()]}
                if what == "state":
                    self.items.append(object())
                    while True:
                        pass
                if what == "state at the end":
                    self.items[:] = [{1, 2}]
                if what == "handled":
                    raise KeyError("handle me")
            def on_exception(self, exception):
                if "handle me" in str(exception):
                    self.handled = str(exception)
                    return
                raise exception
        """
    )
    flow.launch(make(module), path)

    def error_of(what):
        end = flow.end_of(flow.call("w", what))
        assert end.state is CallState.FAILED, end
        return end.error

    error = error_of("raise")
    assert (error.type_name, error.message) == ("ValueError", "no good")
    assert 'raise ValueError("no good")' in error.trace
    assert "runtime" not in error.trace
    assert error_of("exit").type_name == "SystemExit"
    error = error_of("return")
    assert error.reason is CallErrorReason.INVALID_RETURN_VALUE
    assert "w.run() returned a dict at a.0: a value of type object cannot be state" in error.message
    assert flow.end_of(flow.call("w", "handled")).state is CallState.SUCCEEDED
    assert "handle me" in flow.vars["w"]["handled"]
    error = flow.end_of(flow.call("w", method_name="nothing")).error
    assert error.reason is CallErrorReason.INVALID_CALL
    error = error_of("state at the end")
    assert error.reason is CallErrorReason.INVALID_STATE
    assert "w: items.0: a value of type set cannot be state" in error.message
    error = error_of("state")
    assert "w: items.0: a value of type " in error.message


def test_flow_writes_come_with_the_next_call(flow, load):
    module, path = load(
        """
        class W(L.Work):
            def __init__(self):
                super().__init__()
                self.x = 1
                self.seen = []
            def run(self):
                self.seen.append(self.x)
        """
    )
    from lightgrid.state.delta import Set

    flow.launch(make(module), path)
    flow.end_of(flow.call("w"))
    flow.hub.commit_flow([(("works", "w", "vars"), [Set(("x",), 7)])], {"w": [Set(("x",), 7)]})
    flow.end_of(flow.call("w"))
    assert flow.vars["w"] == {"x": 7, "seen": [1, 7]}


def test_updates_reach_a_running_work_that_asks_for_them(flow, load):
    module, path = load(
        """
        class W(L.Work):
            def __init__(self):
                super().__init__(receive_updates=True)
                self.x = 1
                self.saw = 0
            def run(self):
                while self.x == 1:
                    pass
                self.saw = self.x
        """
    )
    from lightgrid.state.delta import Set

    flow.launch(make(module), path)
    call_id = flow.call("w")
    flow.until_running(call_id)
    flow.hub.commit_flow([(("works", "w", "vars"), [Set(("x",), 9)])], {"w": [Set(("x",), 9)]})
    flow.end_of(call_id)
    assert flow.vars["w"] == {"x": 9, "saw": 9}


def test_flush_returns_when_the_flow_has_all(flow, load):
    module, path = load(
        """
        import time
        class W(L.Work):
            def __init__(self):
                super().__init__()
                self.items = []
            def run(self):
                self.items.append(1)
                self.flush()
                print("flushed", flush=True)
                time.sleep(1000)
        """
    )
    process = flow.launch(make(module), path)
    flow.call("w")
    flow.until(lambda: "flushed" in process.log.read_text(), "the flush")
    assert flow.vars["w"]["items"] == [1]


def test_arguments_and_objects_of_the_app_file_resolve(flow, load):
    module, path = load(
        """
        import multiprocessing as mp
        from dataclasses import dataclass

        @dataclass
        class Point:
            x: int

        def double(point):
            return Point(2 * point.x)

        class W(L.Work):
            def __init__(self):
                super().__init__()
                self.main_runs = 0
                self._helper = Point(5)
            def run(self, point, how):
                with mp.get_context(how).Pool(2) as pool:
                    points = pool.map(double, [point, self._helper])
                return [one.x for one in points]

        if __name__ == "__main__":
            W.main_runs_here = True
        """
    )
    assert module.W.main_runs_here
    flow.launch(make(module), path)
    for how in ("fork", "spawn"):
        run = Run(
            secrets.token_hex(16),
            python_arguments=work_spec.dump_object(((module.Point(4), how), {}), by_reference=True),
        )
        flow.hub.call("w", run)
        end = flow.end_of(run.call_id)
        assert end.result == [8, 10], end


def test_classes_made_interactively_travel_by_value(flow, monkeypatch):
    class W(Work):
        def __init__(self):
            super().__init__()
            self.x = 0

        def run(self):
            self.x = 3

    import types

    W.__module__ = "__main__"
    monkeypatch.setitem(sys.modules, "__main__", types.ModuleType("__main__"))
    work = W()
    node_of(work).key = "w"
    flow.launch(work, None)
    assert flow.end_of(flow.call("w")).state is CallState.SUCCEEDED
    assert flow.vars["w"]["x"] == 3


def test_forty_pools_in_a_row_while_streaming(flow, load):
    module, path = load(
        """
        import multiprocessing as mp
        import os
        import signal
        import sys
        import threading
        import time

        def square(n):
            return n * n

        class W(L.Work):
            def __init__(self):
                super().__init__()
                self.pools = 0
                self.c = 0
            def on_exception(self, exception):
                self.pools = -2  # not in a child
                raise exception
            def on_exit(self):
                self.c = -1
            def run(self):
                done = threading.Event()
                def count():
                    while not done.wait(0.001):
                        self.c += 1
                threading.Thread(target=count, daemon=True).start()
                for _ in range(40):
                    with mp.get_context("fork").Pool(2) as pool:
                        assert pool.map(square, range(4)) == [0, 1, 4, 9]
                    pid = os.fork()
                    if pid == 0:
                        self.pools = -1
                        self.flush()
                        return  # comes back out of user code in a child
                    assert os.waitpid(pid, 0)[1] == 0
                    pid = os.fork()
                    if pid == 0:
                        sys.exit(3)
                    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 3
                    pid = os.fork()
                    if pid == 0:
                        time.sleep(1000)
                    os.kill(pid, signal.SIGTERM)
                    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == -signal.SIGTERM
                    self.pools += 1
                done.set()
        """
    )
    flow.launch(make(module), path)
    end = flow.end_of(flow.call("w"))
    assert end.state is CallState.SUCCEEDED, end
    assert flow.vars["w"]["pools"] == 40
    assert all(min(variables.values()) >= 0 for _, variables, _ in flow.history)


def test_a_work_goes_on_when_the_server_comes_back(flow, load):
    module, path = load(
        """
        import time
        class W(L.Work):
            def __init__(self):
                super().__init__()
                self.c = 0
                self.items = []
            def run(self):
                while self.c < 100_000_000:
                    self.c += 1
                    self.items[:] = [self.c]
                    time.sleep(0.001)
        """
    )
    process = flow.launch(make(module), path)
    call_id = flow.call("w")
    flow.until(lambda: flow.vars["w"]["c"] > 10, "a count")
    for _ in range(2):
        flow.server.stop()
        before = flow.vars["w"]["c"]
        flow.server = Server(flow.hub, flow.auth, Listen(flow.address))
        flow.server.start()
        flow.until(lambda before=before: flow.vars["w"]["c"] > before + 50, "more")
    assert flow.updates[call_id].state is CallState.RUNNING
    process.terminate()
    assert flow.exit_code(process) == 0


@pytest.mark.parametrize(
    ("text", "said"),
    [("def broken(:\n", "SyntaxError"), ("import os\n1 / 0\n", "ZeroDivisionError")],
)
def test_an_app_file_that_fails_in_the_work_ends_it_with_the_users_lines(flow, load, text, said):
    module, path = load(
        "class W(L.Work):\n    def __init__(self):\n        super().__init__()\n"
        "    def run(self): pass\n"
    )
    work = make(module)
    with open(path, "w") as file:
        file.write(text)
    process = flow.launch(work, path)
    assert flow.exit_code(process) == 1
    log = process.log.read_text()
    assert said in log
    assert "lightgrid" not in log


def test_a_failed_on_start_fails_the_first_call(flow, load):
    module, path = load(
        """
        class W(L.Work):
            def __init__(self):
                super().__init__()
            def on_start(self):
                raise RuntimeError("no device")
            def run(self):
                pass
        """
    )
    process = flow.launch(make(module), path)
    end = flow.end_of(flow.call("w"))
    assert (end.state, end.error.message) == (CallState.FAILED, "no device")
    assert flow.exit_code(process) == 1
    assert "no device" in process.log.read_text()


def test_a_refused_work_says_why(flow, load):
    module, path = load(
        "class W(L.Work):\n    def __init__(self):\n        super().__init__()\n"
        "    def run(self): pass\n"
    )
    flow.auth = Auth("of another app")
    process = flow.launch(make(module), path)
    assert flow.exit_code(process) == 1
    told = "lightgrid: w cannot go on: the token opens nothing of this app"
    assert told in process.log.read_text()


def test_a_fenced_work_leaves_in_order(flow, load):
    module, path = load(
        """
        import time
        class W(L.Work):
            def __init__(self):
                super().__init__()
            def run(self):
                time.sleep(1000)
            def on_exit(self):
                print("on_exit")
        """
    )
    process = flow.launch(make(module), path)
    flow.until_running(flow.call("w"))
    flow.hub.process_gone("w", None)  # as far as the flow knows
    flow.hub.works.register("w", "another", [], "")
    assert flow.exit_code(process) == 0
    assert "on_exit" in process.log.read_text()


def test_the_token_is_kept_from_what_user_code_starts(flow, load):
    module, path = load(
        """
        import os, sys
        class W(L.Work):
            def __init__(self):
                super().__init__()
            def run(self):
                names = ("LIGHTGRID_TOKEN", "LIGHTGRID_ADDRESS", "LIGHTGRID_WORK")
                return [[os.environ.get(name) for name in names], sys.argv, sys.path[0]]
        """
    )
    flow.launch(make(module), path)
    end = flow.end_of(flow.call("w"))
    assert end.result == [[None, flow.address, "w"], [path], os.path.dirname(path)]


def test_a_value_too_large_for_a_message_fails_the_call_alone(flow, load):
    module, path = load(
        """
        class W(L.Work):
            def __init__(self):
                super().__init__()
                self.text = ""
                self.items = []
            def run(self, size):
                self.text = "x" * size
                self.items = list(range(size // 4))
        """
    )
    flow.launch(make(module), path)
    end = flow.end_of(flow.call("w", 5 * 2**20))
    assert end.state is CallState.FAILED
    assert "w: text: a str of 5,242,880 bytes does not fit into one message" in end.error.message
    assert flow.end_of(flow.call("w", 2**20)).state is CallState.SUCCEEDED
    assert flow.vars["w"]["text"] == "x" * 2**20


def test_a_work_in_the_foreground_takes_the_flows_state(flow, tmp_path):
    path = tmp_path / "app.py"
    path.write_text(
        textwrap.dedent(
            """
            import lightgrid as L
            class W(L.Work):
                def __init__(self):
                    super().__init__()
                    self.x = 1
                def run(self):
                    self.x += 1
            class Root(L.Flow):
                def __init__(self):
                    super().__init__()
                    self.w = W()
                def run(self):
                    pass
            app = L.App(Root())
            """
        )
    )
    flow.add("root.w", {"x": 1})
    from lightgrid.state.delta import Set

    place = ("works", "root.w", "vars")
    flow.hub.commit_flow([(place, [Set(("x",), 41)])], {"root.w": [Set(("x",), 41)]})
    token = flow.auth.work_token("root.w", flow.hub.works.generation_of("root.w"))
    code = (
        "import sys; from lightgrid.worker.work_process import run_foreground as r; "
        f"sys.exit(r({str(path)!r}, 'root.w', {flow.address!r}, {token!r}))"
    )
    log = tmp_path / "log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-c", code], stdout=output, stderr=output, start_new_session=True
        )
    process.log = log
    flow.processes.append(process)
    flow.end_of(flow.call("root.w"))
    assert flow.vars["root.w"]["x"] == 42
    process.send_signal(signal.SIGINT)
    assert flow.exit_code(process) == 0


def test_the_processes_of_works_import_little():
    code = (
        "import sys, lightgrid.worker.work_process, lightgrid.worker.loop; "
        "print([m for m in ('deepdiff', 'rich', 'click', 'numpy', 'lightgrid.server', "
        "'cloudpickle', 'multiprocessing', 'importlib.metadata', 'lightgrid.launcher.channel') "
        "if m in sys.modules])"
    )
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert told.stdout.strip() == "[]"
