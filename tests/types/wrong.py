"""A program with seven mistakes, for type checkers: each line that has one says so."""

import lightgrid as L


class Counter(L.Work):
    def __init__(self, first: int = 0) -> None:
        super().__init__(parralel=True)  # mistake: no such option
        self.count = first

    def run(self, steps: int) -> int:
        self.count += steps
        return self.count


class Root(L.Flow):
    def __init__(self) -> None:
        super().__init__()
        self.w = Counter()
        self.by_name = L.Dict(a=Counter())
        self.other = Counter(1, 2)  # mistake: it takes one
        self._policy = L.Restart("on_failur")  # mistake: the word is spelled wrong

    def run(self) -> None:
        self.w.run("x")  # mistake: an int is wanted
        self.w.coutn = 3  # mistake: the name is spelled wrong
        for work in self.by_name.values():
            print(work.nonsense)  # mistake: no such attribute
        self.by_name["b"] = 1  # mistake: no component


app = L.App(Root())
