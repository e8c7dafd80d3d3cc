"""Letters are kept whole, each once, and read back as they were."""

from __future__ import annotations

import errno
import math
from pathlib import Path

import pytest

from trackhub.delivery.deadletters import DeadLetters, Letter
from trackhub.model.entities import MetricPoint, Param


@pytest.fixture
def dead(tmp_path) -> DeadLetters:
    return DeadLetters(tmp_path / "x.dead.jsonl")


def letter(name: str = "loss", value: object = 1.0, place: str = "w1@100", reason: str = "never") -> Letter:
    return Letter.of("log_params", Param(name, value, 5), reason, place)


VALUES = {
    "text": "a\u2028b\u2029c\x85d\x0be\nf\r\ng ä",
    "big": 2**80,
    "huge": -(10**5000) - 7,
    "bool": True,
    "none": None,
    "nested": [1, {"a": [10**5000]}],
    "float": 0.1,
}


@pytest.mark.parametrize("kind", VALUES)
def test_a_letter_comes_back_as_it_was(dead, kind):
    """Whatever a param may hold: text with what else ends a line, and ints of thousands of digits."""
    dead.add([letter("n\u2028\x85", VALUES[kind])])
    again = DeadLetters(dead.path)
    [found] = again.read()
    assert found.item["value"] == VALUES[kind]
    again.replace(again.read())
    assert again.read() == [found]


def test_what_json_has_no_word_for(dead):
    """NaN comes back, and a reason with half a character is kept as an escape."""
    dead.add([Letter.of("log_metrics", MetricPoint("loss", math.nan, 1, 2), "no \udcff", "w1@3")])
    [found] = DeadLetters(dead.path).read()
    assert math.isnan(found.item["value"])
    assert found.reason == "no \udcff"


def test_equal_items_are_kept_each_and_the_same_one_once(dead):
    """Three equal points of three rows are three letters; the same batch given again adds none."""
    batch = [letter(place=f"w1@{end}") for end in (100, 200, 300)]
    dead.add(batch)
    dead.add(batch)
    DeadLetters(dead.path).add(batch)
    assert DeadLetters(dead.path).count() == 3


def test_a_letter_of_an_older_trackhub_counts(dead):
    """A line without a place is a letter, too."""
    dead.path.write_text('{"hook": "log_params", "item": {"name": "a", "value": 1, "time": 2}, "reason": "no"}\n')
    dead.add([letter()])
    assert [found.item["name"] for found in dead.read()] == ["a", "loss"]
    assert [found.place for found in dead.read()] == ["", "w1@100"]


def test_a_torn_line_costs_itself_alone(dead, caplog):
    """What was cut short is said and kept as it is; the next letter begins on a line of its own."""
    dead.add([letter("a", place="w1@1"), letter("b", place="w1@2")])
    dead.path.write_bytes(dead.path.read_bytes()[:-20])
    dead.add([letter("c", place="w1@3")])
    assert [found.item["name"] for found in dead.read()] == ["a", "c"]
    assert f"{dead.path}: 1 lines are no whole letters" in caplog.text
    dead.replace([])
    assert dead.count() == 0
    assert b'"b"' in dead.path.read_bytes()


def test_a_torn_line_that_was_written_again_is_forgotten(dead, caplog):
    """A letter that was cut short by a kill, and came again, is there once, and nobody is bothered."""
    dead.add([letter("a")])
    whole = dead.path.read_bytes()
    dead.path.write_bytes(whole[:-20])
    DeadLetters(dead.path).add([letter("a")])
    dead = DeadLetters(dead.path)
    assert [found.item["name"] for found in dead.read()] == ["a"]
    assert not caplog.text
    dead.replace([])
    assert dead.path.read_bytes() == b""


def test_a_full_disk_loses_no_letter(dead, monkeypatch):
    """What could not be written is not taken for known: added again, it is there."""
    dead.add([letter("a", place="w1@1")])
    real = Path.open

    def full(self, *args, **kwargs):
        if self == dead.path and "a" in args[0]:
            raise OSError(errno.ENOSPC, "No space left on device")
        return real(self, *args, **kwargs)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "open", full)
        with pytest.raises(OSError, match="No space"):
            dead.add([letter("b", place="w1@2")])
    dead.add([letter("b", place="w1@2")])
    assert dead.count() == 2
