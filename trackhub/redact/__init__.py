"""Take secrets out of what is about to enter the journal; what was taken is counted, never silent."""

from __future__ import annotations

from trackhub.redact.redactor import Redactor
from trackhub.redact.shapes import REDACTED

__all__ = ["REDACTED", "Redactor"]
