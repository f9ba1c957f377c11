"""Redis: a hash per work, one HSET per change. TIMES FILE are its arguments."""

# mypy: ignore-errors
# ruff: noqa: ANN201
# Run by an environment that has what it imports; the project's own has not.

import sys
import time

from redis_server import running


def main():
    """Change it, and write how long that took."""
    with running() as connect:
        state = connect()
        times = int(sys.argv[1])
        begin_s = time.perf_counter()
        for value in range(times):
            state.hset("work", "counter", value)
        with open(sys.argv[2], "w") as file:
            file.write(str(time.perf_counter() - begin_s))


main()
