"""A program without a mistake, for type checkers: what they know of each part stands here."""

from typing import Any, assert_type

import lightgrid as L


class Counter(L.Work):
    def __init__(self, first: int = 0) -> None:
        super().__init__(parallel=True, restart="on_failure")
        self.count = first

    def run(self, steps: int) -> int:
        self.count += steps
        return self.count


class Branch(L.Flow):
    def __init__(self) -> None:
        super().__init__()
        self.late: L.List[Counter] = L.List()
        self.by_name: L.Dict[Counter] = L.Dict()
        self.any = L.List()

    def run(self, word: str) -> str:
        if not self.late:
            self.late.append(Counter())
            self.by_name[word] = Counter(1)
        return word


class Root(L.Flow):
    def __init__(self) -> None:
        super().__init__()
        self.w = Counter()
        self.program = L.CommandWork(["true"], counter=0)
        self.elsewhere = L.ExternalWork(level=1.5)
        self.branch = Branch()
        self.ws = L.List(Counter(), Counter())
        self.of_two_kinds = L.List[L.Work](Counter(), L.ExternalWork())
        self.wd = L.Dict(a=Counter())
        self.nested = L.Dict({"a": L.List(Counter())})

    def run(self) -> None:
        self.w.run(1)
        assert_type(self.w, Counter)
        assert_type(self.w.count, int)
        assert_type(self.w.status, L.WorkStatus)
        assert_type(self.w.status.stage, L.WorkStage)
        assert_type(self.w.status.result, Any)
        assert_type(self.program, L.CommandWork)
        assert_type(self.program.counter, Any)
        self.elsewhere.level = 2.5
        assert_type(self.branch.run("word"), str)
        assert_type(self.ws[0], Counter)
        assert_type(self.ws[:1], list[Counter])
        assert_type(self.ws + [Counter()], list[Counter])  # noqa: RUF005
        assert_type([work.count for work in self.ws], list[int])
        assert_type(self.of_two_kinds[0], L.Work)
        assert_type(self.wd["a"], Counter)
        assert_type(self.wd.get("a"), Counter | None)
        assert_type(self.nested["a"][0].count, int)
        assert_type(self.branch.late.pop(), Counter)
        assert_type(self.works(), list[L.Work])
        assert_type(self.flows, dict[str, L.Flow])
        for name, work in self.branch.by_name.items():
            assert_type(name, str)
            assert_type(work.count, int)
        self.w.count = 7
        if self.w.has_succeeded:
            self.stop()


app = L.App(Root())
assert_type(app.flows, list[L.Flow])
