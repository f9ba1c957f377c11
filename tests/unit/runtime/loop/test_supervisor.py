"""What the ends of processes mean, with a launcher that starts none."""

import signal
import sys
import threading

import pytest

import lightgrid as L
from lightgrid.component.node import node_of
from lightgrid.launcher.endings import signal_name
from lightgrid.runtime.launch.events import Ended, NotStarted, Started
from lightgrid.runtime.reporting.observer import Observer


class Launch:
    def __init__(self, launch_id, tell):
        self.launch_id = launch_id
        self.was_asked = 0
        self.tell = tell
        self.has_ended = False

    def exit(self, code):
        if not self.has_ended:
            self.has_ended = True
            self.tell(Ended(self.launch_id, code))

    def stop(self):
        self.was_asked += 1
        self.exit(0)

    def kill(self):
        self.exit(-9)


class Launcher:
    """Starts nothing. `dies` says how the first launches end at once: an exit code, or why not."""

    name = "fake"
    honours = frozenset({"cpus"})

    def __init__(self, dies=()):
        self.launches = []
        self.specs = []
        self._dies = list(dies)

    def start(self, spec, tell):
        if self._dies and isinstance(self._dies[0], str):
            tell(NotStarted(spec.launch_id, self._dies.pop(0)))
            return
        launch = Launch(spec.launch_id, tell)
        self.launches.append(launch)
        self.specs.append(spec)
        tell(Started(spec.launch_id, 1000 + len(self.launches)))
        if self._dies:
            spec.log_file.write_text("some\nlast words\n")
            launch.exit(self._dies.pop(0))

    def stop(self, launch_id):
        self.find(launch_id).stop()

    def kill(self, launch_id):
        self.find(launch_id).kill()

    def find(self, launch_id):
        return next(one for one in self.launches if one.launch_id == launch_id)

    def close(self):
        pass


class Worker(L.Work):
    def __init__(self, **kwargs):
        super().__init__(parallel=True, **kwargs)
        self.c = 0

    def run(self, number=0):
        pass


class Root(L.Flow):
    def __init__(self, step, **kwargs):
        super().__init__()
        self.w = Worker(**kwargs)
        self.run_count = 0
        self._step = step

    def run(self):
        self._step(self)


def execute(root, launcher):
    return L.App(root).execute(L.RunOptions(make_launcher=lambda: launcher), Observer())


def test_a_process_that_dies_before_it_joins_ends_the_app_with_its_last_words():
    launcher = Launcher(dies=[3])
    outcome = execute(Root(lambda root: root.w.run(), start_with_flow=False), launcher)
    assert outcome.exit_code == 1
    assert "w has failed" in outcome.message
    assert "exit code 3 before it joined" in outcome.message
    assert "last words" in outcome.message


def test_a_process_that_is_killed_is_told_by_the_name_of_the_signal():
    def step(root):
        root.w.run()
        if root.w.has_failed:
            root.stop(root.w.status.message)

    root = Root(step, start_with_flow=False, raise_exception=False)
    outcome = execute(root, Launcher(dies=[-9]))
    assert outcome.exit_code == 0
    assert "killed by SIGKILL" in outcome.message
    assert root.w.statuses[-1].reason == "never_registered"


def test_a_program_that_cannot_be_started_is_a_failure_with_a_name():
    launcher = Launcher(dies=["cannot start python: no such python"])
    outcome = execute(Root(lambda root: root.w.run(), start_with_flow=False), launcher)
    assert outcome.exit_code == 1
    assert "w has failed" in outcome.message
    assert "cannot start" in outcome.message
    assert "no such python" in outcome.message


def test_works_are_started_with_the_flow_unless_they_say_otherwise():
    for starts, count in ((True, 1), (False, 0)):
        launcher = Launcher()
        execute(Root(lambda root: root.stop(), start_with_flow=starts), launcher)
        assert len(launcher.launches) == count


def test_every_process_is_asked_to_end_once_when_the_app_ends():
    launcher = Launcher()
    outcome = execute(Root(lambda root: root.stop("done")), launcher)
    assert outcome.exit_code == 0
    assert [launch.was_asked for launch in launcher.launches] == [1]


def test_a_work_has_one_process_however_often_it_is_called():
    def step(root):
        for number in range(5):
            root.w.run(number)
        root.stop()

    launcher = Launcher()
    execute(Root(step, start_with_flow=False), launcher)
    assert len(launcher.launches) == 1


def test_a_process_is_given_the_grace_that_its_work_asks_for():
    for asked_s, given_s in ((None, 1.5), (7.0, 7.0)):
        launcher = Launcher()
        execute(Root(lambda root: root.stop(), stop_grace_s=asked_s), launcher)
        assert launcher.specs[0].stop_grace_s == given_s


def test_the_token_is_in_the_environment_and_not_on_the_command_line():
    launcher = Launcher()
    execute(Root(lambda root: root.stop()), launcher)
    spec = launcher.specs[0]
    token = spec.environment["LIGHTGRID_TOKEN"]
    assert len(token.rpartition(".")[2]) == 64  # the signature, 256 bits in hex
    assert spec.environment["LIGHTGRID_WORK"] == "root.w"
    assert token not in " ".join(spec.command)
    assert token.encode() not in spec.handed_over


@pytest.mark.parametrize("calls", [1, 3])
def test_a_stopped_work_that_is_called_again_gets_another_process(calls):
    def step(root):
        if root.run_count == 0:
            root.w.run(0)
            root.w.stop()
            assert root.w.has_stopped
        elif root.run_count == 1:
            for number in range(1, calls + 1):
                root.w.run(number)
            assert root.w.is_pending
        else:
            root.stop()
        root.run_count += 1

    launcher = Launcher()
    assert execute(Root(step, start_with_flow=False), launcher).exit_code == 0
    assert len(launcher.launches) == 2


# --- failures at one moment ---------------------------------------------------------------------


class Two(L.Flow):
    def __init__(self, step=lambda root: None, **kwargs):
        super().__init__()
        self.a = Worker(**kwargs)
        self.b = Worker(**kwargs)
        self.run_count = 0
        self._step = step

    def run(self):
        self._step(self)


def test_two_processes_that_die_at_one_moment_end_the_app_and_both_are_told():
    root = Two()
    outcome = execute(root, Launcher(dies=[3, 4]))
    assert outcome.exit_code == 1
    first, *_, last = outcome.message.splitlines()
    assert first == "a has failed:"
    assert "exit code 3 before it joined" in outcome.message
    assert last == "b has failed, too"
    assert (root.a.status.reason, root.b.status.reason) == ("never_registered",) * 2
    assert "exit code 4" in root.b.status.message


def test_two_programs_that_cannot_be_started_are_both_told():
    def step(root):
        root.a.run()
        root.b.run()

    errors = ["cannot start python: no such python", "cannot start python: no memory"]
    root = Two(step, start_with_flow=False)
    outcome = execute(root, Launcher(dies=errors))
    assert "a: cannot start" in outcome.message
    assert outcome.message.endswith("b has failed, too")
    assert "no memory" in root.b.status.message


def test_a_process_that_dies_while_the_app_ends_takes_no_other_along():
    class Deaf(Launch):
        def stop(self):
            self.was_asked += 1
            self.exit(-11)

    class DeafLauncher(Launcher):
        def start(self, spec, tell):
            self.launches.append(Deaf(spec.launch_id, tell))
            tell(Started(spec.launch_id, 1000))

    launcher = DeafLauncher()
    outcome = execute(Two(lambda root: root.stop("done")), launcher)
    assert (outcome.exit_code, outcome.message) == (0, "done")
    assert [launch.was_asked for launch in launcher.launches] == [1, 1]


def test_a_work_that_cannot_be_sent_fails_its_call_and_nothing_else_where_it_may():
    def step(root):
        if root.run_count == 0:
            root.w._lock = threading.Lock()
            root.w.run()
        elif root.w.has_failed:
            root.stop(root.w.status.message)
        root.run_count += 1

    launcher = Launcher()
    outcome = execute(Root(step, start_with_flow=False, raise_exception=False), launcher)
    assert outcome.exit_code == 0
    assert "w._lock" in outcome.message
    assert launcher.launches == []


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGRTMIN, signal.SIGRTMIN + 6, 99])
def test_every_signal_has_a_name(number):
    names = {
        signal.SIGKILL: "SIGKILL",
        signal.SIGRTMIN: "SIGRTMIN",
        signal.SIGRTMIN + 6: f"signal {signal.SIGRTMIN + 6} (SIGRTMIN+6)",
        99: "signal 99",
    }
    assert signal_name(number) == names[number]


def test_a_process_that_a_real_time_signal_killed_is_told_like_any_other():
    def step(root):
        root.w.run()
        if root.w.has_failed:
            root.stop(root.w.status.message)

    root = Root(step, start_with_flow=False, raise_exception=False)
    outcome = execute(root, Launcher(dies=[-(signal.SIGRTMIN + 6)]))
    assert outcome.exit_code == 0
    assert "(SIGRTMIN+6) before it joined" in outcome.message


# --- what a run does goes out after it ----------------------------------------------------------


class Steps(L.Flow):
    """Executes one step in each run, and keeps what each returns. Then it stops."""

    def __init__(self, *steps, **kwargs):
        super().__init__()
        self.w = Worker(**{"start_with_flow": False, **kwargs})
        self.v = Worker(start_with_flow=False)
        self.n = 0
        self._steps = steps
        self._seen = []

    def run(self):
        if self.n == len(self._steps):
            self.stop("done")
        step = self._steps[self.n]
        self.n += 1
        self._seen.append(step(self))


def tree_of(root):
    return node_of(root).backend._hub.read(())[1]


def test_no_process_is_started_or_ended_and_nothing_is_told_while_the_flow_runs():
    launcher = Launcher()

    def call(root):
        root.v.c = 5
        root.w.run(1)
        root.v.start()
        told = tree_of(root)["works"]
        return root.w.status.stage, len(launcher.launches), told["w"]["calls"], told["v"]["vars"]

    def stop(root):
        started = len(launcher.launches)
        root.w.stop()
        root.v.delete()
        asked = [launch.was_asked for launch in launcher.launches]
        return started, root.w.has_stopped, asked, sorted(tree_of(root)["works"])

    def look(root):
        return [launch.was_asked for launch in launcher.launches], sorted(tree_of(root)["works"])

    root = Steps(call, stop, look)
    assert execute(root, launcher).message == "done"
    assert root._seen == [
        ("pending", 0, {}, {"c": 0}),
        (2, True, [0, 0], ["v", "w"]),
        ([1, 1], ["w"]),
    ]


@pytest.mark.parametrize(
    "end",
    [lambda: 1 / 0, lambda: [].pop(), lambda: sys.exit(3), pytest.fail],
    ids=["an error", "another", "sys.exit", "a BaseException"],
)
def test_a_run_that_raises_has_still_made_its_calls_and_writes(end):
    launcher = Launcher()
    commits = []

    class Seeing(Observer):
        wants_deltas = True

        def committing(self, origin, place, base, ops):
            commits.extend((*place, *op.path) for op in ops)

    def step(root):
        root.v.c = 5
        root.w.run(1)
        end()

    root = Steps(step)
    outcome = L.App(root).execute(L.RunOptions(make_launcher=lambda: launcher), Seeing())
    assert outcome.exit_code in (1, 3)
    assert [launch.was_asked for launch in launcher.launches] == [1]
    assert ("works", "v", "vars", "c") in commits
    assert [status.stage for status in root.w.statuses] == ["pending", "stopped"]
    assert root.w.status.reason == "app_ended"


def test_a_call_and_the_delete_of_its_work_in_one_run_leave_nothing():
    launcher = Launcher()

    def step(root):
        root.w.run(1)
        root.w.delete()

    def look(root):
        return sorted(tree_of(root)["works"])

    root = Steps(step, look)
    assert execute(root, launcher).message == "done"
    assert [launch.was_asked for launch in launcher.launches] == [1]
    assert root._seen[1] == ["v"]


def test_a_work_that_is_deleted_and_another_in_its_place_in_one_run_are_two():
    launcher = Launcher()

    def first(root):
        root.w.run(1)

    def second(root):
        root.w.delete()
        root.w = Worker(start_with_flow=False)
        root.w.c = 3
        root.w.run(1)

    def look(root):
        node = tree_of(root)["works"]["w"]
        return node["vars"], len(node["calls"]), root.w.is_pending

    root = Steps(first, second, look)
    assert execute(root, launcher).message == "done"
    assert root._seen[2] == ({"c": 3}, 1, True)
    first_token, second_token = (spec.environment["LIGHTGRID_TOKEN"] for spec in launcher.specs)
    assert first_token != second_token


def test_a_stop_and_a_call_behind_it_in_one_run_make_the_call_by_the_next_process():
    launcher = Launcher()

    def first(root):
        root.w.run(1)

    def second(root):
        root.w.stop()
        root.w.run(2)
        return root.w.is_pending

    def wait(root):
        return None if len(launcher.launches) == 2 else setattr(root, "n", root.n - 1)

    root = Steps(first, second, wait)
    assert execute(root, launcher).message == "done"
    assert root._seen[1] is True
    ends = [record.status.stage for record in node_of(root.w).calls.records.values()]
    assert ends == ["stopped", "stopped"]
    assert launcher.launches[0].was_asked == 1


def test_a_start_and_a_stop_behind_it_in_one_run_leave_the_work_stopped():
    launcher = Launcher()

    def step(root):
        root.w.start()
        before = root.w.status.stage
        root.w.stop()
        return before, root.w.status.stage

    def look(root):
        return [launch.was_asked for launch in launcher.launches]

    root = Steps(step, look)
    assert execute(root, launcher).message == "done"
    assert root._seen == [("started", "stopped"), [1]]


def test_a_process_that_dials_in_is_told_how_in_the_run_that_makes_its_work():
    def step(root):
        root.late = L.ExternalWork(x=0)
        root.late.run()
        return root.late.connection

    def check(root):
        starter = node_of(root).backend._supervisor._processes._starter
        return starter._surroundings.connection_of("root.late")

    class Late(Steps):
        def __init__(self, *steps):
            super().__init__(*steps)
            self.late = None

    root = Late(step, check)
    assert execute(root, Launcher()).message == "done"
    assert root._seen[0]
    assert root._seen[0] == root._seen[1]  # the token opens it, also when it is served


# --- how the last call ended --------------------------------------------------------------------


class Program(L.Flow):
    """Starts a program, once for each number, and ends the app when it has ended."""

    def __init__(self, *numbers, then=None, **options):
        super().__init__()
        self.w = L.CommandWork(["program"], options=options)
        self._numbers = numbers
        self._then = then

    def run(self):
        for number in self._numbers:
            self.w.run(number)
        if not node_of(self.w).calls.open_records():
            if self._then is not None:
                self._then(self)
            self.stop()


def test_an_ended_app_leaves_its_works_telling_how_their_last_call_ended():
    root = Program(1)
    assert execute(root, Launcher(dies=[0])).exit_code == 0
    assert root.w.has_succeeded
    assert [status.stage for status in root.w.statuses] == ["pending", "running", "succeeded"]


def test_a_work_that_was_stopped_behind_its_call_says_both():
    root = Program(1, then=lambda root: root.w.stop())
    assert execute(root, Launcher(dies=[0])).exit_code == 0
    assert root.w.has_stopped
    assert [status.stage for status in root.w.statuses][-2:] == ["succeeded", "stopped"]


def test_a_program_that_is_always_to_run_is_started_again_when_it_has_ended_well():
    launcher = Launcher(dies=[0, 0, 0])

    class Twice(L.Flow):
        def __init__(self):
            super().__init__()
            self.w = L.CommandWork(["program"], options={"restart": "always"})

        def run(self):
            self.w.run()
            if len(launcher.launches) >= 3:
                self.stop()

    root = Twice()
    assert execute(root, launcher).exit_code == 0
    assert root.w.status.call_count == 1
