"""Walk through what a server hands out page by page."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any


def paged(ask: Callable[[str | None], Any]) -> Iterator[Any]:
    """Yield what all pages hold.

    :param ask: returns the page of a token; the first one's is None.
    """
    token: str | None = None
    while True:
        page = ask(token)
        yield from page
        token = page.token
        if not token:
            return
