"""Ray: how old a change is when it is seen, by an actor that is called, or one that is polled.

HOW COUNT PERIOD FILE are its arguments; it writes milliseconds, one a line.
"""

# mypy: ignore-errors
# ruff: noqa: ANN001, ANN201, ANN204
# Run by an environment that has what it imports; the project's own has not.

import sys
import time

import ray


@ray.remote(num_cpus=0)
class Called:
    """Is called per change."""

    def __init__(self):
        self.ages_ms = []

    def change(self, stamp_ns):
        """Note the age."""
        self.ages_ms.append((time.monotonic_ns() - stamp_ns) / 1e6)

    def ages(self):
        """Return all."""
        return self.ages_ms


@ray.remote(num_cpus=0, max_concurrency=2)
class Polled:
    """Changes by itself, and is asked."""

    def __init__(self):
        self.stamp_ns = 0

    def run(self, count, period_s):
        """Change."""
        for _ in range(count):
            time.sleep(period_s)
            self.stamp_ns = time.monotonic_ns()
        time.sleep(0.2)

    def state(self):
        """Return the state."""
        return self.stamp_ns


def called(count, period_s):
    """Call an actor per change."""
    actor = Called.remote()
    ray.get(actor.ages.remote())
    for _ in range(count):
        time.sleep(period_s)
        actor.change.remote(time.monotonic_ns())
    return ray.get(actor.ages.remote())


def polled(count, period_s):
    """Ask an actor without a pause."""
    actor = Polled.remote()
    ray.get(actor.state.remote())
    running, last, ages_ms = actor.run.remote(count, period_s), 0, []
    while not ray.wait([running], timeout=0)[0]:
        stamp_ns = ray.get(actor.state.remote())
        if stamp_ns != last:
            ages_ms.append((time.monotonic_ns() - stamp_ns) / 1e6)
            last = stamp_ns
    return ages_ms


def main():
    """Measure."""
    ray.init(num_cpus=1, include_dashboard=False, log_to_driver=False)
    how = {"called": called, "polled": polled}[sys.argv[1]]
    ages_ms = how(int(sys.argv[2]), float(sys.argv[3]))
    with open(sys.argv[4], "w") as file:
        file.write("\n".join(map(str, ages_ms)))


main()
