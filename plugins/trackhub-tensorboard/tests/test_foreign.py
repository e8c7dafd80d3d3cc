"""Read what others write: tensorboardX, TensorBoard's own writer, and every kind of summary there is."""

from __future__ import annotations

import io
import json
import math
import struct
import wave
from pathlib import Path

import numpy as np
import pytest
from google.protobuf import json_format
from PIL import Image
from tensorboard.compat.proto.event_pb2 import Event, LogMessage, SessionLog, TaggedRunMetadata
from tensorboard.compat.proto.summary_pb2 import Summary, SummaryMetadata
from tensorboard.plugins.histogram.metadata import create_summary_metadata as histogram_metadata
from tensorboard.plugins.hparams.plugin_data_pb2 import HParamsPluginData, SessionStartInfo
from tensorboard.plugins.scalar.metadata import create_summary_metadata as scalar_metadata
from tensorboard.summary.writer.event_file_writer import EventFileWriter
from tensorboard.util.tensor_util import make_tensor_proto
from tensorboardX import SummaryWriter
from trackhub_tensorboard.framing import framed

from trackhub.errors import Rejected, SettingsError
from trackhub.model.entities import MetricPoint

SECOND = 1_000_000_000


@pytest.fixture
def write(logs):
    """Return a function that writes events into a run, as TensorBoard's own writer does."""

    def write(run: str, *events: Event, suffix: str = "") -> Path:
        writer = EventFileWriter(str(logs / run), filename_suffix=suffix)
        for event in events:
            writer.add_event(event)
        writer.close()
        [path] = (
            (logs / run).glob(f"events.out.tfevents.*{suffix}")
            if suffix
            else sorted((logs / run).glob("*tfevents*"))[-1:]
        )
        return path

    return write


def scalar(tag, value, step=0, wall=1_600_000_000.0):
    return Event(wall_time=wall, step=step, summary=Summary(value=[Summary.Value(tag=tag, simple_value=value)]))


def tensor(tag, value, step=0, metadata=None, wall=1_600_000_000.0):
    held = Summary.Value(tag=tag, tensor=make_tensor_proto(value), metadata=metadata)
    return Event(wall_time=wall, step=step, summary=Summary(value=[held]))


def plugin(name):
    return SummaryMetadata(plugin_data=SummaryMetadata.PluginData(plugin_name=name))


def png(color):
    made = io.BytesIO()
    Image.new("RGB", (4, 3), color).save(made, "PNG")
    return made.getvalue()


def files(backend, ref, tmp_path):
    held = {}
    for file in backend.trackhub_list_artifacts(ref):
        backend.trackhub_download_artifact(ref, file.path, str(tmp_path / "target"))
        held[file.path] = (tmp_path / "target").read_bytes()
        assert file.size in {None, len(held[file.path])}
    return held


def columns(backend, ref):
    return {one.name: one for one in backend.trackhub_read_columns(ref)}


def test_scalars_of_tensorboardx(backend, logs):
    """Steps that repeat, fall and are negative, NaN and infinity, and seconds: as they are in the files."""
    rows = [(1, 0.5), (2, math.nan), (2, math.inf), (-7, -math.inf), (2**40, 0.1)]
    with SummaryWriter(str(logs / "exp" / "train")) as writer:
        for at, (step, value) in enumerate(rows):
            writer.add_scalar("loss/total", value, step, walltime=1_600_000_000 + at / 4)
    [record] = backend.trackhub_search_runs("old")
    assert (record.name, record.project, record.status, record.points) == ("exp/train", "old", "finished", 5)
    assert record.started == 1_600_000_000 * SECOND
    assert record.ended == 1_600_000_001 * SECOND
    [series] = backend.trackhub_read_columns(record.ref)
    assert series.step.tolist() == [step for step, _ in rows]
    np.testing.assert_array_equal(series.value, [float(np.float32(value)) for _, value in rows])
    assert series.time.tolist() == [1_600_000_000 * SECOND + at * SECOND // 4 for at in range(5)]
    assert len(backend.trackhub_read_metrics(record.ref)) == 5


def test_numbers_in_tensors(backend, write):
    """TensorFlow 2 keeps scalars in tensors of any type; integers and flags stay what they are."""
    given = {
        "f8": np.float64(0.1),
        "f4": np.float32(0.1),
        "f2": np.float16(0.5),
        "i8": np.int64(2**60),
        "b": np.bool_(True),
    }
    write("r", *(tensor(name, value, 3, scalar_metadata(name, "")) for name, value in given.items()), tensor("bare", 7))
    [record] = backend.trackhub_search_runs("p")
    assert record.metrics == {
        "f8": 0.1, "f4": float(np.float32(0.1)), "f2": 0.5, "i8": 2**60, "b": True, "bare": 7
    }  # fmt: skip
    assert type(record.metrics["b"]) is bool
    read = columns(backend, record.ref)
    assert {name: one.value.dtype.kind for name, one in read.items()} == {
        "f8": "f", "f4": "f", "f2": "f", "i8": "i", "b": "b", "bare": "i"
    }  # fmt: skip


def test_values_of_several_types_in_one_series(backend, write):
    """A series that changes its type is read value by value."""
    values = (np.int64(3), np.float64(0.5), np.bool_(False))
    write(
        "r", *(tensor("x", value, at, scalar_metadata("x", "")) for at, value in enumerate(values)), scalar("x", 2.5, 3)
    )
    [record] = backend.trackhub_search_runs("p")
    time = 1_600_000_000 * SECOND
    assert backend.trackhub_read_metrics(record.ref) == tuple(
        MetricPoint("x", value, step, time) for step, value in enumerate((3, 0.5, False, 2.5))
    )


def test_hparams_of_tensorboardx(backend, logs):
    """Hyperparameters are params of their types, in the run that the writer made for them; so is its status."""
    with SummaryWriter(str(logs)) as writer:
        writer.add_hparams({"lr": 0.1, "optimizer": "adam", "bias": True}, {"accuracy": 0.5}, name="try")
    [record] = [one for one in backend.trackhub_search_runs("p") if one.params]
    assert record.name == "try"
    assert record.params == {"lr": 0.1, "optimizer": "adam", "bias": True}
    assert record.metrics == {"accuracy": 0.5}
    assert record.status == "finished"
    assert not [note for note in record.notes if note.subject == "status"]


def test_hparams_of_every_type(backend, write):
    """Texts, flags, numbers, lists and nothing; of a second value, TensorBoard shows the first, and so is it told."""
    starts = []
    for lr in (0.1, 0.2, 0.1):
        hparams = {"lr": lr, "opt": "a", "on": True, "none": None, "sizes": [1, "x"]}
        start = json_format.ParseDict({"groupName": "sweep", "hparams": hparams}, SessionStartInfo())
        content = HParamsPluginData(session_start_info=start).SerializeToString()
        data = SummaryMetadata.PluginData(plugin_name="hparams", content=content)
        value = Summary.Value(tag="_hparams_/session_start_info", metadata=SummaryMetadata(plugin_data=data))
        starts.append(Event(wall_time=1.6e9, summary=Summary(value=[value])))
    rotten = SummaryMetadata.PluginData(plugin_name="hparams", content=b"\xff")
    starts[2].summary.value[0].metadata.plugin_data.CopyFrom(rotten)
    write("r", *starts)
    [record] = backend.trackhub_search_runs("p")
    assert record.params == {"lr": 0.1, "opt": "a", "on": True, "none": None, "sizes": [1.0, "x"]}
    assert record.group == "sweep"
    assert [file.path for file in backend.trackhub_list_artifacts(record.ref)] == [
        "tensors/_hparams_/session_start_info.jsonl"
    ]
    assert [note.subject for note in record.notes] == ["hparam lr", "status"]


def test_everything_else_of_tensorboardx(backend, logs, tmp_path):
    """Images, sounds, texts, histograms and curves are files: nothing that was written is left out."""
    pixels = np.zeros((3, 5, 7), np.uint8)
    with SummaryWriter(str(logs / "r")) as writer:
        for step in (1, 2, 2):
            writer.add_image("sample", pixels, step)
        writer.add_text("about me", "**hi**", 4)
        writer.add_histogram("weights", np.arange(100.0), 5)
        writer.add_histogram("weights", np.arange(100.0), 6)
        writer.add_pr_curve("pr", np.array([0, 1, 1]), np.array([0.1, 0.6, 0.9]), 7)
        writer.add_scalar("loss", 0.5, 1)
    [record] = backend.trackhub_search_runs("p")
    held = files(backend, record.ref, tmp_path)
    [text] = [path for path in held if path.startswith("text/about me")]  # tensorboardX adds to the tag
    assert sorted(held) == sorted(
        [
            "histograms/weights.jsonl",
            "images/sample/1.png",
            "images/sample/2-2.png",
            "images/sample/2.png",
            "tensors/pr.jsonl",
            text,
        ]
    )
    assert Image.open(io.BytesIO(held["images/sample/1.png"])).size == (7, 5)
    assert held[text] == b"**hi**"
    lines = [json.loads(line) for line in held["histograms/weights.jsonl"].splitlines()]
    assert [line["step"] for line in lines] == [5, 6]
    assert (lines[0]["num"], lines[0]["sum"]) == (100, 4950)
    [curve] = map(json.loads, held["tensors/pr.jsonl"].splitlines())
    assert curve["plugin"] == "pr_curves"
    assert len(curve["value"]) == 6
    assert record.metrics == {"loss": 0.5}


def test_everything_that_a_file_of_events_can_hold(backend, write, tmp_path):
    """Tensors of TensorFlow 2, graphs, messages and marks: each has its file or its note."""
    sound = io.BytesIO()
    with wave.open(sound, "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(8000)
        out.writeframes(struct.pack("<4h", 0, 1, 2, 3))
    red, blue = png((255, 0, 0)), png((0, 0, 255))
    write(
        "r",
        tensor("pic", [b"4", b"3", red, blue], 1, plugin("images")),
        tensor("say", [[sound.getvalue(), b"a label"], [sound.getvalue(), b""]], 2, plugin("audio")),
        tensor("note", b"hello", 3, plugin("text")),
        tensor("table", [[b"a", b"b"], [b"c", b"\xff"]], 3, plugin("text")),
        tensor("weights", np.ones((2, 3)), 4, histogram_metadata("weights", "")),
        tensor("cloud", np.zeros((1, 2, 3), np.float32), 5, plugin("mesh")),
        tensor("later", b"one", 6, plugin("text")),
        tensor("later", b"two", 7),
        Event(wall_time=1.6e9, graph_def=b"graph"),
        Event(wall_time=1.6e9, meta_graph_def=b"meta"),
        Event(wall_time=1.6e9, tagged_run_metadata=TaggedRunMetadata(tag="step 1", run_metadata=b"meta")),
        Event(wall_time=1.6e9, log_message=LogMessage(level=LogMessage.WARN, message="careful")),
        Event(wall_time=1.6e9, step=9, session_log=SessionLog(status=SessionLog.START)),
    )
    [record] = backend.trackhub_search_runs("p")
    held = files(backend, record.ref, tmp_path)
    lines = {path: [json.loads(one) for one in data.splitlines()] for path, data in held.items() if path.endswith("l")}
    assert {path: data for path, data in held.items() if path not in lines} == {
        "images/pic/1.png": red,
        "images/pic/1-2.png": blue,
        "audio/say/2.wav": sound.getvalue(),
        "audio/say/2.txt": b"a label",
        "audio/say/2-2.wav": sound.getvalue(),
        "text/note/3.md": b"hello",
        "text/later/6.md": b"one",
        "text/later/7.md": b"two",
        "graph.pb": b"graph",
        "meta_graph.pb": b"meta",
        "run_metadata/step 1.pb": b"meta",
    }
    assert lines["tensors/table.jsonl"][0]["value"] == [["a", "b"], ["c", {"base64": "/w=="}]]
    assert lines["histograms/weights.jsonl"][0]["value"] == [[1.0] * 3] * 2
    assert lines["tensors/cloud.jsonl"][0]["shape"] == [1, 2, 3]
    assert lines["log_messages.jsonl"][0]["message"] == "careful"
    assert ("left", "session_log") in [(note.kind, note.subject) for note in record.notes]


def test_a_folder_is_a_run(backend, write, logs):
    """Each folder with event files is a run of its relative path; the root is one of its own name."""
    write("", scalar("a", 1.0))
    write("exp/train", scalar("a", 1.0))
    write("exp/test", scalar("a", 1.0))
    assert sorted(record.name for record in backend.trackhub_search_runs("p")) == ["exp/test", "exp/train", logs.name]


def test_a_project_is_needed(backend, write):
    """Old logs say nothing of projects; the one that is asked for is theirs, and without one that is said."""
    write("r", scalar("a", 1.0))
    with pytest.raises(SettingsError, match="--project"):
        backend.trackhub_search_runs(None)
    assert [record.project for record in backend.trackhub_search_runs("mine")] == ["mine"]


def test_a_run_that_grows_stays_the_same_run(open_at, write, logs, tmp_path):
    """More files, or a moved folder, change neither its id nor the order of what was there."""
    write("r", scalar("a", 1.0, 1), suffix=".1")
    [before] = open_at().trackhub_search_runs("p")
    write("r", scalar("a", 2.0, 2), scalar("b", 3.0, 1), suffix=".2")
    moved = logs.rename(tmp_path / "elsewhere")
    backend = open_at(moved)
    [after] = backend.trackhub_search_runs("p")
    assert (after.id, after.name) == (before.id, before.name)
    assert [point.value for point in backend.trackhub_read_metrics(after.ref)] == [1.0, 2.0, 3.0]
    assert backend.trackhub_read_run(after.id, "p") == after


def test_a_run_is_read_again_once_it_has_grown(backend, write):
    """What was read before is used only while the files are as they were."""
    path = write("r", scalar("a", 1.0, 1))
    [record] = backend.trackhub_search_runs("p")
    with path.open("ab") as file:
        file.write(framed(scalar("a", 2.0, 2).SerializeToString()))
    assert [point.value for point in backend.trackhub_read_metrics(record.ref)] == [1.0, 2.0]


def test_damage_is_told(backend, write):
    """A torn end, a flipped bit and a record that is no event cost themselves, and are told with their place."""
    path = write("r", *(scalar("a", float(at), at) for at in range(9)))
    data = bytearray(path.read_bytes())
    size = len(framed(scalar("a", 1.0, 1).SerializeToString()))
    data[-3 * size - 20] ^= 1  # in a payload
    torn = bytes(data) + framed(b"no event \xff") + framed(scalar("a", 9.0, 9).SerializeToString())[:-2]
    path.write_bytes(torn)
    [record] = backend.trackhub_search_runs("p")
    held = [point.step for point in backend.trackhub_read_metrics(record.ref)]
    assert held == [0, 1, 2, 3, 4, 6, 7, 8]
    told = [note.detail for note in record.notes if note.kind == "damaged"]
    assert len(told) == 3
    assert all(note.subject == path.name for note in record.notes if note.kind == "damaged")
    assert f"byte {len(torn) - size + 2}" in told[2]


def test_a_length_that_is_damaged_ends_the_file(backend, write):
    """Nothing leads behind it; how much is not read is told."""
    path = write("r", *(scalar("a", float(at), at) for at in range(9)))
    data = bytearray(path.read_bytes())
    size = len(framed(scalar("a", 1.0, 1).SerializeToString()))
    data[-3 * size] ^= 1
    path.write_bytes(data)
    [record] = backend.trackhub_search_runs("p")
    assert record.points == 6
    assert [note.detail for note in record.notes if note.kind == "damaged"] == [
        f"the checksum of a length is wrong at byte {len(data) - 3 * size}; {3 * size} bytes are not read"
    ]


def test_numbers_that_json_lacks(backend, write):
    """NaN and infinity among hyperparameters are read."""
    start = SessionStartInfo()
    start.hparams["nan"].number_value = math.nan
    start.hparams["inf"].number_value = -math.inf
    content = HParamsPluginData(session_start_info=start).SerializeToString()
    data = SummaryMetadata.PluginData(plugin_name="hparams", content=content)
    write("r", tensor("_hparams_/session_start_info", 0.0, 0, SummaryMetadata(plugin_data=data)))
    [record] = backend.trackhub_search_runs("p")
    assert str(record.params) in {"{'nan': nan, 'inf': -inf}", "{'inf': -inf, 'nan': nan}"}


def test_a_file_that_cannot_be_opened(backend, write, monkeypatch):
    """It is told, and hides no other."""
    write("r", scalar("a", 1.0), suffix=".1")
    shut = write("r", scalar("a", 2.0), suffix=".2")
    real = Path.open

    def refuse(path, *arguments):
        if path == shut:
            raise PermissionError(13, "Permission denied", str(path))
        return real(path, *arguments)

    monkeypatch.setattr(Path, "open", refuse)
    [record] = backend.trackhub_search_runs("p")
    assert record.metrics == {"a": 1.0}
    assert ("unreadable", shut.name) in [(note.kind, note.subject) for note in record.notes]


def test_files_without_data_are_no_runs(backend, write, logs):
    """An empty event file, and one with nothing but its version, are told and make no run."""
    (logs / "none").mkdir(parents=True)
    (logs / "none" / "events.out.tfevents.1.host").touch()
    write("version")
    assert backend.trackhub_search_runs("p") == ()
    assert sorted(note.subject for note in backend.trackhub_read_notes()) == ["none", "version"]


def test_a_folder_that_is_not_there(open_at, tmp_path):
    """Nothing is found, and that is told: a name may be mistyped."""
    backend = open_at(tmp_path / "typo")
    assert backend.trackhub_search_runs("p") == ()
    [note] = backend.trackhub_read_notes()
    assert note.subject == str(tmp_path / "typo")


def test_links_are_followed_once(backend, write, logs):
    """TensorBoard follows links, and so does the reader; a circle has an end."""
    write("r", scalar("a", 1.0))
    (logs / "r" / "circle").symlink_to(logs)
    assert [record.name for record in backend.trackhub_search_runs("p")] == ["r"]


def test_runs_of_both_kinds(backend, info, write, logs):
    """Ours know their project; an event file of others in one of our runs is told, and left."""
    ref = backend.trackhub_start_run(info())
    write("old", scalar("a", 1.0))
    stranger = write(ref.id, scalar("a", 1.0), suffix=".theirs")
    found = {record.name: record for record in backend.trackhub_search_runs("digits")}
    assert sorted(found) == ["forest", "old"]
    assert [note.subject for note in found["forest"].notes] == [stranger.name]
    assert [record.name for record in backend.trackhub_search_runs("else")] == ["old"]


def test_a_copy_of_our_run_is_told(backend, info, logs):
    """One id is one run; the copy is named."""
    import shutil

    ref = backend.trackhub_start_run(info())
    shutil.copytree(logs / ref.id, logs / "z-copy")
    assert len(backend.trackhub_search_runs(None)) == 1
    assert [note.subject for note in backend.trackhub_read_notes()] == ["z-copy"]


def test_a_file_that_is_not_listed(backend, write, tmp_path):
    """It is refused, and nothing is written."""
    write("r", scalar("a", 1.0))
    [record] = backend.trackhub_search_runs("p")
    with pytest.raises(Rejected, match="no file 'x'"):
        backend.trackhub_download_artifact(record.ref, "x", str(tmp_path / "target"))
    assert not (tmp_path / "target").exists()
