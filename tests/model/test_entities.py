"""The values that cross the plugin boundary keep their promises to old plugins."""

from __future__ import annotations

import inspect

import msgspec
import pytest

from trackhub.model import entities
from trackhub.model.entities import Batch, MetricPoint, Param, RunEnd, RunInfo, RunRecord, RunRef

KINDS = [kind for _, kind in inspect.getmembers(entities, inspect.isclass) if kind.__module__ == entities.__name__]

REQUIRED = {
    "Artifact": ["name", "type", "time", "files"],
    "ArtifactFile": ["path", "sha256", "size", "source"],
    "Batch": ["start"],
    "Connection": ["version"],
    "MetricPoint": ["name", "value", "step", "time"],
    "MetricColumns": ["name", "step", "value", "time"],
    "AliasMove": ["alias", "time"],
    "ModelAlias": ["model", "alias", "artifact", "version", "time"],
    "ModelRecord": ["model", "run_id", "artifact"],
    "ModelVersion": ["model", "artifact", "version", "time"],
    "Note": ["kind", "subject", "detail"],
    "Param": ["name", "value", "time"],
    "ParentRun": ["id"],
    "RunEnd": ["status", "time"],
    "RunInfo": ["id", "name", "project", "started"],
    "RunRecord": ["id", "name", "project", "status"],
    "RunRef": ["id"],
    "StoredFile": ["path"],
    "Tag": ["name", "value", "time"],
}


def test_required_fields():
    """No field without a default is added: an old plugin, and an old test of one, could not make the value."""
    found = {kind.__name__: [field.name for field in msgspec.structs.fields(kind) if field.required] for kind in KINDS}
    assert found == REQUIRED


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_frozen(kind):
    """Values are frozen, and each says what it is."""
    assert kind.__struct_config__.frozen
    assert inspect.getdoc(kind)


def test_values_compare():
    """Values are equal when they say the same, and hold what they were given."""
    point = MetricPoint("loss", 0.5, None, 7)
    assert point == MetricPoint(name="loss", value=0.5, step=None, time=7)
    assert RunRef(id="1") != RunRef(id="1", position="{}")
    with pytest.raises(AttributeError):
        point.value = 1.0


def test_defaults_are_not_shared():
    """Two records do not share their empty params."""
    one, two = (RunRecord(id=name, name="n", project="p", status="running") for name in "ab")
    one.params["lr"] = 1
    assert two.params == {}


def test_a_run_stands_alone():
    """A run needs no parent, no group, and was not resumed, unless it is said."""
    run = RunInfo(id="1", name="n", project="p", started=5)
    assert (run.parent, run.group, run.resumed) == (None, None, False)
    assert (Batch(start=0).redelivered, Param("a", 1, 2).overwritten, RunEnd(status="failed", time=1).reason) == (
        False,
        False,
        "",
    )
