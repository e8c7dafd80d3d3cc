"""Say how a run ends and why; from what a user says or from an exception, whatever its text holds."""

from __future__ import annotations

from typing import get_args

from trackhub.types import EndStatus

_ENDS: tuple[EndStatus, ...] = get_args(EndStatus)


def require_end(status: object) -> EndStatus:
    """Return a status that a run can end with.

    :raises ValueError: it is none; the message lists those that are.
    """
    for known in _ENDS:
        if isinstance(status, str) and status == known:
            return known
    raise ValueError(
        f"status {status!a}: a run ends as {', '.join(map(repr, _ENDS[:-1]))} or {_ENDS[-1]!r}; "
        "nothing was written, and an open run is still open"
    )


def ending_of(error: BaseException | None) -> tuple[EndStatus, str]:
    """Return how a run ends that an exception leaves, and why.

    >>> ending_of(KeyboardInterrupt()), ending_of(SystemExit(0))
    (('killed', 'KeyboardInterrupt'), ('finished', ''))
    """
    if error is None or (isinstance(error, SystemExit) and _is_success(error.code)):
        return "finished", ""
    if isinstance(error, KeyboardInterrupt):
        return "killed", "KeyboardInterrupt"
    return "failed", reason_of(error)


def reason_of(error: BaseException) -> str:
    """Return what an exception says of itself, even one whose ``__str__`` is broken."""
    try:
        text = str(error)
    except Exception as trouble:  # noqa: BLE001 - it is the user's own code, and the exception must go on as it is
        text = f"(its text cannot be had: its __str__ raised {type(trouble).__name__})"
    return sayable(f"{type(error).__name__}: {text}" if text else type(error).__name__)


def sayable(text: str) -> str:
    r"""Return text that UTF-8 can hold: a lone surrogate becomes its escape.

    >>> sayable("no such file: \udcff.png")
    'no such file: \\udcff.png'
    """
    return text.encode(errors="backslashreplace").decode()


def _is_success(code: object) -> bool:
    return code is None or (isinstance(code, int) and code == 0)
