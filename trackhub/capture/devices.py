"""Ask the driver's own program which GPUs the machine has."""

from __future__ import annotations

from typing import Any

from trackhub.capture.command import run

_QUERY = ("nvidia-smi", "--query-gpu=name,memory.total,driver_version", "--format=csv,noheader,nounits")
_MEBIBYTE = 1 << 20


def find_gpus(*, deadline: float) -> list[dict[str, Any]] | None:
    """Return name, memory, and driver of each GPU; None where there is nobody to ask.

    :param deadline: by ``time.monotonic()``.
    """
    # A subprocess rather than NVML: a broken driver hangs, and a library's call cannot be given up.
    output = run(_QUERY, deadline=deadline)
    return None if output is None else parse_gpus(output.text)


def parse_gpus(text: str) -> list[dict[str, Any]]:
    """Return the GPUs of nvidia-smi's answer; what it does not know is absent.

    >>> parse_gpus("NVIDIA A100-SXM4-80GB, 81920, 550.54.15")
    [{'name': 'NVIDIA A100-SXM4-80GB', 'memory_bytes': 85899345920, 'driver': '550.54.15'}]
    """
    gpus = []
    for line in text.splitlines():
        name, _, rest = line.partition(", ")
        memory, _, driver = rest.partition(", ")
        if not rest:
            continue
        gpu: dict[str, Any] = {"name": name.strip()}
        if memory.strip().isdigit():
            gpu["memory_bytes"] = int(memory) * _MEBIBYTE
        if driver.strip() and not driver.startswith("["):
            gpu["driver"] = driver.strip()
        gpus.append(gpu)
    return gpus
