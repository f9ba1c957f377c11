"""Programs in the shape of those for the removed framework, moved by their import alone."""

import textwrap

import pytest

PROGRAMS = {
    "a work alone, for a machine in the cloud": """
        from lightning.app import LightningWork, LightningApp, CloudCompute


        class YourComponent(LightningWork):
            def run(self):
                print("RUN ANY PYTHON CODE HERE", flush=True)


        component = YourComponent(cloud_compute=CloudCompute("gpu", disk_size=20))
        app = LightningApp(component)
    """,
    "two works, each for its machine": """
        from lightning.app import BuildConfig, CloudCompute
        from lightning.app import LightningApp, LightningFlow, LightningWork
        from lightning.app.core.work import LightningWork as Same


        class Train(LightningWork):
            def __init__(self, *args, **kwargs):
                super().__init__(*args, **kwargs)
                self.best = None

            def run(self, message):
                assert Same is LightningWork
                self.best = message


        class Analyze(LightningWork):
            def run(self, best):
                print("RUN", best, flush=True)


        class Root(LightningFlow):
            def __init__(self):
                super().__init__()
                self.train = Train(
                    cloud_compute=CloudCompute("cpu"),
                    cloud_build_config=BuildConfig(requirements=["torch"]),
                )
                self.analyze = Analyze(cloud_compute=CloudCompute("gpu"))

            def run(self):
                self.train.run("the best")
                self.analyze.run(self.train.best)
                self.stop("done")


        app = LightningApp(Root(), log_level="debug")
    """,
    "works in a list, a page that nobody shows, a flow without run": """
        from lightning.app import LightningApp, LightningFlow, LightningWork
        from lightning.app.structures import Dict, List
        from lightning.app.utilities.enum import WorkStageStatus


        class Step(LightningWork):
            def __init__(self, tag):
                super().__init__(parallel=True)
                self.tag = tag

            def run(self):
                self.tag += 1


        class Settings(LightningFlow):
            def __init__(self):
                super().__init__()
                self.factor = 2

            def configure_layout(self):
                return []


        class Root(LightningFlow):
            def __init__(self):
                super().__init__()
                self.steps = List(*[Step(i) for i in range(2)])
                self.by_name = Dict(a=Step(5))
                self.settings = Settings()

            def run(self):
                self.settings.run()
                works = self.steps + [self.by_name["a"]]
                for work in works:
                    work.run()
                if all(work.status.stage == WorkStageStatus.SUCCEEDED for work in works):
                    print("RUN", [work.tag * self.settings.factor for work in works], flush=True)
                    self.stop()

            def configure_layout(self):
                return [{"name": "settings", "content": self.settings}]


        app = LightningApp(Root())
    """,
}


@pytest.mark.parametrize(
    ("title", "said", "notices"),
    [
        ("a work alone, for a machine in the cloud", "RUN ANY PYTHON CODE HERE", 1),
        ("two works, each for its machine", "RUN the best", 3),
        (
            "works in a list, a page that nobody shows, a flow without run",
            "RUN [2, 4, 12]",
            1,
        ),
    ],
)
def test_a_program_moves_by_its_import_and_is_told_once_what_has_no_effect(
    lightgrid, title, said, notices
):
    text = textwrap.dedent(PROGRAMS[title])
    for then in ("lightning.app.utilities.enum", "lightning.app"):
        text = text.replace(then, "lightgrid")
    lightgrid.write("app.py", text)
    done = lightgrid.run("flow", "app.py")
    assert done.returncode == 0, done.stderr
    assert said in done.stdout
    # Works' processes load the file as well, and do not say it again.
    assert (done.stdout + done.stderr).count("MovedWarning") == notices
