"""Run the conformance suite against a destination and print the capability card."""

# ruff: noqa: D301, PLC0415 - \b keeps examples as they are; imports wait, so that --help is quick

from __future__ import annotations

import contextlib
import sys
import time
from typing import TYPE_CHECKING, Annotated

import typer

from trackhub.cli.output import JsonOption, on_terminal, print_json, remark
from trackhub.errors import SettingsError

if TYPE_CHECKING:
    from trackhub.testing import CapabilityCard, Outcome, Target

_REACH_S = 20.0


def check(
    destination: Annotated[str, typer.Argument(help="A URL, or a name in the settings; runs are made there.")],
    *,
    as_json: JsonOption = False,
    markdown: Annotated[bool, typer.Option("--markdown", help="Print a table for a README.")] = False,
    unreachable: Annotated[
        str | None, typer.Option("--unreachable", help="A URL of the same plugin at which nobody answers.")
    ] = None,
    refused: Annotated[
        str | None, typer.Option("--refused", help="A URL of the same plugin that refuses the credentials.")
    ] = None,
) -> None:
    """Check a plugin against a real destination, and print what it can.

    The suite makes runs at the destination, in projects whose names begin with trackhub-check; they are
    not removed. The exit code is 0 if nothing failed.

    \b
    trackhub plugins check mlflow+http://127.0.0.1:5000
    trackhub plugins check prod --json
    """
    from trackhub.settings import resolve
    from trackhub.testing import Setup, Target
    from trackhub.testing import check as run_suite

    named = resolve().destinations.get(destination)
    if named is None and ":" not in destination:
        raise SettingsError(
            f"{destination!r} is no name in the settings; to check a plugin, give a URL that the suite may write to, "
            f"such as {destination}:some-folder or {destination}+http://127.0.0.1:5000"
        )
    target = Target(url=named or destination)
    _reach(target)
    setup = Setup(target=target, unreachable_url=unreachable, refused_url=refused)
    with contextlib.redirect_stdout(sys.stderr):  # what a vendor's client prints is not the answer
        card = run_suite(setup, told=_tell)
    _print(card, as_json=as_json, markdown=markdown)
    raise typer.Exit(0 if card.passed else 1)


def _reach(target: Target) -> None:
    """See that the vendor is there, since without it every test would say the same.

    :raises TrackhubError: it is not, or does not take us.
    """
    calls = target.open()
    try:
        if calls.can("check_connection"):
            calls.check_connection(time.monotonic() + _REACH_S)
    finally:
        calls.close()


def _print(card: CapabilityCard, *, as_json: bool, markdown: bool) -> None:
    if as_json:
        print_json(card.json())
    else:
        typer.echo(card.markdown() if markdown else card.text())


def _tell(outcome: Outcome) -> None:
    if on_terminal() or outcome.result == "failed":
        remark(f"{outcome.result:13}  {', '.join(outcome.states):4}  {outcome.test}")
