"""Keep one JSON document a file: read whole, replaced whole, and never half there."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from trackhub.errors import Rejected
from trackhub_local import disk
from trackhub_local.damage import NEWER, Damaged

FORMAT = 1
_KEY = "trackhub-local"
_TODO = "put it back as it was"


@contextlib.contextmanager
def understood(path: Path) -> Iterator[None]:
    """Say of entries that are not as they were written which file holds them.

    :raises Damaged: in place of what reading them raises.
    """
    try:
        yield
    except KeyError as error:
        raise Damaged(path, f"it has no entry {error}", _TODO) from error
    except (AttributeError, IndexError, TypeError, ValueError) as error:
        raise Damaged(path, f"its entries are not as they were written ({error})", _TODO) from error


class Document:
    """Hold a file of one JSON object that says of which kind it is.

    :param what: the word that the file says it is, such as ``run``.
    """

    def __init__(self, path: Path, what: str) -> None:
        self.path = path
        self._what = what

    def read(self) -> dict[str, Any] | None:
        """Return what the file says, or None if it is not there.

        :raises Damaged: it is no such document.
        """
        try:
            content = self.path.read_bytes()
        except FileNotFoundError:
            return None
        try:
            said = json.loads(content)
        except (ValueError, RecursionError) as error:  # UnicodeDecodeError is a ValueError
            raise Damaged(self.path, f"it is no JSON ({error})", _TODO) from error
        kind = said.get(_KEY) if isinstance(said, dict) else None
        name, _, version = kind.partition(" ") if isinstance(kind, str) else ("", "", "")
        if name != self._what or not version.isdecimal():
            raise Damaged(
                self.path, f'it does not say {{"{_KEY}": "{self._what} {FORMAT}"}}', "is it of another program? Move it"
            )
        if int(version) > FORMAT:
            raise Damaged(self.path, f"its format is {version}", NEWER)
        return said  # type: ignore[no-any-return]

    def write(self, said: dict[str, Any]) -> None:
        """Put a document in the file's place.

        :raises Rejected: a text holds a lone surrogate, which UTF-8 cannot say.
        """
        whole = {_KEY: f"{self._what} {FORMAT}", **{key: value for key, value in said.items() if key != _KEY}}
        try:
            content = f"{json.dumps(whole, ensure_ascii=False, indent=2, allow_nan=False)}\n".encode()
        except UnicodeEncodeError as error:
            raise Rejected(f"{self.path}: {error.object[:100]!a} holds a lone surrogate: rename it") from None
        disk.replace(self.path, content)
