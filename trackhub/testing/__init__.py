"""Test a backend against the contract: a suite to subclass, faults to plant, and a card that tells the result.

pytest is needed only to run the suite by pytest; ``trackhub plugins check`` runs it without.
"""

from __future__ import annotations

from trackhub.testing.bench import Bench, Setup
from trackhub.testing.card import CapabilityCard, Outcome, capability_table
from trackhub.testing.clock import FakeClock
from trackhub.testing.gates import needs
from trackhub.testing.journals import WrittenRun
from trackhub.testing.overrides import overrides
from trackhub.testing.reading import Reader
from trackhub.testing.runner import check
from trackhub.testing.sentences import states
from trackhub.testing.suite import BackendSuite
from trackhub.testing.target import Target

__all__ = [
    "BackendSuite",
    "Bench",
    "CapabilityCard",
    "FakeClock",
    "Outcome",
    "Reader",
    "Setup",
    "Target",
    "WrittenRun",
    "capability_table",
    "check",
    "needs",
    "overrides",
    "states",
]
