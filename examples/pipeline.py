# A small graph of works: one makes data, three fit a model each, side by side, and a last one
# compares them. What it finds decides how the app ends.
#
#     lightgrid flow examples/pipeline.py

import math

import lightgrid as L


class Source(L.Work):
    """Measures something: a parabola, and a little noise that is the same each time."""

    def __init__(self):
        super().__init__()  # not parallel: the flow waits here until the call has ended

    def run(self, count):
        xs = [4 * i / count - 2 for i in range(count)]
        return [(x, 1 + 2 * x - 3 * x * x + 0.1 * math.sin(50 * x)) for x in xs]


class Fit(L.Work):
    """Fits a polynomial, and returns the mean of what it is wrong by."""

    def __init__(self, degree):
        super().__init__(parallel=True)
        self._degree = degree
        self.weights = []

    def run(self, points):
        size = self._degree + 1
        rows = [
            [sum(x ** (i + j) for x, _ in points) for j in range(size)]
            + [sum(y * x**i for x, y in points)]
            for i in range(size)
        ]
        for i in range(size):  # Gauss
            for k in range(size):
                if k != i:
                    factor = rows[k][i] / rows[i][i]
                    rows[k] = [a - factor * b for a, b in zip(rows[k], rows[i], strict=True)]
        self.weights = [round(rows[i][size] / rows[i][i], 2) for i in range(size)]
        wrong = (abs(y - sum(w * x**i for i, w in enumerate(self.weights))) for x, y in points)
        return sum(wrong) / len(points)


class Judge(L.Work):
    def __init__(self):
        super().__init__()

    def run(self, errors):
        return min(errors, key=errors.get)


class Root(L.Flow):
    def __init__(self, tolerance):
        super().__init__()
        self.tolerance = tolerance
        self.source = Source()
        self.fits = L.Dict(constant=Fit(0), line=Fit(1), parabola=Fit(2))
        self.judge = Judge()

    def run(self):
        self.source.run(200)
        for fit in self.fits.values():
            fit.run(self.source.status.result)
        if not all(fit.has_succeeded for fit in self.fits.values()):
            return
        errors = {name: fit.status.result for name, fit in self.fits.items()}
        self.judge.run(errors)
        best = self.judge.status.result
        if errors[best] > self.tolerance:
            self.fail(f"no model is good enough; the {best} is wrong by {errors[best]:.3f}")
        print(f"the {best} fits: {self.fits[best].weights}, wrong by {errors[best]:.3f}")
        self.stop()


app = L.App(Root(tolerance=0.1))
