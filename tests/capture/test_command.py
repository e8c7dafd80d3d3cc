"""Test that another program can fail, flood, or hang without harm."""

from __future__ import annotations

import sys
import time

import pytest

from trackhub.capture.command import run


def python(code, **options):
    """Run a piece of Python as the other program."""
    return run((sys.executable, "-c", code), deadline=time.monotonic() + options.pop("seconds", 20), **options)


def test_output_is_kept_to_its_limit_and_counted_whole():
    """Beyond the limit, output is counted and let go."""
    output = python("print('x' * 3_000_000)", limit=1000)
    assert (len(output.head), output.size) == (1000, 3_000_001)


def test_a_failure_is_no_output():
    """A program that ends with an error has said nothing."""
    assert python("print('half'); raise SystemExit(1)") is None


def test_a_program_that_hangs_is_killed(tmp_path):
    """At the deadline the program goes, with what it started."""
    started = time.monotonic()
    child = f"import time; time.sleep(2); open({str(tmp_path / 'late')!r}, 'w')"
    code = f"import subprocess, sys, time; subprocess.Popen([sys.executable, '-c', {child!r}]); time.sleep(60)"
    assert python(code, seconds=1) is None
    assert time.monotonic() - started < 5
    time.sleep(2.5)
    assert not (tmp_path / "late").exists()


def test_a_program_that_closes_its_output_and_stays_is_killed():
    """A program that says all it has and does not end is given up, too."""
    assert python("import os, time; os.close(1); time.sleep(60)", seconds=1) is None


def test_past_the_deadline_nothing_is_started():
    """With no time left, no program runs."""
    assert python("print(1)", seconds=-1) is None


@pytest.mark.parametrize("command", [("no-such-program",), ("git", "a\0b")])
def test_a_program_that_cannot_start_is_no_output(command, tmp_path):
    """A missing program, an impossible argument, and a missing folder are no output."""
    assert run(command, deadline=time.monotonic() + 5) is None
    assert run(("git", "version"), deadline=time.monotonic() + 5, cwd=tmp_path / "gone") is None
