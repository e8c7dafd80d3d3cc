"""Gather the commands; an error becomes one line on stderr and an exit code."""

# ruff: noqa: D301 - \b keeps the examples as they are

from __future__ import annotations

from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from trackhub import __version__
from trackhub.cli import check, deliver, demo, doctor, listing, models, page, plugins, transfer, wrap
from trackhub.cli.output import complain
from trackhub.errors import SettingsError, TrackhubError


class _Commands(TyperGroup):
    """Say what went wrong in one line, unless ``--debug`` wants to see where."""

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except TrackhubError as error:
            if ctx.params.get("debug"):
                raise
            complain(str(error))
            # A filter that cannot be read is a ValueError too: both are mistakes in the command.
            raise typer.Exit(2 if isinstance(error, SettingsError | ValueError) else 1) from None
        except OSError as error:
            if ctx.params.get("debug") or isinstance(error, BrokenPipeError):
                raise
            complain(str(error))
            raise typer.Exit(1) from None

    def list_commands(self, ctx: Any) -> list[str]:
        """Return the commands as they were added: in the order of their use."""
        del ctx
        return list(self.commands)


app = typer.Typer(
    cls=_Commands,
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)


def _version(wanted: bool) -> None:  # noqa: FBT001 - typer calls it so
    if wanted:
        typer.echo(f"trackhub {__version__}")
        raise typer.Exit


@app.callback()
def trackhub(
    *,
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")] = False,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    """Log a training once; deliver it to any tracker, now or later.

    \b
    trackhub demo                                   train a classifier, and see it arrive in MLflow
    trackhub run --to mlflow+http://host -- python train.py
    trackhub ls --where "metrics.acc > 0.9"         what was logged
    trackhub sync --to wandb://team/digits          deliver what was logged offline
    """
    del debug, version


for function in (
    demo.demo,
    wrap.run,
    listing.ls,
    page.show,
    listing.cat,
    deliver.sync,
    deliver.status,
    deliver.verify,
    deliver.forget,
    models.models,
    models.alias,
    transfer.import_,
    transfer.export,
    doctor.doctor,
):
    app.command(function.__name__.rstrip("_"))(function)

plugin_commands = typer.Typer(invoke_without_command=True, rich_markup_mode=None)
plugin_commands.callback()(plugins.plugins)
plugin_commands.command()(check.check)
app.add_typer(plugin_commands, name="plugins")
