"""Give what cannot be taken, and ask where nobody answers; nothing is acknowledged, no secret is told."""

from __future__ import annotations

import contextlib
import logging
import re
import shutil
import traceback
from collections.abc import Callable, Iterator
from functools import partial
from urllib.parse import urlsplit

from trackhub.backend import BackendCalls
from trackhub.errors import RetryLater, Unauthorized
from trackhub.model.entities import Artifact, ArtifactFile, Batch, Param, RunEnd, RunRef, Tag
from trackhub.testing.bench import Bench
from trackhub.testing.comparing import expect
from trackhub.testing.gates import needs
from trackhub.testing.given import BEGAN, point
from trackhub.testing.sentences import states

_PASSWORD = "s3cret-of-the-suite"  # noqa: S105 - it is looked for, and opens nothing


class Refusing:
    """Check what is refused, and how that is said."""

    @states("X1")
    def test_hooks_return_notes(self, bench: Bench) -> None:
        """Every writing hook that is there tells notes, or nothing."""
        run = bench.begin()
        for name in ("plain", "odd / é # " + "n" * 300):
            gives: dict[str, Callable[[], object]] = {
                "log_metrics": partial(run.points, [point(name, float("inf"))] * 2),
                "log_params": partial(run.params, {name: "long " * 5000}),
                "set_tags": partial(run.tags, {name: "long " * 5000}),
                "log_artifact": partial(run.artifact, name[:20], {name[:20]: b"x"}),
                "log_environment": partial(run.environment, {"host": "a"}),
                "finish_run": partial(run.end, "crashed"),
            }
            for hook, give in gives.items():
                if run.calls.can(hook):
                    give()
                    expect(bench.notes_are_right, f"trackhub_{hook} returned neither a tuple of Note nor None")

    @states("X2")
    @needs("unreachable_url")
    def test_a_vendor_that_is_away(self, bench: Bench) -> None:
        """Each writing hook says that it is to be tried again; none pretends that it was heard."""
        calls = bench.open(bench.unreachable_url)
        for hook, call in _each_hook(bench, calls).items():
            try:
                call()
            except RetryLater:
                continue
            except Exception as error:
                raise AssertionError(
                    f"trackhub_{hook} raised {type(error).__name__}, not RetryLater, where nobody answers: {error}"
                ) from error
            expect(condition=False, otherwise=f"trackhub_{hook} returned where nobody answers")

    @states("X3")
    @needs("refused_url")
    def test_credentials_that_are_refused(self, bench: Bench) -> None:
        """A person is told that the key is wrong; nobody tries again and again."""
        calls = bench.open(bench.setup.refused_url)
        try:
            calls.start_run(bench.info())
        except Unauthorized as error:
            expect(str(error).strip(), "Unauthorized says nothing")
        else:
            expect(condition=False, otherwise="a run was started with credentials that are refused")

    @states("X4")
    @needs("log_artifact")
    def test_a_file_that_cannot_be_read(self, bench: Bench) -> None:
        """An artifact whose bytes are gone is an error, not a file less."""
        run = bench.begin()
        gone = bench.folder / "gone"
        file = ArtifactFile(path="gone", sha256="0" * 64, size=3, source=gone)
        try:
            run.calls.log_artifact(run.ref, Artifact(name="gone", type="file", time=BEGAN, files=(file,)))
        except Exception:  # noqa: BLE001 - which error is not promised
            return
        expect(condition=False, otherwise="an artifact was acknowledged whose bytes nobody could read")

    @states("K1")
    @needs("unreachable_url")
    def test_errors_tell_no_password(self, bench: Bench) -> None:
        """What people see of a failure holds no password of the URL."""
        url = _with_password(bench.unreachable_url or "")
        if url is None:
            bench.unsupported("its URLs hold no user-info")
        calls = bench.open(url)
        with _logged() as lines:
            for hook, call in _each_hook(bench, calls).items():
                try:
                    call()
                except Exception as error:  # noqa: BLE001 - which error is another test's matter
                    told = "".join(traceback.format_exception_only(error))
                    expect(_PASSWORD not in told, f"an error of trackhub_{hook} tells the URL's password")
        expect(not any(_PASSWORD in line for line in lines), "a log line tells the URL's password")

    @states("K3")
    def test_the_page_of_a_run(self, bench: Bench) -> None:
        """The link that people are shown is a URL, and holds no user-info."""
        url = bench.begin().ref.url
        if url is None:
            bench.unsupported("the vendor has no pages")
        parts = urlsplit(url)
        expect(parts.scheme and (parts.netloc or parts.path), f"RunRef.url is no URL: {url!r}")
        expect("@" not in parts.netloc, "RunRef.url holds user-info")


def _each_hook(bench: Bench, calls: BackendCalls) -> dict[str, Callable[[], object]]:
    """Return a call of each writing hook that is there."""
    ref = RunRef(id="0123456789abcdef0123456789abcdef")
    source = bench.folder / "there"
    shutil.copyfile(__file__, source)
    file = ArtifactFile(path="there", sha256="0" * 64, size=source.stat().st_size, source=source)
    made: dict[str, Callable[[], object]] = {
        "start_run": lambda: calls.start_run(bench.info()),
        "log_params": lambda: calls.log_params(ref, (Param("a", 1, BEGAN),)),
        "log_metrics": lambda: calls.log_metrics(ref, (point("a", 0.5, 1),), Batch(start=0)),
        "set_tags": lambda: calls.set_tags(ref, (Tag("a", "b", BEGAN),)),
        "log_artifact": lambda: calls.log_artifact(ref, Artifact(name="a", type="file", time=BEGAN, files=(file,))),
        "log_environment": lambda: calls.log_environment(ref, {"host": "a"}),
        "finish_run": lambda: calls.finish_run(ref, RunEnd(status="finished", time=BEGAN)),
    }
    return {hook: call for hook, call in made.items() if calls.can(hook)}


def _with_password(url: str) -> str | None:
    """Return a URL with user-info, where it has a place for it."""
    if "//" not in url:
        return None
    return re.sub(r"//(?:[^/@]*@)?", f"//somebody:{_PASSWORD}@", url, count=1)


@contextlib.contextmanager
def _logged() -> Iterator[list[str]]:
    """Gather what is logged by anybody."""
    lines: list[str] = []

    class Lines(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            lines.append(self.format(record))

    handler = Lines(logging.DEBUG)
    logging.getLogger("").addHandler(handler)
    try:
        yield lines
    finally:
        logging.getLogger("").removeHandler(handler)
