"""A client that watches the whole state tree."""

from __future__ import annotations

import threading
import time

from lightgrid.client.state_client import StateClient
from lightgrid.errors import LightgridError
from lightgrid_bench.clocks import process_cpu_s
from lightgrid_bench.hosts.flow import arguments
from lightgrid_bench.peers import serve


def main() -> None:
    """Watch until the bench lets go."""
    path, options = arguments()
    client = StateClient(options["address"], options["token"])
    counts = {"news": 0, "changes": 0}

    def watch() -> None:
        try:
            for news in client.watch_state():
                counts["news"] += 1
                counts["changes"] += len(news.changes)
        except LightgridError:
            return

    threading.Thread(target=watch, daemon=True).start()

    def settle(at_least: int) -> dict[str, float]:
        deadline_s = time.monotonic() + 60
        while counts["changes"] < at_least and time.monotonic() < deadline_s:
            time.sleep(0.02)
        return {**counts, "cpu": process_cpu_s()}

    serve(path, {"settle": settle})
    client.close()


if __name__ == "__main__":
    main()
