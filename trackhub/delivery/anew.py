"""Have destinations be asked again, before a sync: for what they refused, or for all that they were given."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from trackhub.backend import Destination
from trackhub.delivery.record import forget, revive
from trackhub.errors import RunLocked
from trackhub.journal.store import RunFolder, Store

log = logging.getLogger("trackhub")


def ask_anew(runs: Sequence[RunFolder] | Store, destinations: Sequence[Destination], *, all_of_it: bool) -> None:
    """Let the next lanes give again what was refused.

    One that cannot be now is named, and the others are: among a store's runs there is always one at work.

    :param all_of_it: forget how far each run was delivered instead, so that the vendor is asked what it has.
    :raises RunLocked: somebody delivers a run that was named.
    """
    for folder in runs.runs() if isinstance(runs, Store) else runs:
        for destination in destinations:
            try:
                if all_of_it:
                    forget(folder, destination)
                else:
                    revive(folder, destination)
            except (RunLocked, OSError) as error:
                if not isinstance(runs, Store):
                    raise
                log.warning("%s", error)
