"""Read from the system what machine this is."""

from __future__ import annotations

import os
import platform
from pathlib import Path
from typing import Any

from trackhub.capture.command import run


def describe_host(*, deadline: float) -> dict[str, Any]:
    """Return the machine's name, system, processors, and memory; what it does not tell is absent.

    ``cpus`` counts those this process may use.

    :param deadline: by ``time.monotonic()``.
    """
    found = {
        "name": platform.node() or None,
        "os": f"{platform.system()} {platform.release()}".strip() or None,
        "machine": platform.machine() or None,
        "cpus": _cpus(),
        "cpu": _cpu(deadline),
        "memory_bytes": _memory(),
    }
    return {key: value for key, value in found.items() if value is not None}


def _cpus() -> int | None:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count()


def _cpu(deadline: float) -> str | None:
    try:
        for line in Path("/proc/cpuinfo").read_text(errors="replace").splitlines():
            key, _, value = line.partition(":")
            if key.strip() in ("model name", "Model", "cpu model"):
                return value.strip() or None
    except OSError:
        pass
    if output := run(("sysctl", "-n", "machdep.cpu.brand_string"), deadline=deadline):  # macOS
        return output.text.strip() or None
    return platform.processor() or None


def _memory() -> int | None:
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, OSError, ValueError):  # not on Windows
        return None
