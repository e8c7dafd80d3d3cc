"""Name everything that can go wrong; every message says what, where and what to do next."""

from __future__ import annotations


class TrackhubError(Exception):
    """Be the base of every error that trackhub raises on purpose."""


class SettingsError(TrackhubError):
    """Report a setting or a destination that cannot be used."""


class PluginError(TrackhubError):
    """Report a plugin that is missing, broken or speaks another hookspec."""


class PluginMissing(PluginError):
    """Report a destination whose scheme no installed plugin has."""


class StoreError(TrackhubError):
    """Report a store that cannot be written: read-only, full, or gone."""


class JournalError(TrackhubError):
    """Report a file that is not a journal segment, or one from a newer format."""


class RunFinished(TrackhubError):
    """Report a write to a run that has ended."""


class ModelNotFound(TrackhubError):
    """Nothing registered such a model."""


class RunNotFound(TrackhubError):
    """Report a run that the store does not hold; near matches are named."""


class RunExists(TrackhubError):
    """Report an id that is taken while ``resume="never"``."""


class RunLocked(TrackhubError):
    """Report a run that another process is delivering to the same destination."""


class ParamConflict(TrackhubError):
    """Report a param that was logged before with another value."""


class DeliveryError(TrackhubError):
    """Be the base of what a backend may raise about a delivery."""


class RetryLater(DeliveryError):
    """Say that the vendor is away; the lane waits and tries the same batch again.

    :param retry_after_s: the vendor's own wish (HTTP ``Retry-After``), in seconds.
    """

    def __init__(self, message: str, *, retry_after_s: float | None = None) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class Rejected(DeliveryError):
    """Say that the vendor will never take this batch; the lane keeps it as a dead letter."""


class Unauthorized(DeliveryError):
    """Say that the credentials are missing or wrong; the lane pauses until they change."""
