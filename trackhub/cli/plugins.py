"""List the installed plugins: what each serves and can, or why it cannot be used."""

# ruff: noqa: D301, PLC0415 - \b keeps examples as they are; imports wait, so that --help is quick

from __future__ import annotations

import typer

from trackhub.cli.output import JsonOption, print_json, print_table, remark


def plugins(context: typer.Context, *, as_json: JsonOption = False) -> None:
    """List the installed plugins, or check one.

    \b
    trackhub plugins
    trackhub plugins --json
    trackhub plugins check mlflow+http://127.0.0.1:5000
    """
    if context.invoked_subcommand is not None:
        return
    import msgspec

    from trackhub.plugins.installed import catalogue

    entries = catalogue()
    if as_json:
        print_json(msgspec.to_builtins(entries))
        return
    rows = [
        (
            entry.name,
            f"{entry.distribution} {entry.version}",
            ", ".join(entry.transports or entry.schemes),
            entry.hookspec,
            ", ".join(entry.capabilities),
            entry.error or entry.summary,
        )
        for entry in entries
    ]
    print_table(("plugin", "distribution", "URLs", "hookspec", "can", "about"), rows)
    if not entries:
        remark("no plugin is installed; pip install trackhub-mlflow brings one")
