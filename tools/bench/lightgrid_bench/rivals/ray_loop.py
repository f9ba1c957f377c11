"""Ray: a method of an actor is called per change. TIMES FILE are its arguments."""

# mypy: ignore-errors
# ruff: noqa: ANN001, ANN201, ANN204
# Run by an environment that has what it imports; the project's own has not.

import sys
import time

import ray


@ray.remote(num_cpus=0)
class State:
    """Holds the state."""

    def __init__(self):
        self.counter = 0

    def change(self, value):
        """Take a change."""
        self.counter = value


def main():
    """Change it, and write how long that took until the last one was there."""
    ray.init(num_cpus=1, include_dashboard=False, log_to_driver=False)
    state = State.remote()
    ray.get(state.change.remote(0))
    times = int(sys.argv[1])
    begin_s = time.perf_counter()
    for value in range(times):
        last = state.change.remote(value)
    ray.get(last)
    with open(sys.argv[2], "w") as file:
        file.write(str(time.perf_counter() - begin_s))


main()
