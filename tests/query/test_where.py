"""Filters: what matches, what does not, and what the errors say."""

from __future__ import annotations

import pytest

from trackhub.query.summary import LastValue, RunSummary
from trackhub.query.tokens import QueryError
from trackhub.query.where import Where

NAN = float("nan")

RUN = RunSummary(
    id="0190163d8694739ba9ea95d9ea16b3f1",
    name="forest-1",
    project="digits",
    status="finished",
    started=1_763_000_000_000_000_000,
    ended=1_763_000_090_000_000_000,
    group="sweep",
    params={
        "depth": 4,
        "lr": 1e-3,
        "opt": "adam",
        "bias": True,
        "text": "12",
        "none": None,
        "sizes": [1, 2],
        "big": 2**80,
    },
    tags={"my owner": "Anna", "phase": "base_line%", "it's": "x"},
    metrics={"acc": LastValue(0.93), "val/loss": LastValue(0.2), "bad": LastValue(NAN), "inf": LastValue(float("inf"))},
    points=1000,
)


@pytest.mark.parametrize(
    "text",
    [
        "metrics.acc > 0.9 and params.depth = 4",
        "metrics.acc>.9 and params.depth==4",
        "metrics.val/loss <= 0.2",
        'metrics."val/loss" <= 0.2',
        "metrics.`val/loss` <= 2e-1",
        "params.depth != 5",
        "params.depth <> 5",
        "params.depth in (1, 2, 4)",
        "params.depth not in (1, 2)",
        "params.opt = 'adam'",
        'params.opt = "adam"',
        "params.opt > 'abc'",
        "params.bias = true",
        "params.bias != false",
        "params.none = null",
        "params.text = 12",
        "params.text < 13.5",
        f"params.big = {2**80}",
        f"params.big != {2**80 + 1}",
        "params.lr = 0.001",
        "tags.\"my owner\" like 'An%'",
        "tags.\"my owner\" ilike 'an_a'",
        "tags.\"my owner\" not like 'an%'",
        r"tags.`it's` = 'x'",
        "tags.phase like 'base_line%'",
        "status = 'finished' and name like 'forest-%' and project in ('digits')",
        "id like '0190163d%'",
        "group = 'sweep'",
        "started > '2025-11-12' and started < '2025-11-14T00:00+00:00'",
        "ended >= 1763000090",
        "duration = 90",
        "points >= 1000",
        "metrics.bad = nan",
        "metrics.inf > 1e300",
        "metrics.inf = inf",
        "not metrics.acc < 0.5",
        "metrics.acc < 0.5 or params.depth = 4 and params.opt = 'adam'",
        "NOT (metrics.acc < 0.5 OR params.depth = 5)",
        "(((params.depth = 4)))",
        "params.missing = 1 or params.depth = 4",
    ],
)
def test_matches(text: str) -> None:
    """A run matches when what it has is as the filter says."""
    assert Where.parse(text).matches(RUN)


@pytest.mark.parametrize(
    "text",
    [
        "metrics.acc > 0.93",
        "(metrics.acc < 0.5 or params.depth = 4) and params.opt = 'sgd'",
        "params.missing = 1",
        "params.missing != 1",
        "not params.missing = 1",
        "params.missing not in (1, 2)",
        "not (params.missing = 1 and params.depth = 4)",
        "parent = 'x'",
        "parent != 'x'",
        "params.opt > 3",
        "not params.opt > 3",
        "params.sizes > 3",
        "params.bias = 1",
        "metrics.bad > 0",
        "metrics.bad < 0",
        "metrics.acc = nan",
        "params.opt = 'Adam'",
        "tags.\"my owner\" like 'An'",
        f"params.big = {2**80 + 1}",
    ],
)
def test_does_not_match(text: str) -> None:
    """A value that is missing, or has no order with the other, never matches; nor does ``not`` of it."""
    assert not Where.parse(text).matches(RUN)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "expected a field such as metrics.acc, params.lr, tags.owner or status, at the end (character 1)"),
        (
            "metrcs.acc > 1",
            "there is no field 'metrcs.acc'; did you mean 'metrics.acc'?, at 'metrcs.acc' (character 1)",
        ),
        ("metrcs.val/acc > 1", "did you mean 'metrics.val/acc'?"),
        ("stauts = 'failed'", "did you mean 'status'?"),
        ("xyz = 1", "use metrics.…, params.…, tags.…, status, name"),
        ("metrics.acc", "expected =, !=, <, <=, >, >=, like, ilike or in after metrics.acc, at the end (character 12)"),
        ("metrics.acc > ", "expected a number, a text in quotes, true, false or null, at the end"),
        ("status = finished", "text stands in quotes: 'finished', at 'finished' (character 10)"),
        ("params.a = params.b", "expected a number, a text in quotes"),
        ("params.a = 1 params.b = 2", "expected 'and', 'or' or the end, at 'params.b' (character 14)"),
        ("(params.a = 1", "expected ')', at the end"),
        ("params.a in 1", "expected '(' after in"),
        ("params.a in (1 2)", "expected ',' or ')', at '2' (character 16)"),
        ("params.a not = 1", "like, ilike or in after params.a, at '='"),
        ("params.a = 'x", 'this quote is not closed, at "\'" (character 12)'),
        ("params.a = 1 & params.b = 2", "a character that means nothing here, at '&' (character 14)"),
        ("started > 'yesterday'", "write a time as '2026-11-21'"),
        ("started > 1e999", "write a time as '2026-11-21'"),
        (f"params.a = {'9' * 5000}", "Exceeds the limit"),
        ("started > true", "write a time as '2026-11-21'"),
    ],
)
def test_errors_say_what_and_where(text: str, message: str) -> None:
    """A filter that cannot be read names the place, and the nearest field where a name is wrong."""
    with pytest.raises(QueryError) as caught:
        Where.parse(text)
    assert message in str(caught.value)
    assert str(caught.value).startswith("where: ")


def test_errors_point_at_the_place() -> None:
    """Below the filter, a mark stands under what is wrong."""
    with pytest.raises(QueryError) as caught:
        Where.parse("params.a = 1 adn params.b = 2")
    _, text, mark = str(caught.value).splitlines()
    assert text[mark.index("^") :].startswith("adn")


def test_hints_name_the_nearest_field_that_a_run_has() -> None:
    """A name that no run has is said, with the one that was probably meant."""
    where = Where.parse("metrics.ac > 0.9 and params.depth = 4 and tags.nobody = 'x'")
    assert where.hints([RUN]) == ["no run has metrics.ac; did you mean metrics.acc?", "no run has tags.nobody"]
