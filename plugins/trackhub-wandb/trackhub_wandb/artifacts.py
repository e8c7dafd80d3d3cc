"""Name artifacts as W&B does, and say beside each what it was called; pure functions.

A version is found by an alias of its own, which tells the run, the name and the version. A small file in each,
``trackhub.json``, lists what is in it; since W&B takes two of the same content for one, it also tells them apart.
"""

from __future__ import annotations

import json
import posixpath
from typing import Any

from trackhub.model.entities import Artifact
from trackhub_wandb.names import escape_path, plain, short_digest
from trackhub_wandb.times import text_of

MARKER = "trackhub.json"
_RESERVED = ("wandb", "job", "run_table", "source", "code")


def collections_of(run: str, artifact: Artifact) -> tuple[str, ...]:
    """Return under which name W&B may have an artifact: the first that is of its type, or of none yet."""
    name = plain(artifact.name)
    return name, f"{name}-{plain(artifact.type, 24)}", f"run-{run}-{short_digest(artifact.name)}"


def alias_of(run: str, artifact: Artifact) -> str:
    """Return the alias that only this version has."""
    return f"{run}-{short_digest(f'{artifact.type}/{artifact.name}')}-{artifact.version}"


def type_of(artifact: Artifact) -> str:
    """Return W&B's type.

    >>> from trackhub.model.entities import Artifact
    >>> type_of(Artifact(name="a", type="model", time=0, files=()))
    'model'
    """
    text = plain(artifact.type, 64)
    return f"user-{text}" if text.startswith(_RESERVED) else text


def places(artifact: Artifact) -> dict[str, str]:
    """Return where each file lies in the artifact, by its path; no two at one place, in whatever case."""
    taken: set[str] = {MARKER}
    found = {}
    for file in artifact.files:
        place = escape_path(file.path)
        if place.lower() in taken:
            place = f"{posixpath.splitext(place)[0]}-{short_digest(file.path)}{posixpath.splitext(place)[1]}"
        taken.add(place.lower())
        found[file.path] = place
    return found


def metadata_of(run: str, artifact: Artifact) -> dict[str, Any]:
    """Return what W&B's pages tell of a version."""
    told = {"run_id": run, "name": artifact.name, "version": artifact.version, "time": text_of(artifact.time)}
    return {"trackhub": told}


def marker_of(run: str, artifact: Artifact) -> str:
    """Return the file that goes with a version; for the same version, it is the same."""
    stored = places(artifact)
    told = {
        "run_id": run,
        "name": artifact.name,
        "type": artifact.type,
        "version": artifact.version,
        "time": text_of(artifact.time),
        "files": [
            {"path": file.path, "stored": stored[file.path], "sha256": file.sha256, "size": file.size}
            for file in artifact.files
        ],
    }
    return json.dumps(told, indent=1) + "\n"


def listed(name: str, version: int, path: str) -> str:
    """Return the path under which a file is listed: it begins with its artifact's name.

    >>> listed("weights", 2, "model.pt"), listed("model.pt", 1, "model.pt")
    ('weights@v2/model.pt', 'model.pt')
    """
    root = f"{name}@v{version}" if version > 1 else name
    return root if path in (name, posixpath.basename(name)) else f"{root}/{path}"
