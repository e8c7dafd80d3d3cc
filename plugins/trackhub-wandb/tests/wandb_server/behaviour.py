"""Say how the server behaves where nobody outside W&B knows how the real one does; read by the routes."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Behaviour:
    """Hold what is switched on.

    :ivar lines_lag_s: how long ``historyLineCount`` does not yet tell of a row.
    :ivar steps_lag_s: how long the last step, and every way to read rows, do not yet tell of a row.
    :ivar keeps_copies: a row that is sent again for a line that is there is kept as another line.
    :ivar loses_numbers: NaN and infinity come back as nothing, integers as the nearest double.
    :ivar revives: whatever is written to a run that has ended makes it run again.
    :ivar folds_names: project names that differ in case are one project.
    :ivar longest_name: display names are cut there, in silence.
    :ivar shares_artifacts: an artifact whose content is there already is not listed for a second run.
    :ivar loses_aliases: aliases of such an artifact stay as they are.
    """

    lines_lag_s: float = 0.0
    steps_lag_s: float = 0.0
    keeps_copies: bool = False
    loses_numbers: bool = False
    revives: bool = False
    folds_names: bool = False
    longest_name: int | None = None
    shares_artifacts: bool = False
    loses_aliases: bool = False


KINDEST = Behaviour()
WORST = Behaviour(
    lines_lag_s=0.15,
    steps_lag_s=0.05,
    keeps_copies=True,
    loses_numbers=True,
    revives=True,
    folds_names=True,
    longest_name=64,
    shares_artifacts=True,
    loses_aliases=True,
)
