"""A Redis server of our own, on a socket in a folder that goes with it."""

# mypy: ignore-errors
# ruff: noqa: ANN201
# Run by an environment that has what it imports; the project's own has not.

import contextlib
import subprocess
import tempfile
import time

import redis


@contextlib.contextmanager
def running():
    """Run one; yields a function that connects to it."""
    with tempfile.TemporaryDirectory() as folder:
        path = f"{folder}/socket"
        server = subprocess.Popen(
            ["redis-server", "--port", "0", "--unixsocket", path, "--save", "", "--dir", folder],
            stdout=subprocess.DEVNULL,
        )
        try:
            while True:
                with contextlib.suppress(redis.ConnectionError):
                    redis.Redis(unix_socket_path=path).ping()
                    break
                time.sleep(0.02)
            yield lambda: redis.Redis(unix_socket_path=path)
        finally:
            server.terminate()
            server.wait()
