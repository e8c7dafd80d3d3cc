"""Bring runs from elsewhere into the store, and write runs as plain files; tells what was brought and what was not."""

# ruff: noqa: D301, PLC0415 - \b keeps examples as they are; imports wait, so that --help is quick

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Annotated, Any

import typer

from trackhub.cli.deliver import print_delivery
from trackhub.cli.listing import open_store
from trackhub.cli.output import JsonOption, StoreOption, on_terminal, print_json, print_table, remark
from trackhub.cli.progress import CountProgress, SyncProgress

if TYPE_CHECKING:
    from trackhub.model.entities import Note
    from trackhub.transfer.report import ImportReport

_MOST_NOTES = 20


def import_(
    source: Annotated[
        str, typer.Argument(metavar="SOURCE", help="A folder that `export` wrote; or a URL, or a name in the settings.")
    ],
    *,
    project: Annotated[
        str | None,
        typer.Option("--project", help="Which project of the source; of runs that belong to none, the one they get."),
    ] = None,
    into: Annotated[
        str | None, typer.Option("--into", help="The project they get here, whatever they had or had not.")
    ] = None,
    store: StoreOption = None,
    as_json: JsonOption = False,
) -> None:
    """Bring runs from elsewhere into the store.

    Only what the store lacks is added: after a kill, or when the source has grown, do it again.
    Exit code 1 if something that the source still has could not be brought, or there is no run.

    \b
    trackhub import /media/stick/runs                      what `trackhub export` wrote
    trackhub import neptune:exports/ --project team/digits
    trackhub import tensorboard:logs/ --project digits
    trackhub import mlflow+http://127.0.0.1:5000 --project digits
    trackhub import /shared/old/.trackhub                  another store
    """
    from trackhub.api.transfer import import_runs

    with CountProgress(shown=on_terminal() and not as_json) as progress:
        report = import_runs(source, project=project, into=into, store=store, progress=progress.update)
    if as_json:
        print_json(_as_dict(report))
    else:
        _print(report)
    raise typer.Exit(0 if report.complete and report.runs else 1)


def export(
    runs_and_folder: Annotated[
        list[str],
        typer.Argument(
            metavar="[RUN]... FOLDER", help="Ids, beginnings of ids, or names, all runs if none; and where to."
        ),
    ],
    *,
    store: StoreOption = None,
    as_json: JsonOption = False,
) -> None:
    """Write runs as plain files, which any machine can import.

    Again is harmless: what the folder has of a run stays, what it lacks is added.

    \b
    trackhub export forest-1 /media/stick/runs
    trackhub export /media/stick/runs                      every run of the store
    """
    from trackhub.api.transfer import export_runs
    from trackhub.query.runs import find
    from trackhub.settings import resolve

    *names, folder = runs_and_folder
    held = open_store(resolve(store=store))
    runs = [find(held, name) for name in names] if names else list(held.runs())
    with SyncProgress(runs, shown=on_terminal() and not as_json) as progress:
        report = export_runs(runs, folder, store=store, progress=progress.update)
    print_delivery(report, as_json=as_json)
    raise typer.Exit(0 if report.complete else 1)


def _print(report: ImportReport) -> None:
    rows = [
        (run.id, run.name, run.project, run.status, run.points, run.files, _added(run.added), run.error)
        for run in report.runs
    ]
    print_table(
        ("id", "name", "project", "status", "points", "files", "new here", "error"), rows, spare=("id", "project")
    )
    points, files = sum(run.points for run in report.runs), sum(run.files for run in report.runs)
    remark(f"{len(report.runs)} runs, {points} points, {files} files at {report.source}")
    names = Counter(run.name for run in report.runs)
    notes = [
        *(("", note) for note in report.notes),
        *((run.name if names[run.name] == 1 else run.id, note) for run in report.runs for note in run.notes),
    ]
    if notes:
        remark(
            "not as it was, or not told: "
            + ", ".join(f"{count} {kind}" for kind, count in sorted(report.left_out.items()))
        )
        for name, note in notes[:_MOST_NOTES]:
            remark(f"  {_told(name, note)}")
        if len(notes) > _MOST_NOTES:
            remark(f"  and {len(notes) - _MOST_NOTES} more: --json lists them all")
    if not report.runs:
        remark("no run was found there")


def _told(name: str, note: Note) -> str:
    return f"{f'{name}: ' if name else ''}{note.kind}: {note.subject}: {note.detail}"


def _added(added: dict[str, int]) -> str:
    counts = {kind: count for kind, count in added.items() if kind != "runs"}
    if "runs" in added:
        return "all"
    return ", ".join(f"{count} {kind}" for kind, count in counts.items()) or "nothing"


def _as_dict(report: ImportReport) -> dict[str, Any]:
    import msgspec

    told: dict[str, Any] = msgspec.to_builtins(report)
    return {**told, "complete": report.complete, "left_out": report.left_out}
