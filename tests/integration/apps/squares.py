import lightgrid as L


class Square(L.Work):
    def __init__(self):
        super().__init__(parallel=True)
        self.square = 0

    def run(self, n):
        print(f"squares {n}")
        self.square = n * n


class Root(L.Flow):
    def __init__(self):
        super().__init__()
        self.squares = L.List(*(Square() for _ in range(8)))

    def run(self):
        for n, work in enumerate(self.squares):
            work.run(n)
        if all(work.has_succeeded for work in self.squares):
            print("sum of squares:", sum(work.square for work in self.squares))
            self.stop()


app = L.App(Root())
