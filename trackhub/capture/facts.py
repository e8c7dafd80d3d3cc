"""Note in the training process what only it knows; the rest is found out elsewhere, from these facts."""

from __future__ import annotations

import os
import platform
import sys

import msgspec


class ProcessFacts(msgspec.Struct, frozen=True, kw_only=True):
    """Hold what the training process says of itself; plain enough for JSON.

    Nothing here is redacted yet.

    :ivar path: where this process imports from, so that its packages can be listed.
    """

    argv: tuple[str, ...]
    entry_point: str
    executable: str
    python: str
    implementation: str
    pid: int
    cwd: str | None = None
    user: str | None = None
    path: tuple[str, ...] = ()


def facts() -> ProcessFacts:
    """Return the facts of this process, in well under a millisecond.

    >>> facts().pid == os.getpid()
    True
    """
    argv = tuple(map(_text, getattr(sys, "argv", ())))
    return ProcessFacts(
        argv=argv,
        entry_point=_text(_entry_point(argv)),
        executable=_text(sys.executable or ""),
        python=platform.python_version(),
        implementation=platform.python_implementation(),
        pid=os.getpid(),
        cwd=_cwd(),
        user=_user(),
        path=tuple(_text(folder) for folder in sys.path if isinstance(folder, str)),
    )


def _entry_point(argv: tuple[str, ...]) -> str:
    """Return what was started: a script, a module, a notebook, or ``<interactive>``."""
    main = sys.modules.get("__main__")
    if "ipykernel" in sys.modules:
        notebook = getattr(main, "__vsc_ipynb_file__", None) or os.environ.get("JPY_SESSION_NAME")
        return str(notebook or "<notebook>")
    spec = getattr(main, "__spec__", None)
    if spec is not None and getattr(spec, "name", None):
        return f"-m {spec.name.removesuffix('.__main__')}"
    first = argv[0] if argv else ""
    if first == "-c":
        return "-c"
    return first or str(getattr(main, "__file__", None) or "<interactive>")


def _cwd() -> str | None:
    try:
        return _text(os.getcwd())  # noqa: PTH109 - a Path would be made to be unmade
    except OSError:  # removed under our feet
        return None


def _user() -> str | None:
    for variable in ("LOGNAME", "USER", "LNAME", "USERNAME"):
        if name := os.environ.get(variable):
            return _text(name)
    try:
        import pwd  # noqa: PLC0415 - not on Windows, and not needed by most

        return pwd.getpwuid(os.getuid()).pw_name
    except (ImportError, KeyError, AttributeError):  # a container's user without a name
        return f"uid {os.getuid()}" if hasattr(os, "getuid") else None


def _text(value: object) -> str:
    """Return text that UTF-8 can hold, whatever bytes the system gave."""
    return str(value).encode(errors="backslashreplace").decode()
