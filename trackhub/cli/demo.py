"""Show in a few seconds that what a training logs arrives: train, deliver, read back, compare."""

# ruff: noqa: D301, PLC0415 - \b keeps examples as they are; imports wait, so that --help is quick

from __future__ import annotations

import contextlib
import importlib.util
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from trackhub.cli.output import JsonOption, StoreOption, ToOption, on_terminal, print_json, print_table

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from trackhub.delivery.report import DestinationReport
    from trackhub.query.compare import VerifyReport

_NEEDED = ("sklearn", "matplotlib")


def demo(
    *,
    to: ToOption = None,
    epochs: Annotated[int, typer.Option("--epochs", min=1, help="How long to train.")] = 10,
    store: StoreOption = None,
    as_json: JsonOption = False,
) -> None:
    """Train a classifier, deliver the run, read it back, compare.

    The data is scikit-learn's digits, the code trackhub/cli/digits.py. Without --to the run goes to an
    MLflow database in ./trackhub-demo, with no server. Exit code 1 if what comes back differs.

    \b
    trackhub demo
    trackhub demo --to mlflow+http://127.0.0.1:5000 --epochs 3
    """
    from trackhub import hub
    from trackhub.errors import TrackhubError
    from trackhub.query.compare import verify
    from trackhub.settings import resolve

    if any(importlib.util.find_spec(name) is None for name in _NEEDED):
        raise TrackhubError(
            'the demo trains with scikit-learn and draws with matplotlib: pip install "trackhub-core[demo]"'
        )
    settings = resolve(to=to, store=store)
    database = Path("trackhub-demo", "mlflow.db").absolute()
    destinations = settings.to
    if not destinations:
        database.parent.mkdir(exist_ok=True)
        destinations = (f"mlflow+sqlite:///{database}",)

    with _working("training a classifier on scikit-learn's digits") as now:
        from trackhub.cli.digits import train

        run = train(to=destinations, store=settings.store, epochs=epochs)
        states = [report for _, report in hub.status([run.folder])]
        reports = []
        for destination in destinations:
            now(f"reading the run back from {destination}")
            calls = hub.open_backend(destination, settings)
            try:
                reports.append(verify(run.folder, calls))
            finally:
                calls.close()
    if as_json:
        import msgspec

        print_json([{**msgspec.to_builtins(report), "equal": report.equal} for report in reports])
    else:
        _print(reports, states)
        typer.echo(f"\nThe run:    trackhub show {run.name}" + (f" --store {store}" if store else ""))
        if destinations != settings.to:
            typer.echo(f"In MLflow:  {_beside('mlflow')} ui --backend-store-uri sqlite:///{database}")
    raise typer.Exit(0 if all(report.equal for report in reports) else 1)


def _beside(command: str) -> str:
    """Return how to call a command of this environment from the current folder."""
    place = Path(sys.executable).with_name(command)
    return os.path.relpath(place) if place.is_relative_to(Path.cwd()) else str(place)


def _print(reports: list[VerifyReport], states: list[DestinationReport]) -> None:
    from trackhub.cli.deliver import print_reports

    print_reports(reports)
    troubles = [(one.destination, one.state, one.error) for one in states if not one.complete]
    if troubles:
        typer.echo("")
        print_table(("destination", "state", "error"), troubles)


@contextlib.contextmanager
def _working(what: str) -> Iterator[Callable[[str], object]]:
    """Show on a terminal what is being done."""
    if not on_terminal():
        yield str  # nothing is shown, so nothing need be done
        return
    from rich.console import Console

    with Console(stderr=True).status(what) as shown:
        yield shown.update
