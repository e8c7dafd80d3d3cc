"""Say how the server behaves where nobody outside Comet knows how the real one does; read by the routes."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Behaviour:
    """Hold what is switched on.

    :ivar values_kept: how many values of a metric can be read back; the others are sampled away.
    :ivar full_metrics: what was sampled away can be had from assets, as of "total fidelity" metrics.
    :ivar lag_s: how long what was taken cannot be read yet.
    :ivar keeps_copies: an asset that is sent twice, under one id, is there twice, and the first one is served.
    :ivar revives: whatever is written to an experiment that has ended makes it run again.
    :ivar folds_names: project names that differ in case are one project.
    :ivar writes_doubles: numbers come back as Java writes a double: ``1.0E-5``, and ``3.0`` for 3.
    :ivar shuffles: metrics come back in no order.
    :ivar zero_steps: a missing step comes back as 0.
    :ivar longest_name: names are cut there, in silence.
    :ivar longest_value: values of params and others are cut there, in silence.
    :ivar texts_of_metadata: the metadata of an asset is listed as a text of JSON.
    :ivar values_a_minute: more values are refused with 429.
    """

    values_kept: int | None = None
    full_metrics: bool = False
    lag_s: float = 0.0
    keeps_copies: bool = False
    revives: bool = False
    folds_names: bool = False
    writes_doubles: bool = False
    shuffles: bool = False
    zero_steps: bool = False
    longest_name: int | None = None
    longest_value: int | None = None
    texts_of_metadata: bool = False
    values_a_minute: int | None = None


KINDEST = Behaviour()
WORST = Behaviour(
    values_kept=15_000,
    lag_s=0.3,
    keeps_copies=True,
    revives=True,
    folds_names=True,
    writes_doubles=True,
    shuffles=True,
    zero_steps=True,
    longest_name=100,
    longest_value=1000,
    texts_of_metadata=True,
)
