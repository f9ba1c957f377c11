"""`lightgrid flow`: run an app."""

from __future__ import annotations

import contextlib
import dataclasses
import logging
import os
import sys
import traceback
from pathlib import Path
from typing import TYPE_CHECKING, TextIO, TypeGuard

import click

from lightgrid.cli.failure import Failure, UsageFailure

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from types import ModuleType

    from lightgrid.app import App, Order

_INTERRUPTED = 130


def _read_environment(
    _ctx: click.Context, _parameter: click.Parameter, texts: Sequence[str]
) -> dict[str, str]:
    environment = {}
    for text in texts:
        key, equals, value = text.partition("=")
        if not key or not equals or "\0" in text:
            raise click.BadParameter(f"{text!r} is not KEY=VALUE")
        environment[key] = value
    return environment


def _check_address(_ctx: click.Context, _parameter: click.Parameter, text: str) -> str:
    from lightgrid.component.options import OptionChecker

    return OptionChecker("flow").address("--listen", text)


def _read_modules(
    _ctx: click.Context, _parameter: click.Parameter, text: str | None
) -> tuple[str, ...] | None:
    from lightgrid.component.options import OptionChecker

    if text is None:
        return None
    names = filter(None, (name.strip() for name in text.split(",")))
    return OptionChecker("flow").modules("--preload", tuple(names))


def _check_advertised(
    _ctx: click.Context, _parameter: click.Parameter, text: str | None
) -> str | None:
    from lightgrid.component.options import OptionChecker

    return OptionChecker("flow").advertised_or_none("--advertise", text)


@click.command(
    "flow",
    short_help="Run an app.",
    # What stands behind the file is the app's, options included.
    context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False},
)
@click.option(
    "--listen",
    metavar="HOST:PORT",
    default="127.0.0.1:0",
    callback=_check_address,
    help="Where to listen.",
)
@click.option(
    "--advertise",
    metavar="HOST[:PORT]",
    callback=_check_advertised,
    help="What works and commands are told to dial; by default the host of --listen, or this "
    "machine's address where that is 0.0.0.0 or [::].",
)
@click.option(
    "--tls",
    is_flag=True,
    help="Speak TLS on loopback too. Where other machines reach the app it does, by a CA that is "
    "made for the run.",
)
@click.option(
    "--tls-cert",
    type=click.Path(path_type=Path),
    help="PEM file: a certificate of your own, with --tls-key; lightgrid certs makes one.",
)
@click.option("--tls-key", type=click.Path(path_type=Path), help="PEM file.")
@click.option(
    "--tls-ca",
    type=click.Path(path_type=Path),
    help="PEM file of who signed --tls-cert, unless that has it: what works trust.",
)
@click.option("--insecure", is_flag=True, help="Listen to other machines without TLS.")
@click.option(
    "--env",
    "environment",
    metavar="KEY=VALUE",
    multiple=True,
    callback=_read_environment,
    help="Set for the app and its works, before the file is loaded. Repeatable.",
)
@click.option(
    "--log-level",
    type=click.Choice(["debug", "info", "warning", "error"], case_sensitive=False),
    default="warning",
    help="What lightgrid itself says: error only failures, without the table; warning, the "
    "default, each stage of a work once; info every status; debug every delta. What the app "
    "prints, and what it says by stop() or fail(), is always shown.",
)
@click.option(
    "--launcher",
    metavar="NAME[:OPTIONS]",
    help="What starts the processes of works that name no other; local, the default, on this "
    "machine.",
)
@click.option(
    "--preload",
    metavar="MODULE,...",
    callback=_read_modules,
    help="Modules that works on this machine are forked with, such as numpy,torch. Set for good in "
    "pyproject.toml: [tool.lightgrid] preload = [...]",
)
@click.option("-m", "as_module", is_flag=True, help="FILE is a module's name, such as package.app.")
@click.argument("file", type=click.Path())
@click.argument("args", nargs=-1, type=click.UNPROCESSED)
def command(
    listen: str,
    advertise: str | None,
    tls: bool,
    tls_cert: Path | None,
    tls_key: Path | None,
    tls_ca: Path | None,
    insecure: bool,
    environment: dict[str, str],
    log_level: str,
    launcher: str | None,
    preload: tuple[str, ...] | None,
    as_module: bool,
    file: str,
    args: tuple[str, ...],
) -> None:
    """Run the app in FILE until it ends; ARGS are for the file's own sys.argv.

    The app is the one that FILE makes at its top level; or the one whose run()
    it calls, which then runs there, with the options given here. A module of a
    package, with imports from beside it, is run from the folder that has the
    package: lightgrid flow -m package.app

    Exit code: 0 after stop(), 1 after a failure, 2 when there is no app to run,
    128 + N after signal N (130 for Ctrl-C).
    """
    from lightgrid.app import Order
    from lightgrid.cli.settings import read_settings
    from lightgrid.launcher.inherited import working_folder
    from lightgrid.runtime.launch.launcher import LOCAL
    from lightgrid.runtime.launch.local import LocalLauncher
    from lightgrid.runtime.options import RunOptions
    from lightgrid.terminal import make_observer

    os.environ.update(environment)
    # Before the file is loaded: loggers that it sets up are to write above the table.
    observer = make_observer(log_level.upper())
    _show_log()
    settings = read_settings(working_folder())
    options = RunOptions(
        address=listen,
        advertise=advertise,
        tls=tls,
        tls_certificate=tls_cert,
        tls_key=tls_key,
        tls_ca=tls_ca,
        insecure=insecure,
        environment=environment,
        log_level=log_level.upper(),
        launcher=launcher or settings.launcher,
        preload=settings.preload if preload is None else preload,
    )
    with contextlib.ExitStack() as stack:
        if options.launcher == LOCAL:
            # It imports what works need while the file is loaded here.
            try:
                local = LocalLauncher(options.preload)
            except OSError as error:
                raise Failure(f"launcher local: {error.strerror or error}") from None
            stack.callback(local.close)
            options = dataclasses.replace(options, make_launcher=lambda: local)
        order = Order(options, observer)
        try:
            module = _load(file, args, order, as_module=as_module)
            app = _only_app(module, file) if order.app is None else None
        except BaseException:
            observer.ended()
            raise
        if app is not None:  # else the file has run it itself
            app.run(options, observer)


def _load(file: str, args: Sequence[str], order: Order, *, as_module: bool) -> ModuleType:
    from lightgrid.app import ordered
    from lightgrid.errors import AppLoadError
    from lightgrid.process.app_file import load_app_file, load_app_module

    with _user_errors(file), ordered(order):
        try:
            return load_app_module(file, args) if as_module else load_app_file(file, args)
        except AppLoadError as error:
            raise UsageFailure(str(error)) from None


@contextlib.contextmanager
def _user_errors(file: str) -> Iterator[None]:
    """Show what the user's code raised as Python would; the frames are the user's alone."""
    from lightgrid.process.user_trace import user_trace

    try:
        yield
    except (Failure, SystemExit):
        raise
    except KeyboardInterrupt:
        sys.exit(_INTERRUPTED)
    except BaseException as error:
        if _is_no_python(error, file):
            raise UsageFailure(_syntax_message(file, error)) from None
        click.echo(user_trace(error), err=True, nl=False)
        if isinstance(error, ImportError) and "no known parent package" in str(error):
            click.echo(f"lightgrid: {_as_module(file)}", err=True)
        sys.exit(1)


def _as_module(file: str) -> str:
    """Say how a file is run that imports from beside it."""
    from lightgrid.process.app_file import package_of

    found = package_of(file)
    if found is None:
        return (
            f"{file} is in no package (its folder has no __init__.py): write "
            '"import other" for "from . import other"'
        )
    name, folder = found
    where = "" if folder == os.getcwd() else f"cd {folder} && "
    return f"{file} is a module of a package; run it as one: {where}lightgrid flow -m {name}"


def _is_no_python(error: BaseException, file: str) -> TypeGuard[SyntaxError]:
    """Tell whether the app's own file cannot be compiled; one that it imports is the user's."""
    if not isinstance(error, SyntaxError):
        return False
    if error.filename is None:  # null bytes, of which Python tells neither file nor line
        frames = [frame.f_code.co_filename for frame, _ in traceback.walk_tb(error.__traceback__)]
        return os.path.abspath(file) not in frames
    return error.filename == os.path.abspath(file)


def _syntax_message(file: str, error: SyntaxError) -> str:
    where = f"{file}, line {error.lineno}" if error.lineno else file
    line = (error.text or "").strip()
    return f"{where}: {error.msg}" + (f": {line}" if line else "")


def _only_app(module: ModuleType, file: str) -> App:
    from lightgrid.app import App

    names: dict[int, list[str]] = {}
    for name, value in vars(module).items():
        if isinstance(value, App):
            names.setdefault(id(value), []).append(name)
    if not names:
        raise UsageFailure(
            f"{file}: there is no app in it. Add at its end: {_missing_line(module)}"
        )
    if len(names) > 1:
        told = ", ".join(" = ".join(same) for same in names.values())
        raise UsageFailure(f"{file}: there are {len(names)} apps in it, one is needed: {told}")
    (first, *_others), *_ = names.values()
    app: App = vars(module)[first]
    return app


def _missing_line(module: ModuleType) -> str:
    """Return the line by which a file gets an app: of its last flow, which is made of others."""
    from lightgrid.component.flow import Flow

    flows = [
        name
        for name, value in vars(module).items()
        if isinstance(value, type) and issubclass(value, Flow) and value.__module__ == "__main__"
    ]
    return f"app = L.App({flows[-1] if flows else 'Root'}())"


class _ToStderr(logging.StreamHandler[TextIO]):
    """Writes to what `sys.stderr` is now: above the table, while there is one."""

    def emit(self, record: logging.LogRecord) -> None:
        self.setStream(sys.stderr)
        super().emit(record)


def _show_log() -> None:
    handler = _ToStderr()
    handler.setFormatter(logging.Formatter("%(name)s: %(message)s"))
    logger = logging.getLogger("lightgrid")
    logger.addHandler(handler)
    logger.propagate = False
