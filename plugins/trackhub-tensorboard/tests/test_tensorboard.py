"""Ask the real TensorBoard over HTTP what it shows, with both of its readers: the data server and the Python one."""

from __future__ import annotations

import io
import math
from typing import Any

import pytest
from PIL import Image

from trackhub.model.entities import Batch, MetricPoint, Param, RunEnd, Tag

BEGAN = 1_700_000_000_000_000_000
SECOND = 1_000_000_000


def series(name: str, *steps: Any) -> tuple[MetricPoint, ...]:
    return tuple(MetricPoint(name, at + 0.5, step, BEGAN + at * SECOND) for at, step in enumerate(steps))


def give(backend: Any, info: Any, *points: MetricPoint, **fields: Any) -> Any:
    ref = backend.trackhub_start_run(info(**fields))
    backend.trackhub_log_metrics(ref, points, Batch(start=0))
    return ref


def shown(tensorboard: Any, run: str, count: int) -> dict[str, list[tuple[int, Any]]]:
    board = tensorboard()
    charts = board.until(board.charts, lambda all_: sum(map(len, all_.get(run, {}).values())) >= count)
    return charts[run]


def test_scalars_are_shown_at_their_steps(tensorboard, backend, info):
    """A plain training looks as it was: each run under its project and name, each metric under its own."""
    points = [MetricPoint(name, 1 / (at + 1), at, BEGAN + at) for at in range(40) for name in ("train/loss", "acc")]
    give(backend, info, *points)
    wanted = [(at, pytest.approx(1 / (at + 1), rel=1e-7)) for at in range(40)]
    assert shown(tensorboard, "digits/forest", 80) == {"acc": wanted, "train/loss": wanted}


def test_no_point_is_hidden(tensorboard, backend, info):
    """TensorBoard forgets what a step that came again replaces; every point is drawn, at its step in another chart."""
    give(backend, info, *series("back", 1, 2, 3, 2, 3, 4, 5), *series("again", 7, 7, 7))
    assert shown(tensorboard, "digits/forest", 10) == {
        "again": [(7, 0.5)],
        "again#2": [(7, 1.5)],
        "again#3": [(7, 2.5)],
        "back": [(1, 0.5), (2, 1.5), (3, 2.5), (4, 5.5), (5, 6.5)],
        "back#2": [(2, 3.5), (3, 4.5)],
    }


def test_a_step_that_comes_a_hundred_times_is_all_shown(tensorboard, backend, info):
    """The last chart draws what is left one after the other."""
    give(backend, info, *series("loss", *[1] * 100))
    charts = shown(tensorboard, "digits/forest", 100)
    assert sorted(charts) == ["loss", *(f"loss#{turn}" for turn in range(2, 9))]
    assert charts["loss#8"] == [(1 + at, 7.5 + at) for at in range(93)]


def test_steps_that_are_no_integers(tensorboard, backend, info):
    """A missing step is the point's place in its series; fractions go up by one at least."""
    give(backend, info, *series("none", None, None, None), *series("part", 0.25, 0.5, 7.75), *series("low", -5, 2**62))
    assert shown(tensorboard, "digits/forest", 8) == {
        "low": [(-5, 0.5), (2**62, 1.5)],
        "none": [(0, 0.5), (1, 1.5), (2, 2.5)],
        "part": [(0, 0.5), (1, 1.5), (7, 2.5)],
    }


def test_values_that_are_no_plain_floats(tensorboard, backend, info):
    """NaN and infinity are shown as such, integers and flags as numbers, all within 32 bits."""
    values = (math.nan, math.inf, -math.inf, 1e300, 3, True, 2**70, 10**400)
    points = [MetricPoint("odd", value, at, BEGAN) for at, value in enumerate(values)]
    give(backend, info, *points)
    held = [value for _, value in shown(tensorboard, "digits/forest", 8)["odd"]]
    assert held == ["NaN", "Infinity", "-Infinity", "Infinity", 3, 1, 2.0**70, "Infinity"]


def test_names_stay_apart(tensorboard, backend, info):
    """Whatever a metric is called, it has a chart of its own, which no tag, file or other metric shares."""
    names = [
        "A",
        "a",
        "/",
        "a//b",
        "é",
        "#",
        "loss",
        "loss#2",
        "metric:x",
        "tags/owner",
        "\0",
        "line\nbreak",
        "n" * 500,
        "",
    ]
    points = [MetricPoint(name, at + 0.5, step, BEGAN) for step in (1, 1) for at, name in enumerate(names)]
    ref = give(backend, info, *points)
    backend.trackhub_set_tags(ref, (Tag("owner", "me", BEGAN),))
    charts = shown(tensorboard, "digits/forest", 28)
    assert sorted(value for held in charts.values() for _, value in held) == sorted(point.value for point in points)
    assert len(charts) == 28
    assert {"A", "a", "loss", "loss#2", "loss#2#1", "metric:tags/owner", "metric:tags/owner#2"} <= set(charts)


def test_the_hparams_page(tensorboard, backend, info):
    """Params are columns of their types, an end is a status; what JSON has no number for breaks nothing."""
    odd = {"nan": math.nan, "none": None, "sizes": [1, 2], "large": 2**80, "huge": 10**400}
    for at, status in enumerate(("finished", "crashed", None)):
        ref = give(backend, info, *series("loss", 1, 2), name=f"n{at}")
        values = {"lr": 0.1 * at, "model.depth": 4, "opt": "adam", "aug": at == 1, **odd}
        backend.trackhub_log_params(ref, tuple(Param(name, value, BEGAN) for name, value in values.items()))
        if status is not None:
            backend.trackhub_finish_run(ref, RunEnd(status=status, time=BEGAN + 9 * SECOND))
    board = tensorboard()
    body = {"experimentName": "", "startIndex": 0, "sliceSize": 10, "colParams": [], "allowedStatuses": STATUSES}

    def ask():
        board.post("/data/plugin/hparams/experiment", {"experimentName": "", "hparamsLimit": 0})
        return board.post("/data/plugin/hparams/session_groups", body)["sessionGroups"]

    groups = {group["name"]: group for group in board.until(ask, lambda found: len(found) == 3)}
    first = groups["digits/n1"]["hparams"]
    assert {key: first[key] for key in ("lr", "model.depth", "opt", "aug")} == {
        "lr": 0.1,
        "model.depth": 4,
        "opt": "adam",
        "aug": True,
    }
    assert {key: first[key] for key in odd} == {
        "nan": "NaN",
        "none": "null",
        "sizes": "[1, 2]",
        "large": 2.0**80,
        "huge": str(10**400),
    }
    states = {name: group["sessions"][0].get("status") for name, group in groups.items()}
    assert states["digits/n0"] == "STATUS_SUCCESS"
    assert states["digits/n1"] == "STATUS_FAILURE"
    assert states["digits/n2"] in {None, "STATUS_UNKNOWN"}
    assert groups["digits/n0"]["sessions"][0]["metricValues"][0]["value"] == 1.5


STATUSES = ["STATUS_UNKNOWN", "STATUS_SUCCESS", "STATUS_FAILURE", "STATUS_RUNNING"]


def test_texts_and_images(tensorboard, backend, info, artifact):
    """Tags, the environment and the end are texts; images and short texts among the artifacts are shown."""
    ref = give(backend, info, *series("loss", 1))
    backend.trackhub_set_tags(ref, (Tag("owner", "me", BEGAN),))
    backend.trackhub_set_tags(ref, (Tag("owner", "**you**", BEGAN),))
    backend.trackhub_log_environment(ref, {"git": {"commit": "abc"}})
    backend.trackhub_log_artifact(ref, artifact("notes.md", {"notes.md": b"# Hello"}))
    backend.trackhub_log_artifact(ref, artifact("page", {"a/page.html": b"<b>x</b> ``` y"}))
    backend.trackhub_log_artifact(ref, artifact("model.bin", {"model.bin": b"\x89PNG but no image"}))
    pictures = {}
    for kind in ("PNG", "JPEG", "GIF"):
        made = io.BytesIO()
        Image.new("RGB", (30, 20), (255, 0, 0)).save(made, kind)
        pictures[f"cm.{kind.lower()}"] = made.getvalue()
        backend.trackhub_log_artifact(ref, artifact(f"cm.{kind.lower()}", {f"cm.{kind.lower()}": made.getvalue()}))
    backend.trackhub_finish_run(ref, RunEnd(status="failed", time=BEGAN, reason="ValueError: x"))
    board, run = tensorboard(), "digits/forest"

    texts = board.until(lambda: board.get("/data/plugin/text/tags"), lambda found: len(found.get(run, ())) == 6)
    assert sorted(texts[run]) == [
        "about/end",
        "about/environment",
        "about/run",
        "artifacts/notes.md",
        "artifacts/page/a/page.html",
        "tags/owner",
    ]
    text = {tag: board.get("/data/plugin/text/text", run=run, tag=tag) for tag in texts[run]}
    assert [one["step"] for one in text["tags/owner"]] == [0, 1]
    assert "<strong>you</strong>" in text["tags/owner"][1]["text"]
    assert "<h1>Hello</h1>" in text["artifacts/notes.md"][0]["text"]
    assert "&lt;b&gt;x&lt;/b&gt; ``` y" in text["artifacts/page/a/page.html"][0]["text"]
    assert "ValueError: x" in text["about/end"][0]["text"]
    assert "abc" in text["about/environment"][0]["text"]

    images = board.until(lambda: board.get("/data/plugin/images/tags"), lambda found: len(found.get(run, ())) == 3)
    assert sorted(images[run]) == [f"artifacts/{name}" for name in sorted(pictures)]
    for name, content in pictures.items():
        [one] = board.get("/data/plugin/images/images", run=run, tag=f"artifacts/{name}", sample=0)
        kind, served = board.bytes(f"/data/plugin/images/individualImage?{one['query']}")
        assert (kind, served) == (f"image/{name.partition('.')[2]}", content)


def test_a_run_that_is_written_while_it_is_read(tensorboard, open_at, info):
    """TensorBoard follows a run through a delivery that dies within a write, and the one that goes on."""
    started = info()
    first = open_at()
    ref = first.trackhub_start_run(started)
    first.trackhub_log_metrics(ref, series("loss", 0, 1, 2), Batch(start=0))
    board, run = tensorboard(), "digits/forest"
    assert len(board.until(lambda: board.chart(run, "loss"), lambda held: len(held) == 3)) == 3

    more = tuple(MetricPoint("loss", at + 0.5, at, BEGAN + at * SECOND) for at in range(3, 9))
    first.trackhub_log_metrics(ref, more, Batch(start=3))
    folder = first._root / ref.id
    [stream] = folder.glob("events*.trackhub")
    with stream.open("r+b") as file:
        file.truncate(stream.stat().st_size - 100)  # as a kill within the write leaves it

    second = open_at()
    second.trackhub_start_run(started)
    second.trackhub_log_metrics(ref, more, Batch(start=3, redelivered=True))
    second.trackhub_log_params(ref, (Param("lr", 0.1, BEGAN),))
    held = board.until(lambda: board.chart(run, "loss"), lambda held: len(held) >= 9)
    assert held == [(at, at + 0.5) for at in range(9)]
