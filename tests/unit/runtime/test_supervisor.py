"""What the ends of processes mean, with a launcher that starts none."""

import pytest

import lightgrid as L
from lightgrid.runtime.observer import Observer


class Handle:
    def __init__(self, pid, on_exit):
        self.pid = pid
        self.was_asked = 0
        self._on_exit = on_exit

    def exit(self, code):
        on_exit, self._on_exit = self._on_exit, None
        if on_exit is not None:
            on_exit(self.pid, code)

    def stop(self):
        self.was_asked += 1
        self.exit(0)

    def kill(self):
        self.exit(-9)


class Launcher:
    """Starts nothing. `dies` is the exit code that the first processes end with at once."""

    def __init__(self, dies=()):
        self.handles = []
        self.specs = []
        self._dies = list(dies)

    def start(self, spec, on_exit):
        if self._dies and isinstance(self._dies[0], OSError):
            raise self._dies.pop(0)
        handle = Handle(1000 + len(self.handles), on_exit)
        self.handles.append(handle)
        self.specs.append(spec)
        if self._dies:
            spec.log_file.write_text("some\nlast words\n")
            handle.exit(self._dies.pop(0))
        return handle

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
    launcher = Launcher(dies=[OSError(2, "no such python")])
    outcome = execute(Root(lambda root: root.w.run(), start_with_flow=False), launcher)
    assert outcome.exit_code == 1
    assert "w has failed" in outcome.message
    assert "cannot start" in outcome.message
    assert "no such python" in outcome.message


def test_works_are_started_with_the_flow_unless_they_say_otherwise():
    for starts, count in ((True, 1), (False, 0)):
        launcher = Launcher()
        execute(Root(lambda root: root.stop(), start_with_flow=starts), launcher)
        assert len(launcher.handles) == count


def test_every_process_is_asked_to_end_once_when_the_app_ends():
    launcher = Launcher()
    outcome = execute(Root(lambda root: root.stop("done")), launcher)
    assert outcome.exit_code == 0
    assert [handle.was_asked for handle in launcher.handles] == [1]


def test_a_work_has_one_process_however_often_it_is_called():
    def step(root):
        for number in range(5):
            root.w.run(number)
        root.stop()

    launcher = Launcher()
    execute(Root(step, start_with_flow=False), launcher)
    assert len(launcher.handles) == 1


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
    assert len(launcher.handles) == 2
