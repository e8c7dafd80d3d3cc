"""Put files of ours beside a run's values and get them back; each has an id made from what it is."""

from __future__ import annotations

import hashlib
import json
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from trackhub_comet.wire import Wire

MARK = "trackhub"
"""Under which key an asset's metadata says what it is to us."""
VALUE, POINTS, POSITION, FILE, SURROUNDINGS = "value", "points", "position", "file", "environment"
_LONGEST = 200


class Shelf:
    """Hold a run's assets.

    :param key: the experiment's.
    """

    def __init__(self, wire: Wire, key: str) -> None:
        self._wire = wire
        self._key = key
        self._listed: dict[str, dict[str, Any]] | None = None

    def forget(self) -> None:
        """Ask again what is there: somebody may have come between."""
        self._listed = None

    @property
    def entries(self) -> dict[str, dict[str, Any]]:
        """Return what is there by our id, or Comet's where it is not ours; an asset that is there twice counts once."""
        if self._listed is None:
            self._listed = {}
            for entry in self._wire.assets(self._key):
                mark = mark_of(entry)
                self._listed.setdefault(mark.get("id") or entry["assetId"], {**entry, MARK: mark})
        return self._listed

    def marks(self, kind: str) -> Iterator[dict[str, Any]]:
        """Yield what our assets of a kind say of themselves."""
        for entry in self.entries.values():
            if entry[MARK].get("is") == kind:
                yield entry[MARK]

    def id_of(self, name: str, what: str = "") -> str:
        """Return the id of an asset: one for what it is, whoever sends it."""
        seed = f"{self._key}\0{name}\0{what}".encode("utf-8", "surrogatepass")
        return hashlib.sha256(seed).hexdigest()[:32]

    def put(self, asset: str, name: str, source: Path, mark: dict[str, Any]) -> None:
        """Upload a file, unless it is there."""
        if asset in self.entries:
            return
        mark = {"id": asset, **mark}
        made = self._wire.put_asset(self._key, asset, shown(name), source, {MARK: mark})
        self.entries[asset] = {"assetId": made, "fileName": name, "fileSize": source.stat().st_size, MARK: mark}

    def put_bytes(self, asset: str, name: str, content: bytes, mark: dict[str, Any]) -> None:
        """Upload bytes, unless they are there."""
        if asset in self.entries:
            return
        with tempfile.TemporaryDirectory(prefix="trackhub-") as folder:
            source = Path(folder, "file")
            source.write_bytes(content)
            self.put(asset, name, source, mark)

    def put_text(self, text: str, place: str) -> None:
        """Upload a text under a place that is made from its content."""
        self.put_bytes(self.id_of(place), place, text.encode(), {"is": VALUE})

    def text(self, place: str) -> str:
        """Return a text that lies at a place."""
        return self.content(self.id_of(place)).decode()

    def content(self, asset: str) -> bytes:
        """Return an asset's bytes."""
        return b"".join(self.pieces(asset))

    def pieces(self, asset: str) -> Iterator[bytes]:
        """Yield an asset's bytes; one that is not listed may yet be there, under our id."""
        entry = (self._listed or {}).get(asset)
        return self._wire.asset(self._key, entry["assetId"] if entry else self._listed_id(asset))

    def delete(self, asset: str) -> None:
        """Take an asset away."""
        entry = self.entries.pop(asset, None)
        if entry is not None:
            self._wire.delete_asset(self._key, entry["assetId"])

    def _listed_id(self, asset: str) -> str:
        return str(self.entries.get(asset, {}).get("assetId", asset))


def mark_of(entry: dict[str, Any]) -> dict[str, Any]:
    """Return what an asset's metadata says for us, or nothing; Comet lists it as a mapping or as text."""
    held = entry.get("metadata")
    if isinstance(held, str):
        try:
            held = json.loads(held)
        except ValueError:
            return {}
    mark = held.get(MARK) if isinstance(held, dict) else None
    return mark if isinstance(mark, dict) else {}


def shown(name: str) -> str:
    """Return a file's name as Comet's pages may show it; what it is really called is in its metadata."""
    plain = "".join(char if char.isprintable() else "_" for char in name)
    return plain if len(plain) <= _LONGEST else f"…{plain[-_LONGEST:]}"
