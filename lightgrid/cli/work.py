"""`lightgrid work`: be one work of a running app, in the foreground."""

from __future__ import annotations

from pathlib import Path

import click

from lightgrid.cli.target import choose_target, connection_options


@click.command(
    "work",
    short_help="Be one work of a running app, in the foreground.",
    # Options of ours may come in any place; all others are the app's own.
    context_settings={"ignore_unknown_options": True},
)
@connection_options
@click.option("--token", help="Opens the work; better given in LIGHTGRID_TOKEN.")
@click.option(
    "-m", "as_module", is_flag=True, help="FILE is a module's name, as for lightgrid flow."
)
@click.argument("file", type=click.Path())
@click.argument("name")
@click.argument("args", nargs=-1, type=click.UNPROCESSED)
def command(
    connect: str | None,
    token_file: Path | None,
    tls_ca: Path | None,
    token: str | None,
    as_module: bool,
    file: str,
    name: str,
    args: tuple[str, ...],
) -> None:
    """Be the work NAME of the app in FILE, in this process, so that a debugger works.

    The app runs already; Ctrl-C leaves it. The work is one that the app starts no
    process for: it was made with launch=False. ARGS are for the file's own sys.argv;
    those that look like one of the options here stand behind a --.
    """
    from lightgrid.process.app_file import find_module_file
    from lightgrid.process.told_environment import hide_secrets
    from lightgrid.process.user_trace import user_trace
    from lightgrid.worker.work_process import end_process, run_foreground

    module = None
    if as_module:
        file, module = find_module_file(file)
    target = choose_target(connect, token_file, tls_ca, token=token, app_file=file)
    work = name if name == "root" or name.startswith("root.") else f"root.{name}"
    hide_secrets()
    try:
        code = run_foreground(
            file,
            work,
            target.address,
            target.token,
            argv=args,
            main_module=module,
            root_certificates=target.root_certificates,
        )
    except Exception as error:
        from lightgrid.errors import LightgridError

        if isinstance(error, LightgridError):
            raise
        click.echo(user_trace(error), err=True, nl=False)
        code = 1
    end_process(code)
