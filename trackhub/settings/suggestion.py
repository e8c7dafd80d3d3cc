"""Find the known name that a mistyped one was meant to be, for the end of an error message."""

from __future__ import annotations

from collections.abc import Collection


def suggest(word: str, known: Collection[str]) -> str:
    """Return the end of a sentence: the nearest known name, else all of them.

    >>> suggest("prd", ["prod", "lab"])
    "; did you mean 'prod'?"
    >>> suggest("wandb", ["prod", "lab"])
    '; known: lab, prod'
    """
    import difflib  # noqa: PLC0415 - only an error pays for it

    near = difflib.get_close_matches(word, known, n=1)
    if near:
        return f"; did you mean {near[0]!r}?"
    return f"; known: {', '.join(sorted(known))}" if known else ""
