"""Gather the tests of a backend's behaviour; a plugin's author subclasses :class:`BackendSuite`."""

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from trackhub.testing.overrides import refuse_unmarked
from trackhub.testing.suite.again import Again
from trackhub.testing.suite.artifacts import Artifacts
from trackhub.testing.suite.closing import Closing
from trackhub.testing.suite.ending import Ending
from trackhub.testing.suite.interrupted import Interrupted
from trackhub.testing.suite.metrics import Metrics
from trackhub.testing.suite.models import Models
from trackhub.testing.suite.names import Names
from trackhub.testing.suite.offering import Offering
from trackhub.testing.suite.recall import Recall
from trackhub.testing.suite.refusing import Refusing
from trackhub.testing.suite.settings import Settings
from trackhub.testing.suite.starting import Starting
from trackhub.testing.suite.surroundings import Surroundings
from trackhub.testing.suite.values import Values

if TYPE_CHECKING or find_spec("pytest"):
    from trackhub.testing.fixtures import Fixtures
else:

    class Fixtures:
        """Have no fixtures: without pytest, ``trackhub plugins check`` runs the suite."""


class BackendSuite(
    Offering,
    Starting,
    Metrics,
    Values,
    Names,
    Settings,
    Artifacts,
    Models,
    Surroundings,
    Again,
    Interrupted,
    Ending,
    Closing,
    Refusing,
    Recall,
    Fixtures,
):
    """Test one backend against ``docs/plugins/behaviour.md``.

    A subclass gives the fixture ``destination_url``, and ``read_back`` where an independent reader
    is at hand. What it overrides, it marks by :func:`trackhub.testing.overrides`.
    """

    def __init_subclass__(cls, **more: Any) -> None:
        """Refuse a weakening that is not marked."""
        super().__init_subclass__(**more)
        refuse_unmarked(cls)
