"""Check where runs and files lie: plainly named, never shared, and out of TensorBoard's and the reader's way."""

from __future__ import annotations

import pytest
from trackhub_tensorboard.plugin import open_backend

from trackhub.backend import Destination, Options
from trackhub.errors import Rejected, RetryLater, SettingsError
from trackhub.model.entities import MetricPoint, Param, RunRef, Tag


def content(backend, ref, tmp_path):
    held = {}
    for file in backend.trackhub_list_artifacts(ref):
        backend.trackhub_download_artifact(ref, file.path, str(tmp_path / "target"))
        held[file.artifact, file.file, file.version] = (tmp_path / "target").read_bytes()
    return held


def test_files_lie_under_their_names(backend, info, artifact, logs):
    """A person finds an artifact in the run's folder, each version by itself."""
    ref = backend.trackhub_start_run(info())
    backend.trackhub_log_artifact(ref, artifact("cm.png", {"cm.png": b"1"}))
    backend.trackhub_log_artifact(ref, artifact("cm.png", {"cm.png": b"2"}, version=2))
    backend.trackhub_log_artifact(ref, artifact("net", {"layers/one.bin": b"3", "two.bin": b"4"}))
    backend.trackhub_log_artifact(ref, artifact("net", {"two.bin": b"5"}, version=2))
    shelf = logs / "digits" / "forest" / "artifacts"
    assert {path.relative_to(shelf).as_posix(): path.read_bytes() for path in shelf.rglob("*") if path.is_file()} == {
        "cm.png": b"1",
        "cm@v2.png": b"2",
        "net/layers/one.bin": b"3",
        "net/two.bin": b"4",
        "net@v2/two.bin": b"5",
    }


def test_names_that_become_one_on_disk(backend, info, artifact, tmp_path):
    """Files whose names a file system cannot hold, or that meet another, are kept apart."""
    ref = backend.trackhub_start_run(info())
    given = {
        ("a:b", "a:b"): b"1",
        ("a?b", "a?b"): b"2",
        ("a_b", "a_b"): b"3",
        ("c", "c"): b"4",
        ("c", "c", 2): b"5",
        ("c@v2", "c@v2"): b"6",
        ("d", "d/e"): b"7",
        ("e/events.out.tfevents.1", "x"): b"8",
        ("e/events.out.tfevents.1", "x", 2): b"9",
        ("..", "..."): b"10",
        ("con", "aux.txt"): b"11",
    }
    for (name, path, *version), data in given.items():
        backend.trackhub_log_artifact(ref, artifact(name, {path: data}, *version))
    wanted = {(key[0], key[1], key[2] if len(key) > 2 else 1): data for key, data in given.items()}
    assert content(backend, ref, tmp_path) == wanted


def test_an_artifact_of_many_images(backend, info, artifact, monkeypatch):
    """What is beyond a limit is kept and not shown, and that is told."""
    import io

    from PIL import Image
    from trackhub_tensorboard import writing

    made = io.BytesIO()
    Image.new("RGB", (9, 9)).save(made, "PNG")
    monkeypatch.setattr(writing, "LARGEST_SHOW", 1000)
    ref = backend.trackhub_start_run(info())
    [note] = backend.trackhub_log_artifact(ref, artifact("set", {f"{at}.png": made.getvalue() for at in range(20)}))
    assert note.subject == "set"
    assert int(note.detail.split()[0]) in range(10, 20)
    assert len(backend.trackhub_list_artifacts(ref)) == 20


def test_an_artifact_that_is_called_as_an_event_file(backend, info, artifact, logs):
    """It is no run, to TensorBoard or to the reader."""
    ref = backend.trackhub_start_run(info())
    backend.trackhub_log_artifact(ref, artifact("old", {"logs/events.out.tfevents.1.host": b"x", "y": b"y"}))
    assert [record.name for record in backend.trackhub_search_runs("digits")] == ["forest"]
    found = [path.name for path in logs.rglob("*tfevents*")]
    assert all((logs / ref.id / name).is_file() for name in found)


def test_a_file_that_is_not_what_was_logged(backend, info, artifact):
    """Bytes that changed since are not delivered as those that were logged."""
    ref = backend.trackhub_start_run(info())
    made = artifact("a", {"a": b"before"})
    made.files[0].source.write_bytes(b"behind")
    with pytest.raises(RetryLater, match="its bytes are not those"):
        backend.trackhub_log_artifact(ref, made)
    assert backend.trackhub_list_artifacts(ref) == ()


def test_runs_whose_names_meet(backend, info):
    """The second run of a name gets its id's end; one whose name looks like that is a third."""
    first, second = info(), info()
    places = [backend.trackhub_start_run(run).id for run in (first, second)]
    places += [
        backend.trackhub_start_run(info(name=name)).id for name in (f"forest-{second.id[-8:]}", "for/est", "for_est")
    ]
    assert places[:2] == ["digits/forest", f"digits/forest-{second.id[-8:]}"]
    assert len(set(places)) == 5
    assert places[3:] == ["digits/for/est", "digits/for_est"]
    assert sorted(record.ref.id for record in backend.trackhub_search_runs("digits")) == sorted(places)


def test_runs_within_runs(backend, info, artifact):
    """A name with slashes is a path; a run in another's folder is no part of it, whatever it is called."""
    names = [
        "exp/train",
        "exp",
        "exp/artifacts",
        "exp/Artifacts/x",
        "exp/artifacts_",
        "a" * 300,
        "/".join("b" * 30),
        "c/",
    ]
    given = {name: backend.trackhub_start_run(info(name=name, project="team/digits")) for name in names}
    for name, ref in given.items():
        backend.trackhub_log_artifact(ref, artifact("x", {"train/x": name.encode()}))
    found = {record.name: record.ref.id for record in backend.trackhub_search_runs("team/digits")}
    assert found == {name: ref.id for name, ref in given.items()}
    assert found["exp/train"] == "team/digits/exp/train"


def test_a_folder_of_others_is_left_alone(backend, info, logs):
    """A run is not written into a folder that somebody uses; an empty one is taken."""
    (logs / "digits" / "forest").mkdir(parents=True)
    (logs / "digits" / "forest" / "mine.txt").write_text("mine")
    (logs / "digits" / "empty").mkdir()
    assert backend.trackhub_start_run(info()).id != "digits/forest"
    assert backend.trackhub_start_run(info(name="empty")).id == "digits/empty"
    assert [path.name for path in (logs / "digits" / "forest").iterdir()] == ["mine.txt"]


def test_a_start_that_was_killed_leaves_nothing_in_the_way(open_at, info, logs):
    """A folder that was being made is not a run, and another start makes it."""
    run = info()
    left = logs / "digits" / f".new-{run.id}-1"
    left.mkdir(parents=True)
    (left / "events.out.tfevents.0000000001.host.1.trackhub").write_bytes(b"half")
    assert open_at().trackhub_start_run(run).id == "digits/forest"
    assert not left.exists()
    assert [record.id for record in open_at().trackhub_search_runs(None)] == [run.id]


def test_a_run_that_was_removed_is_said(backend, info):
    """A folder that is gone is not silently begun anew by a batch."""
    with pytest.raises(RetryLater, match="no folder of a run"):
        backend.trackhub_set_tags(RunRef(id="digits/gone"), (Tag("a", "b", 0),))
    with pytest.raises(RetryLater, match="no folder of a run"):
        backend.trackhub_set_tags(RunRef(id="../outside"), (Tag("a", "b", 0),))


def test_texts_that_no_file_can_hold(backend, info):
    """Half of a surrogate pair is refused for good, and nothing of the call is there."""
    from trackhub.model.entities import Batch

    ref = backend.trackhub_start_run(info())
    half = "\ud800"
    calls = (
        lambda: backend.trackhub_set_tags(ref, (Tag("a", "b", 0), Tag("c", half, 0))),
        lambda: backend.trackhub_set_tags(ref, (Tag(half, "c", 0),)),
        lambda: backend.trackhub_log_params(ref, (Param("a", 1, 0), Param("b", [half], 0))),
        lambda: backend.trackhub_log_metrics(ref, (MetricPoint(half, 0.5, 1, 0),), Batch(start=0)),
        lambda: backend.trackhub_log_environment(ref, {"host": half}),
    )
    for call in calls:
        with pytest.raises(Rejected):
            call()
    record = backend.trackhub_read_run(f"{1:032x}", None)
    assert (record.params, record.tags, record.points, record.environment) == ({}, {}, 0, {})


@pytest.mark.parametrize("url", ["tensorboard:", "tensorboard://host/logs"])
def test_urls_that_name_no_folder(url):
    """A host, or nothing, is an error that says what to write."""
    with pytest.raises(SettingsError, match="write tensorboard:logs"):
        open_backend(Destination.parse(url), Options())


@pytest.mark.parametrize("rest", ["{path}", "//{path}"])
def test_urls_that_name_a_folder(tmp_path, info, rest):
    """A path may be relative, whole, or behind two slashes as in other URLs."""
    url = "tensorboard:" + rest.format(path=tmp_path / "logs")
    backend = open_backend(Destination.parse(url), Options())
    backend.trackhub_start_run(info())
    assert (tmp_path / "logs" / "digits" / "forest").is_dir()


def test_the_connection_writes_nothing(open_at, tmp_path):
    """Asking whether a folder can be written makes none."""
    found = open_at(tmp_path / "a" / "b").trackhub_check_connection()
    assert "new folder" in found.detail
    assert not (tmp_path / "a").exists()
    (tmp_path / "file").touch()
    with pytest.raises(RetryLater, match="no folder"):
        open_at(tmp_path / "file" / "b").trackhub_check_connection()
