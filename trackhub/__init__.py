"""Log a training once, at the price of a file append; deliver it to any vendor, now or later.

Names only: each is imported when it is first used, so that ``import trackhub`` costs nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from trackhub.api.models import models, set_model_alias
    from trackhub.api.runs import runs
    from trackhub.api.start import current_run, start_run
    from trackhub.api.sync import sync
    from trackhub.api.transfer import export_runs, import_runs
    from trackhub.delivery.report import DeliveryReport
    from trackhub.errors import (
        DeliveryError,
        JournalError,
        ModelNotFound,
        ParamConflict,
        PluginError,
        Rejected,
        RetryLater,
        RunExists,
        RunFinished,
        RunLocked,
        RunNotFound,
        SettingsError,
        StoreError,
        TrackhubError,
        Unauthorized,
    )
    from trackhub.hookspec import hookimpl
    from trackhub.run import Run
    from trackhub.transfer.report import ImportReport

_HOMES = {
    "trackhub.api.models": ("models", "set_model_alias"),
    "trackhub.api.runs": ("runs",),
    "trackhub.api.start": ("current_run", "start_run"),
    "trackhub.api.sync": ("sync",),
    "trackhub.api.transfer": ("export_runs", "import_runs"),
    "trackhub.delivery.report": ("DeliveryReport",),
    "trackhub.errors": (
        "DeliveryError",
        "JournalError",
        "ModelNotFound",
        "ParamConflict",
        "PluginError",
        "Rejected",
        "RetryLater",
        "RunExists",
        "RunFinished",
        "RunLocked",
        "RunNotFound",
        "SettingsError",
        "StoreError",
        "TrackhubError",
        "Unauthorized",
    ),
    "trackhub.hookspec": ("hookimpl",),
    "trackhub.run": ("Run",),
    "trackhub.transfer.report": ("ImportReport",),
}

__version__ = "0.1.0"
__all__ = [
    "DeliveryError",
    "DeliveryReport",
    "ImportReport",
    "JournalError",
    "ModelNotFound",
    "ParamConflict",
    "PluginError",
    "Rejected",
    "RetryLater",
    "Run",
    "RunExists",
    "RunFinished",
    "RunLocked",
    "RunNotFound",
    "SettingsError",
    "StoreError",
    "TrackhubError",
    "Unauthorized",
    "current_run",
    "export_runs",
    "hookimpl",
    "import_runs",
    "models",
    "runs",
    "set_model_alias",
    "start_run",
    "sync",
]


def __getattr__(name: str) -> object:
    import importlib

    for home, names in _HOMES.items():
        if name in names:
            value = getattr(importlib.import_module(home), name)
            globals()[name] = value
            return value
    raise AttributeError(f"module 'trackhub' has no attribute {name!r}")


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
