"""Testing works and apps under the real runtime: real processes, real gRPC.

One work alone:

    def test_it_counts():
        result = run_work(Counter(), 10)
        assert result.status.stage == "succeeded"
        assert result.variables["counter"] == 10

An app, run by run:

    def test_a_dead_work_is_noticed():
        root = Root()
        with stepping(root) as app:
            app.run_until(lambda: root.w.counter > 3)
            app.kill(root.w)
            app.run_until(lambda: root.w.has_failed)
        assert app.outcome.exit_code == 0

Classes may be defined in the test's module, or in the test: they travel to the
processes of works by value, with the functions and globals that they use.

A launcher of one's own is run against what each owes, with pytest:

    class TestMyLauncher(LauncherContract):
        def make_launcher(self):
            return MyLauncher()
"""

from lightgrid.testing.app_tester import AppTester, stepping
from lightgrid.testing.empty import EmptyFlow, EmptyWork
from lightgrid.testing.launcher_contract import LauncherContract
from lightgrid.testing.not_reached import NotReachedError
from lightgrid.testing.work_run import WorkRun, run_work

__all__ = [
    "AppTester",
    "EmptyFlow",
    "EmptyWork",
    "LauncherContract",
    "NotReachedError",
    "WorkRun",
    "run_work",
    "stepping",
]
