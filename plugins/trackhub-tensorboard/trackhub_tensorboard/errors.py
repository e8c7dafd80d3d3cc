"""Turn what the operating system and the encoding raise into what a lane understands."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from trackhub.errors import Rejected, RetryLater


@contextlib.contextmanager
def translated(shown: str) -> Iterator[None]:
    """Raise what a file system refuses as RetryLater, and what is no text as Rejected.

    The disk may have room, and the folder be there, in a minute; half of a surrogate pair stays one.
    """
    try:
        yield
    except UnicodeEncodeError as error:
        half = error.object[error.start : error.end]
        raise Rejected(f"{shown}: {error.object[:80]!r} holds {half!r}, which no file can hold as text") from None
    except OSError as error:
        where = f" ({error.filename})" if error.filename else ""
        raise RetryLater(
            f"{shown}: {error.strerror or error}{where}; check that the folder can be reached and written, and has room"
        ) from error
