"""Run the suite against a destination without pytest, and hand out the capability card."""

from __future__ import annotations

import contextlib
import tempfile
import threading
import time
import traceback
from collections.abc import Callable
from pathlib import Path

from trackhub import __version__
from trackhub.testing.bench import Bench, Setup
from trackhub.testing.card import CapabilityCard, Outcome
from trackhub.testing.gates import BETTER, NotSupported
from trackhub.testing.overrides import reason_of
from trackhub.testing.sentences import cited_by
from trackhub.testing.suite import BackendSuite
from trackhub.testing.suite.offering import HOOKS

LIMIT_S = 300.0
"""How long one test may take before its backend is said to hang."""


def check(
    setup: Setup,
    *,
    suite: type[BackendSuite] = BackendSuite,
    select: Callable[[str], bool] | None = None,
    told: Callable[[Outcome], object] | None = None,
    limit_s: float = LIMIT_S,
) -> CapabilityCard:
    """Run the suite's tests, each with backends and a folder of its own, and return the card.

    :param select: which tests, by name.
    :param told: called with each outcome as it comes.
    :raises PluginError: the plugin cannot be loaded, or its backend cannot be made.
    :raises SettingsError: the URL cannot be used.
    """
    target = setup.target
    calls = target.open()
    can = tuple(hook for hook in HOOKS if calls.can(hook))
    with contextlib.suppress(Exception):  # a test of closing says what is wrong
        calls.close()
    outcomes = []
    for name in suite_tests(suite):
        if select is None or select(name):
            outcomes.append(_outcome(suite, name, setup, limit_s))
            if told is not None:
                told(outcomes[-1])
    entry = target.entry()
    return CapabilityCard(
        destination=target.destination.shown,
        plugin=f"{entry.get('distribution', '')} {entry.get('version', '')}".strip(),
        hookspec=entry.get("hookspec", ""),
        trackhub=__version__,
        can=can,
        cannot=tuple(hook for hook in HOOKS if hook not in can and hook not in BETTER),
        outcomes=tuple(outcomes),
    )


def suite_tests(suite: type[BackendSuite]) -> tuple[str, ...]:
    """Return the names of a suite's tests, in the order in which they are written."""
    order = [name for base in (*BackendSuite.__bases__, *reversed(suite.__mro__)) for name in vars(base)]
    return tuple(dict.fromkeys(name for name in order if name.startswith("test_")))


def _outcome(suite: type[BackendSuite], name: str, setup: Setup, limit_s: float) -> Outcome:
    test = getattr(suite, name)
    codes = cited_by(test) or cited_by(getattr(BackendSuite, name, None))
    reason = reason_of(test)
    if reason is not None:
        return Outcome(test=name, states=codes, result="overridden", detail=reason)
    began = time.monotonic()
    found: list[Outcome] = []

    def run() -> None:
        found.append(_run(suite, name, codes, setup))

    # A thread, for a backend that never returns is to fail one test and not to hold up the others.
    thread = threading.Thread(target=run, name=f"trackhub check {name}", daemon=True)
    thread.start()
    thread.join(limit_s)
    seconds = round(time.monotonic() - began, 3)
    if not found:
        detail = f"it did not return within {limit_s:g} s"
        return Outcome(test=name, states=codes, result="failed", detail=detail, seconds=seconds)
    return Outcome(test=name, states=codes, result=found[0].result, detail=found[0].detail, seconds=seconds)


def _run(suite: type[BackendSuite], name: str, codes: tuple[str, ...], setup: Setup) -> Outcome:
    with tempfile.TemporaryDirectory(prefix="trackhub-check-", ignore_cleanup_errors=True) as folder:
        bench = Bench(setup, Path(folder))
        try:
            getattr(suite(), name)(bench)
        except NotSupported as missing:
            return Outcome(test=name, states=codes, result="not supported", detail=str(missing))
        except AssertionError as error:
            return Outcome(test=name, states=codes, result="failed", detail=str(error))
        except BaseException as error:  # noqa: BLE001 - a vendor's client may do anything, exit included
            text = "".join(traceback.format_exception_only(error))
            return Outcome(test=name, states=codes, result="failed", detail=f"{text}{_where(error)}")
        finally:
            bench.close()
    return Outcome(test=name, states=codes, result="passed")


def _where(error: BaseException) -> str:
    last = traceback.extract_tb(error.__traceback__)[-1:]
    return "".join(f"in {frame.filename}, line {frame.lineno}" for frame in last)
