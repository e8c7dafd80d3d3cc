"""Say what to import where a path is no folder of exported runs; looks at names and first bytes, reads no run."""

from __future__ import annotations

from pathlib import Path

_SQLITE = b"SQLite format 3\0"
_EVENTS = "events.out.tfevents.*"
_BELOW = ("", "*/", "*/*/", "*/*/*/")
"""How deep event files are looked for: a folder that a user takes for one of runs may be a whole disk."""


def advice_on_file(path: Path) -> str:
    """Return what to write instead of a file's path."""
    if path.match(_EVENTS):
        return f"it is one event file; import its folder: tensorboard:{path.parent}"
    with path.open("rb") as file:
        is_database = file.read(len(_SQLITE)) == _SQLITE
    if is_database:
        return f"it is a database; if MLflow made it, write mlflow+sqlite:///{path}, if Neptune did, neptune:{path}"
    return "it is a file; give the folder that `trackhub export` wrote, or a URL that says who made it, as neptune:PATH"


def store_in(path: Path, own: Path) -> Path | None:
    """Return the store that lies in a folder, but not one's own."""
    store = path / ".trackhub"
    return store if (store / "runs").is_dir() and store.resolve() != own.resolve() else None


def others_at(path: Path, own: Path) -> list[str]:
    """Return the sources that somebody may mean by a folder in which no exported run lies.

    :param own: the store to import to, which is none.
    """
    found = [str(store)] if (store := store_in(path, own)) else []
    found += [str(above) for above in path.parents if path.relative_to(above).parts[0] == "runs"][:1]
    if (path / ".neptune").is_dir():
        found.append(f"neptune:{path}")
    if (path / "mlflow.db").is_file():
        found.append(f"mlflow+sqlite:///{path / 'mlflow.db'}")
    if any(next(path.glob(f"{below}{_EVENTS}"), None) for below in _BELOW):
        found.append(f"tensorboard:{path}")
    return found
