"""Be a backend that knows points and nothing else, and one that hangs."""

from __future__ import annotations

import time

from testing.reference import ReferenceBackend

from trackhub import hookimpl
from trackhub.backend import BackendSpec

_HOOKS = ("start_run", "log_metrics", "read_metrics")


class PointsOnly:
    """Take three hooks of the reference's."""

    def __init__(self, destination, options):
        self.whole = ReferenceBackend(destination, options)

    @hookimpl
    def trackhub_start_run(self, run):
        return self.whole.trackhub_start_run(run)

    @hookimpl
    def trackhub_log_metrics(self, ref, points, batch):
        return self.whole.trackhub_log_metrics(ref, points, batch)

    @hookimpl
    def trackhub_read_metrics(self, ref):
        return self.whole.trackhub_read_metrics(ref)


class Hanging(PointsOnly):
    @hookimpl
    def trackhub_start_run(self, run):
        time.sleep(3600)


@hookimpl
def trackhub_backends():
    yield BackendSpec(scheme="pointsonly", factory=PointsOnly, capabilities=_HOOKS)
    yield BackendSpec(scheme="hanging", factory=Hanging, capabilities=_HOOKS)
