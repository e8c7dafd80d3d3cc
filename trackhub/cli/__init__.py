"""Run trackhub from a shell; each command calls the library, and only here is anything printed."""

from __future__ import annotations

import os
import sys


def main() -> None:
    """Run the command line and exit: 0 is success, 1 a failure, 2 a mistake in the command."""
    from trackhub.cli.app import app  # noqa: PLC0415 - the entry point is imported by more than runs it
    from trackhub.cli.probe import unfinished  # noqa: PLC0415

    code: object = 0
    try:
        app(prog_name="trackhub")
    except SystemExit as stop:
        code = stop.code
    if unfinished():
        # A vendor's client that hangs may hold the exit back as well: what was to be said is said.
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code if isinstance(code, int) else 1)
    raise SystemExit(code)
