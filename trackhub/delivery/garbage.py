"""Keep a vendor's SDK out of garbage collection while runs are delivered; looks at nothing but Python's own heap.

An SDK is some hundred thousand objects that live as long as the process. A delivery makes many objects that live
as long as a batch, so Python looks for garbage often, and each time walks the SDK as well.
"""

from __future__ import annotations

import contextlib
import gc
from collections.abc import Callable, Iterator


@contextlib.contextmanager
def sdk_left_out() -> Iterator[Callable[[], None]]:
    """Give what to call once an SDK was imported; at the end everything is as it was.

    A process that has frozen objects of its own is left alone: nobody could tell them from ours.
    """
    ours = gc.get_freeze_count() == 0

    def leave_out() -> None:
        if ours:
            gc.collect()  # what is garbage now would stay for as long
            gc.freeze()

    try:
        yield leave_out
    finally:
        if ours:
            gc.unfreeze()
