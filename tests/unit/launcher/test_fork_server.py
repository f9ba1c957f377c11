import subprocess
import sys

import pytest

CHECK = (
    "from lightgrid.launcher.fork_server import obstacle_to_forks\n{}\nprint(obstacle_to_forks())"
)
#: A thread of C's, which Python knows nothing of, that waits for ever.
NATIVE_THREAD = """
import ctypes
libc = ctypes.CDLL(None)
thread = ctypes.c_ulong()
libc.pthread_create(ctypes.byref(thread), None, ctypes.cast(libc.pause, ctypes.c_void_p), None)
"""


def obstacle(code):
    """Return what a process finds that has executed some code."""
    shown = subprocess.run(
        [sys.executable, "-c", CHECK.format(code)], capture_output=True, text=True, check=True
    )
    return shown.stdout.strip()


def test_a_process_that_has_imported_what_works_need_may_fork():
    assert obstacle("import lightgrid.worker.work_process") == ""


def test_a_thread_that_a_module_has_started_forbids_it_by_its_name():
    code = "import threading, time\n"
    code += "threading.Thread(target=time.sleep, args=(600,), daemon=True, name='ticker').start()"
    assert obstacle(code) == "it has started threads (ticker)"


def test_a_thread_that_python_does_not_know_of_forbids_it(tmp_path):
    if sys.platform != "linux":
        pytest.skip("threads are counted in /proc")
    assert obstacle(NATIVE_THREAD) == "it has started threads"


def test_threads_of_a_library_that_ends_them_before_a_fork_do_not(tmp_path):
    if sys.platform != "linux":
        pytest.skip("threads are counted in /proc")
    library = tmp_path / "libopenblas-of-a-test.so"
    library.write_bytes(b"\0" * 4096)
    mapped = f"import mmap\nfile = open({str(library)!r}, 'rb')\n"
    mapped += "area = mmap.mmap(file.fileno(), 4096, prot=mmap.PROT_READ)\n"
    assert obstacle(NATIVE_THREAD + mapped) == ""
