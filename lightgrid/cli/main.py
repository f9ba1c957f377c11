"""The entry point. Commands are loaded when they are called for."""

from __future__ import annotations

import importlib
from typing import Any, Final

import click

from lightgrid import __version__
from lightgrid.cli.failure import told_to_person
from lightgrid.process.standard_streams import open_closed_streams

#: Each in a module of its own, which loads what it needs when it runs: help comes at once.
_COMMANDS: Final = ("flow", "work", "ps", "logs", "state", "certs")


class _Commands(click.Group):
    """The commands, in the order in which a newcomer meets them."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _COMMANDS:
            return None
        command: click.Command = importlib.import_module(f"lightgrid.cli.{cmd_name}").command
        return command

    def invoke(self, ctx: click.Context) -> Any:
        open_closed_streams()
        with told_to_person():
            return super().invoke(ctx)


@click.command(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="lightgrid", message="%(prog)s %(version)s")
def main() -> None:
    """Run apps made of flows and works, and look into them while they run.

    Shell completion: eval "$(_LIGHTGRID_COMPLETE=bash_source lightgrid)", or
    zsh_source, or fish_source.
    """
