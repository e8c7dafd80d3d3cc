"""Hold names and values of every shape that a journal can bring; the suite gives them to backends."""

from __future__ import annotations

import math
from typing import Any

NAMES = (
    "loss",
    "Loss",
    "train/loss",
    "train_loss",
    "train.loss",
    "train loss",
    "train//loss",
    "train\\loss",
    " train",
    "train ",
    "é",
    "e\u0301",
    "日本語",
    "🤖",
    "#",
    "%23",
    "_x23_",
    "?a=b&c",
    "..",
    ".",
    "/",
    "a:b",
    "quote\"'`",
    "<b>",
    "${HOME}",
    "=1+1",
    "tab\t",
    "line\nbreak",
    "null",
    "0",
    "-",
    "n" * 300,
    "n" * 299 + "m",
    "é" * 300,
)
"""Names that are alike for vendors that simplify, and that must stay what they are."""

RESERVED = ("trackhub.run_id", "trackhub.position", "trackhub.status", "trackhub.parent", "trackhub")

PARAMS: dict[str, Any] = {
    "text": "adam",
    "empty": "",
    "int": 3,
    "large int": 2**80,
    "negative": -7,
    "float": 0.1,
    "tiny": 5e-324,
    "whole float": 3.0,
    "nan": math.nan,
    "inf": -math.inf,
    "true": True,
    "false": False,
    "none": None,
    "list": [1, 2.5, "x", None, [True]],
    "empty list": [],
    "empty mapping": {},
    "mapping in a list": [{"a": {"b": 1}}],
    "unicode": "é日🤖\n\t\"'",
}

LOOKALIKES = {
    name: name
    for name in ("1", "1.0", "0.1", "true", "True", "null", "None", "NaN", '"quoted"', "[1]", '{"a": 1}', " ", "-0")
}
"""Texts that read as something else."""

MODELS = (
    "digits",
    "Digits",
    "di gits",
    "di-gits",
    "di/gits",
    "di:gits",
    "di.gits",
    "é日🤖",
    "latest",
    "v1",
    "1",
    "%2F",
    "'x'\"",
    "m" * 300,
    "m" * 299 + "n",
)
"""Names of models and aliases: some are reserved somewhere, some alike."""

FILES = {
    "plain.txt": b"plain",
    "with space.txt": b"space",
    "é日🤖.txt": b"unicode",
    "#hash%41?&.txt": b"url",
    ".hidden": b"dot",
    "quote'\".txt": b"quote",
    "UPPER.TXT": b"upper",
    "upper.txt": b"lower",
    "no_extension": b"none",
    "n" * 200: b"long",
    "deep/er/than/that.txt": b"deep",
}
