"""Starting a program in a session of its own."""

from __future__ import annotations

import subprocess

from lightgrid.launcher.inherited import Inherited


def execute(file: int, log: int) -> int:
    """Start a program and return its pid, which the caller has to reap.

    Args:
        file: What `Inherited.write` has written; then the program's standard input.
        log: Takes its output and errors.

    Raises:
        OSError: It cannot be started; with a message for people.
    """
    return popen(Inherited.read(file), file, log, log).pid


def popen(inherited: Inherited, stdin: int, stdout: int, stderr: int) -> subprocess.Popen[bytes]:
    """Start a program with streams as `subprocess.Popen` takes them; its pid is to be reaped.

    Raises:
        OSError: It cannot be started; with a message for people.
    """
    program = inherited.command[0]
    try:
        process = subprocess.Popen(
            inherited.command,
            env=inherited.environment,
            cwd=inherited.folder or None,
            umask=inherited.umask,
            stdin=stdin,
            stdout=stdout,
            stderr=stderr,
            start_new_session=True,
            # Safe here: this process has one thread.
            preexec_fn=inherited.apply,
        )
    except (OSError, ValueError, subprocess.SubprocessError) as error:
        cause = getattr(error, "strerror", None) or str(error)
        file_name = getattr(error, "filename", None)
        if file_name not in (None, program):
            cause = f"{file_name}: {cause}"
        raise OSError(f"cannot start {program}: {cause}") from None
    process.returncode = 0  # it is reaped by us; else `subprocess` does it behind our back
    return process
