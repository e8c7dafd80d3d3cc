"""List the models that runs registered, and move their aliases; reads a store or a vendor, writes to a journal."""

# ruff: noqa: D301, PLC0415 - \b keeps examples as they are; imports wait, so that --help is quick

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from trackhub.cli.listing import open_store
from trackhub.cli.output import JsonOption, StoreOption, clock, iso, print_json, print_table, remark

if TYPE_CHECKING:
    from trackhub.model.entities import ModelRecord


def models(
    model: Annotated[str | None, typer.Argument(help="Only this model's versions.")] = None,
    *,
    source: Annotated[str | None, typer.Option("--from", help="A vendor's models instead: a URL or a name.")] = None,
    store: StoreOption = None,
    as_json: JsonOption = False,
) -> None:
    """List the versions of models, and the aliases that stand on them.

    \b
    trackhub models
    trackhub models digits --json                        # with every move of every alias
    trackhub models --from mlflow+http://127.0.0.1:5000
    """
    from trackhub import hub
    from trackhub.query.models import stored_models, vendor_models
    from trackhub.settings import resolve

    settings = resolve(store=store)
    if source is None:
        found = stored_models(open_store(settings), model)
    else:
        calls = hub.open_backend(source, settings)
        try:
            found = vendor_models(calls, model)
        finally:
            calls.close()
    if as_json:
        print_json([_as_dict(one) for one in found])
        return
    titles = ("model", "aliases", "run", "artifact", "version", "registered", "number there")
    rows = [
        (one.model, ", ".join(one.aliases), one.run_id, one.artifact, one.version, clock(one.time), one.number)
        for one in found
    ]
    print_table(titles, rows, spare=("number there",))


def alias(
    model: Annotated[str, typer.Argument(help="The model's name.")],
    alias: Annotated[str, typer.Argument(help="The alias to move, such as champion.")],
    run: Annotated[str, typer.Argument(help="The run whose newest version it moves to: id, name, or project/name.")],
    *,
    store: StoreOption = None,
) -> None:
    """Move an alias of a model to the version that a run registered.

    It is written to the run's journal; `trackhub sync` tells the destinations. Moving it back is moving it again:
    every move stays in the history.

    \b
    trackhub alias digits champion forest-2
    trackhub sync forest-2 --to mlflow+http://127.0.0.1:5000
    """
    import time

    from trackhub import hub
    from trackhub.model.naming import require_name
    from trackhub.query.models import move_to
    from trackhub.query.runs import find
    from trackhub.settings import resolve

    folder = find(open_store(resolve(store=store)), run)
    hub.append_to(folder, move_to(folder, model, require_name("alias", alias), time=time.time_ns()))
    remark(f"{alias} of {model} stands on what run {folder.id} registered; `trackhub sync` tells the destinations")


def _as_dict(record: ModelRecord) -> dict[str, Any]:
    return {
        "model": record.model,
        "run": record.run_id,
        "artifact": record.artifact,
        "version": record.version,
        "registered": iso(record.time),
        "number": record.number,
        "aliases": record.aliases,
        "moves": [{"alias": move.alias, "time": iso(move.time)} for move in record.moves],
    }
