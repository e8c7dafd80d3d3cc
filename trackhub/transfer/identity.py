"""Give runs of elsewhere an id here: the same for the same run, wherever and however often it is imported."""

from __future__ import annotations

import hashlib
import json

from trackhub.model.ids import RUN_ID

IMPORTED_ID = "trackhub.imported_id"
"""The tag that keeps the id a run had elsewhere, where that is no id of ours."""


def id_here(scheme: str, project: str, run_id: str) -> str:
    """Return the id of a run here; one that is fit for a run id stays as it is.

    >>> id_here("neptune", "team/digits", "DIG-17")
    '9abaac4a9651ec3aebda02fbd6086621'
    >>> id_here("mlflow", "digits", "0190163d8694739ba9ea95d9ea16b3f1")
    '0190163d8694739ba9ea95d9ea16b3f1'
    """
    if RUN_ID.fullmatch(run_id):
        return run_id
    return hashlib.sha256(json.dumps([scheme, project, run_id]).encode()).hexdigest()[:32]
