"""Redis: how old a change is when a reader that asks without a pause sees it.

COUNT PERIOD FILE are its arguments; it writes milliseconds, one a line.
"""

# mypy: ignore-errors
# ruff: noqa: ANN001, ANN201
# Run by an environment that has what it imports; the project's own has not.

import multiprocessing
import sys
import time

from redis_server import running


def read(connect, count, path):
    """Read until all have come."""
    state, last, ages_ms = connect(), 0, []
    deadline_s = time.monotonic() + 120
    while len(ages_ms) < count and time.monotonic() < deadline_s:
        stamp_ns = int(state.hget("work", "stamp") or 0)
        if stamp_ns != last:
            ages_ms.append((time.monotonic_ns() - stamp_ns) / 1e6)
            last = stamp_ns
    with open(path, "w") as file:
        file.write("\n".join(map(str, ages_ms)))


def main():
    """Write in this process, read in another."""
    count, period_s = int(sys.argv[1]), float(sys.argv[2])
    with running() as connect:
        reader = multiprocessing.get_context("fork").Process(
            target=read, args=(connect, count, sys.argv[3])
        )
        reader.start()
        state = connect()
        for _ in range(count):
            time.sleep(period_s)
            state.hset("work", "stamp", time.monotonic_ns())
        reader.join()


main()
