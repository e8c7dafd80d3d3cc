"""Hold params and tags to coming back whole, and to refusing what MLflow would change in silence."""

from __future__ import annotations

from typing import Any

import pytest
from support.logged import START, run_info
from support.oracle import differences

from trackhub.errors import Rejected
from trackhub.model.entities import Param, Tag


def param(name: str, value: Any, *, overwritten: bool = False) -> Param:
    return Param(name, value, START, overwritten)


def test_params_come_back_with_their_types(backend: Any, project: str):
    """Every JSON-like value, odd name and long text is the same after a round trip, given twice."""
    run = run_info(project)
    ref = backend.trackhub_start_run(run)
    values = [
        None,
        True,
        0,
        1.0,
        1e300,
        float("inf"),
        "0.1",
        "",
        "a\0b",
        "\ud800",
        "é",
        [1, "a"],
        {"k": [None]},
        "x" * 7000,
    ]
    params = [param(f"p{number}", value) for number, value in enumerate(values)]
    params += [param(name, 1) for name in ("a#b", "/", "..", "n" * 300, "n" * 301, "val/lr")]
    for _ in range(2):
        notes = backend.trackhub_log_params(ref, tuple(params))
    assert differences(backend, ref, run_id=run.id, project=project, params=params) == []
    assert sorted({note.kind for note in notes}) == ["beside", "escaped"]


def test_more_params_than_a_call_takes_are_split(backend: Any, project: str):
    """MLflow takes a hundred at once."""
    run = run_info(project)
    ref = backend.trackhub_start_run(run)
    params = [param(f"p{number}", number) for number in range(250)]
    tags = [Tag(f"t{number}", str(number), START) for number in range(250)]
    backend.trackhub_log_params(ref, tuple(params))
    backend.trackhub_set_tags(ref, tuple(tags))
    assert differences(backend, ref, run_id=run.id, project=project, params=params, tags=tags) == []


def test_a_changed_param_is_rejected_with_both_values(backend: Any, project: str):
    """The reason names the param, what MLflow holds and what the journal says; the others are not lost."""
    run = run_info(project)
    ref = backend.trackhub_start_run(run)
    backend.trackhub_log_params(ref, (param("lr", 0.1),))
    with pytest.raises(Rejected, match=r"'lr': MLflow holds '0\.1' .* '0\.2'"):
        backend.trackhub_log_params(ref, (param("lr", 0.2), param("depth", 4)))
    backend.trackhub_log_params(ref, (param("depth", 4),))
    assert backend.trackhub_read_run(run.id, project).params == {"lr": 0.1, "depth": 4}


def test_a_param_twice_in_one_call_is_once_or_rejected(backend: Any, project: str):
    """Equal values are one; different ones name both."""
    ref = backend.trackhub_start_run(run_info(project))
    backend.trackhub_log_params(ref, (param("a", 1), param("a", 1)))
    with pytest.raises(Rejected, match="'b'"):
        backend.trackhub_log_params(ref, (param("b", 1), param("b", 2)))


def test_an_overwritten_param_reads_as_the_newest(remote: Any, raw: Any, project: str):
    """MLflow keeps the first; a tag holds the newest, which is what is read back, whatever is given again."""
    run = run_info(project)
    ref = remote.trackhub_start_run(run)
    remote.trackhub_log_params(ref, (param("lr", 1),))
    notes = remote.trackhub_log_params(ref, (param("lr", 2, overwritten=True), param("new", 3, overwritten=True)))
    assert [note.kind for note in notes] == ["beside"]
    data = raw.get_run(ref.id).data
    assert (data.params, data.tags["trackhub.param.lr"]) == ({"lr": "1", "new": "3"}, "2")
    assert remote.trackhub_read_run(run.id, project).params == {"lr": 2, "new": 3}
    remote.trackhub_log_params(ref, (param("lr", 1),))
    remote.trackhub_log_params(ref, (param("lr", 2),))
    with pytest.raises(Rejected, match="MLflow holds '2'"):
        remote.trackhub_log_params(ref, (param("lr", 9),))
    remote.trackhub_log_params(ref, (param("lr", 1, overwritten=True),))
    assert remote.trackhub_read_run(run.id, project).params == {"lr": 1, "new": 3}


def test_tags_come_back_and_change_nothing_of_mlflows(remote: Any, raw: Any, project: str):
    """Any name and value is kept; one named as MLflow's or ours does not rename or lose the run."""
    run = run_info(project)
    ref = remote.trackhub_start_run(run)
    names = ["owner", "mlflow.runName", "mlflow.note.content", "trackhub.run_id", "a#b", "n" * 300]
    values = ["", "a\0b", "x" * 9000, "trackhub:json:1", "\ud800"]
    tags = [Tag(name, "evil", START) for name in names]
    tags += [Tag(f"v{number}", value, START) for number, value in enumerate(values)]
    for _ in range(2):
        remote.trackhub_set_tags(ref, tuple(tags))
    assert differences(remote, ref, run_id=run.id, project=project, tags=tags) == []
    held = raw.get_run(ref.id)
    assert (held.info.run_name, held.data.tags["trackhub.run_id"]) == ("forest-1", run.id)
    assert held.data.tags["mlflow.note.content"] == "evil"


def test_a_later_tag_replaces_the_former(backend: Any, project: str):
    """Also within one call: the last one stands."""
    run = run_info(project)
    ref = backend.trackhub_start_run(run)
    backend.trackhub_set_tags(ref, (Tag("a", "1", START), Tag("a", "2", START)))
    backend.trackhub_set_tags(ref, (Tag("a", "3", START),))
    assert backend.trackhub_read_run(run.id, project).tags == {"a": "3"}
