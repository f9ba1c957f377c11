"""What a forked process of the launchers' contract calls: the program that it would execute."""

import sys


def run():
    """Execute the code behind `-c` of this process's command, as Python would."""
    at = sys.orig_argv.index("-c")
    sys.argv[:] = ["-c", *sys.orig_argv[at + 2 :]]
    exec(compile(sys.orig_argv[at + 1], "<string>", "exec"), {"__name__": "__main__"})
    return 0
