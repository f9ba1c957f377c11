"""CPU and memory of this process and its threads. Linux and macOS; threads on Linux alone."""

from __future__ import annotations

import ctypes
import gc
import os
import threading
import time
from contextlib import suppress


def process_cpu_s() -> float:
    """Return the CPU time of this process, all threads, user and system."""
    return time.clock_gettime(time.CLOCK_PROCESS_CPUTIME_ID)


def thread_cpu_s(name: str) -> float:
    """Return the CPU time of the thread with this name; of the main thread for "main"."""
    for thread in threading.enumerate():
        is_it = thread is threading.main_thread() if name == "main" else thread.name == name
        if is_it and thread.ident is not None:
            return time.clock_gettime(time.pthread_getcpuclockid(thread.ident))
    raise LookupError(f"no thread is called {name!r}")


def memory_bytes() -> int:
    """Return the resident memory of this process, after what is free was given back."""
    gc.collect()
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).malloc_trim(0)
    with open("/proc/self/statm") as facts:
        return int(facts.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
