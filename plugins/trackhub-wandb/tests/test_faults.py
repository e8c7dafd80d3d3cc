"""Hold the backend to telling a lane what went wrong, and to losing nothing where the network or the SDK fails."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from support.faultproxy import DROP, HOLE, RESET, STALL, answer
from support.logged import START, artifact, point, run_info
from support.mlflow_server import free_port
from support.oracle import differences
from trackhub_wandb.options import WandbOptions
from trackhub_wandb.plugin import open_backend
from wandb_server import API_KEY, WandbServer, wandb_server

from trackhub.backend import Destination
from trackhub.errors import DeliveryError, Rejected, RetryLater, Unauthorized
from trackhub.model.entities import Artifact, Batch, Param, RunEnd, Tag

POINTS = tuple(point(f"m{number % 3}", number / 7, number // 3, ms=number // 3) for number in range(60))
LOST = [
    "/graphql/UpsertBucket",
    "/graphql/CommitArtifact",
    "/files/",
    *(
        pytest.param(prefix, marks=pytest.mark.slow)
        for prefix in (
            "/graphql/RunResumeStatus",
            "/graphql/CreateArtifact",
            "/graphql/CreateArtifactFiles",
            "/graphql/RunHistoryKeys",
            "/storage/",
        )
    ),
]
FAILING = [
    answer(503),
    *(
        pytest.param(fault, marks=pytest.mark.slow)
        for fault in (answer(500), answer(429, retry_after="1"), RESET, DROP)
    ),
]


def deliver(backend: Any, files: Artifact, *, run_id: str = "a" * 32, tries: int = 1) -> Any:
    """Deliver a run as a lane would, each call as often as it takes."""

    def insist(call: Any) -> Any:
        for left in reversed(range(tries)):
            try:
                return call()
            except DeliveryError:
                if not left:
                    raise
        raise AssertionError

    ref = insist(lambda: backend.trackhub_start_run(run_info("p", run_id=run_id)))
    insist(lambda: backend.trackhub_log_params(ref, (Param("lr", 0.1, START), Param("big", 2**80, START))))
    for start in range(0, len(POINTS), 21):
        insist(
            lambda start=start: backend.trackhub_log_metrics(
                ref, POINTS[start : start + 21], Batch(start=start, position=f"at {start}")
            )
        )
    insist(lambda: backend.trackhub_set_tags(ref, (Tag("phase", "one", START),)))
    insist(lambda: backend.trackhub_log_artifact(ref, files))
    insist(lambda: backend.trackhub_finish_run(ref, RunEnd(status="finished", time=START + 10**9)))
    return ref


def wrong(backend: Any, ref: Any, files: Artifact) -> list[str]:
    """Return what is not as it was given."""
    params = [Param("lr", 0.1, START), Param("big", 2**80, START)]
    tags = [Tag("phase", "one", START)]
    given: dict[str, Any] = {"points": POINTS, "params": params, "tags": tags, "artifacts": [files]}
    return differences(backend, ref, run_id=ref.id.rpartition("/")[2], project="p", **given)


@pytest.mark.parametrize("status", [401, 403])
def test_a_wrong_key_says_what_to_set(wandb_kind: WandbServer, open_at: Any, status: int):
    """From the start, and where a key is withdrawn midway; the key itself is told nobody."""
    backend = open_at(wandb_kind)
    ref = backend.trackhub_start_run(run_info("p"))
    wandb_kind.keys.clear()
    wandb_kind.refusal = status
    calls = [
        lambda: backend.trackhub_log_metrics(ref, POINTS[:3], Batch(start=0)),
        lambda: backend.trackhub_set_tags(ref, (Tag("a", "b", START),)),
        lambda: open_at(wandb_kind).trackhub_start_run(run_info("p")),
        lambda: open_at(wandb_kind).trackhub_check_connection(time.monotonic() + 10),
    ]
    for call in calls:
        with pytest.raises(Unauthorized, match="set WANDB_API_KEY, or run `wandb login`") as caught:
            call()
        assert API_KEY not in str(caught.value)
        assert caught.value.__suppress_context__


def test_a_missing_key_says_what_to_set(wandb_kind: WandbServer, open_at: Any, monkeypatch: pytest.MonkeyPatch):
    """Nobody is prompted, and no request is sent without one."""
    monkeypatch.delenv("WANDB_API_KEY")
    with pytest.raises(Unauthorized, match="WANDB_API_KEY"):
        open_at(wandb_kind).trackhub_start_run(run_info("p"))
    monkeypatch.setenv("WANDB_API_KEY", "short")
    with pytest.raises(Unauthorized) as caught:
        open_at(wandb_kind).trackhub_start_run(run_info("p"))
    assert "short" not in str(caught.value).replace("too short", "")


def test_a_key_may_come_from_netrc_or_from_the_url(
    wandb_kind: WandbServer, open_at: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    """As ``wandb login`` writes it; and as a password, which is told nobody."""
    monkeypatch.delenv("WANDB_API_KEY")
    port = wandb_kind.url.rpartition(":")[2]
    url = f"wandb+http://api:{API_KEY}@127.0.0.1:{port}/team"
    backend = open_backend(Destination.parse(url), WandbOptions(timeout_s=5))
    assert API_KEY not in repr(backend.trackhub_start_run(run_info("p")))
    backend.trackhub_close()
    netrc = tmp_path / "netrc"
    netrc.write_text(f"machine 127.0.0.1:{port}\n  login user\n  password {API_KEY}\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    assert open_at(wandb_kind).trackhub_check_connection(time.monotonic() + 20).account == "ada"


@pytest.mark.parametrize("fault", FAILING, ids=str)
def test_a_server_that_fails_is_tried_later(wandb_kind: WandbServer, open_at: Any, folder: Path, fault: Any):
    """Whatever the hook: nothing is acknowledged, and once the server is well the same call works."""
    backend = open_at(wandb_kind, timeout_s=2, settle_s=0.5)
    files = artifact(folder, "data", {"a": b"1"})
    ref = backend.trackhub_start_run(run_info("p", run_id="a" * 32))
    for call in (
        lambda: backend.trackhub_log_metrics(ref, POINTS[:3], Batch(start=0)),
        lambda: backend.trackhub_log_artifact(ref, files),
    ):
        wandb_kind.faults.script("/", fault, times=10**6)
        with pytest.raises(RetryLater):
            call()
        wandb_kind.faults.heal()
    assert wrong(backend, deliver(backend, files), files) == []


@pytest.mark.parametrize("prefix", LOST)
def test_a_lost_answer_doubles_nothing(wandb_kind: WandbServer, open_at: Any, folder: Path, prefix: str):
    """The server has taken it; whether the SDK repeats it, or the lane does, it is there once."""
    backend = open_at(wandb_kind)
    files = artifact(folder, "data", {"a": b"1", "b": b"2"})
    for after in (0, 3):
        wandb_kind.faults.script(prefix, DROP, times=2, after=after)
    ref = deliver(backend, files, tries=4)
    held = wandb_kind.run("a" * 32)
    assert wandb_kind.faults.count(prefix, "drop")
    assert wrong(open_at(wandb_kind), ref, files) == []
    assert len(held.history) == 20
    assert len(held.outputs) == 1
    assert held.state == "finished"


def test_a_silent_server_costs_its_time_limit(wandb_kind: WandbServer, open_at: Any, folder: Path):
    """Nothing hangs, neither on a request nor on an answer; and what was in doubt is there once."""
    backend = open_at(wandb_kind, timeout_s=1, settle_s=1)
    files = artifact(folder, "data", {"a": b"1"})
    ref = backend.trackhub_start_run(run_info("p", run_id="a" * 32))
    for fault, prefix in ((HOLE, "/"), (STALL, "/files/"), (HOLE, "/graphql/UpsertBucket"), (STALL, "/graphql/")):
        wandb_kind.faults.script(prefix, fault, times=10**6)
        began = time.monotonic()
        with pytest.raises(RetryLater):
            backend.trackhub_log_metrics(ref, POINTS[:20], Batch(start=0))
        assert time.monotonic() - began < 8
        wandb_kind.faults.heal()
    assert wrong(backend, deliver(backend, files, tries=3), files) == []


def test_a_server_that_is_down_or_comes_back(open_at: Any, folder: Path):
    """Nobody listens; then somebody does, who knows what was there before."""
    files = artifact(folder, "data", {"a": b"1"})
    with wandb_server() as first:
        backend = open_at(first, timeout_s=2)
        backend.trackhub_start_run(run_info("p", run_id="a" * 32))
        port, state = int(first.url.rpartition(":")[2]), first.state
    with pytest.raises(RetryLater) as caught:
        backend.trackhub_start_run(run_info("p", run_id="a" * 32))
    assert str(caught.value).startswith(f"wandb+http://127.0.0.1:{port}/team: ")
    with wandb_server(port=port, state=state):
        assert wrong(backend, deliver(backend, files, tries=3), files) == []


def test_a_run_whose_start_failed_can_be_started(wandb_kind: WandbServer, open_at: Any):
    """The SDK itself takes no run again in a process in which its start failed."""
    backend = open_at(wandb_kind, timeout_s=1)
    for operation in ("RunResumeStatus", "UpsertBucket"):
        wandb_kind.faults.script(f"/graphql/{operation}", answer(503), times=10**6)
        with pytest.raises(RetryLater):
            backend.trackhub_start_run(run_info("p", run_id="b" * 32))
        wandb_kind.faults.heal()
    assert backend.trackhub_start_run(run_info("p", run_id="b" * 32)).id == f"p/{'b' * 32}"


def test_the_sdks_process_may_die_or_freeze(wandb_kind: WandbServer, open_at: Any, folder: Path):
    """The one that speaks Python, and ``wandb-core`` below it: another takes their place, and nothing is lost."""
    backend = open_at(wandb_kind, timeout_s=1)
    files = artifact(folder, "data", {"a": b"1"})
    ref = backend.trackhub_start_run(run_info("p", run_id="a" * 32))
    start = 0
    for which, blow in (("python", signal.SIGKILL), ("core", signal.SIGKILL), ("python", signal.SIGSTOP),
                        ("core", signal.SIGSTOP)):  # fmt: skip
        backend.trackhub_log_metrics(ref, POINTS[start : start + 5], Batch(start=start))
        family = processes_of(backend._courier._process.pid)
        pid = next(pid for pid, name in family.items() if ("core" in name) == (which == "core"))
        os.kill(pid, blow)
        while True:  # a lane's retry
            try:
                backend.trackhub_log_metrics(ref, POINTS[start + 5 : start + 10], Batch(start=start + 5))
                break
            except RetryLater:
                pass
        left = set(processes_of(backend._courier._process.pid))
        assert not [pid for pid in family if pid not in left and not _zombie(pid)]
        start += 10
    assert wrong(backend, deliver(backend, files), files) == []


DYING = """
import os, signal, sys
from trackhub.backend import Destination
from trackhub.model.entities import RunInfo
from trackhub_wandb.options import WandbOptions
from trackhub_wandb.plugin import open_backend
backend = open_backend(Destination.parse(sys.argv[1]), WandbOptions())
backend.trackhub_start_run(RunInfo(id="c" * 32, name="n", project="p", started=1))
print(backend._courier._process.pid, flush=True)
sys.stdin.readline()
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_delivery_that_dies_takes_the_sdk_along(wandb_kind: WandbServer):
    """No process is left that might send something after the next delivery has looked."""
    command = [sys.executable, "-c", DYING, f"{wandb_kind.destination}/team"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        group = int(process.stdout.readline())
        assert sorted(name[:10] for name in processes_of(group).values()) == ["python", "wandb-core"]
    deadline = time.monotonic() + 5
    while any(not _zombie(pid) for pid in processes_of(group)):
        assert time.monotonic() < deadline, processes_of(group)
        time.sleep(0.01)


SIDE_EFFECTS = """
import os, signal, sys, threading
from trackhub.backend import Destination
from trackhub.model.entities import Batch, MetricPoint, RunEnd, RunInfo
from trackhub_wandb.options import WandbOptions
from trackhub_wandb.plugin import open_backend

def state():
    handlers = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGCHLD)]
    return sys.excepthook, sys.exit, dict(os.environ), os.getcwd(), handlers, threading.active_count()

before = state()
backend = open_backend(Destination.parse(sys.argv[1]), WandbOptions())
ref = backend.trackhub_start_run(RunInfo(id="d" * 32, name="n", project="p", started=1))
backend.trackhub_log_metrics(ref, (MetricPoint("a", 0.5, 1, 1),), Batch(start=0))
backend.trackhub_finish_run(ref, RunEnd(status="failed", time=2))
backend.trackhub_close()
assert state() == before
assert not [name for name in sys.modules if name.partition(".")[0] == "wandb"]
assert os.listdir() == [], os.listdir()
print("said nothing else")
"""


def test_the_sdks_side_effects_stay_in_its_process(wandb_kind: WandbServer, tmp_path: Path):
    """Hooks, environment, signals, threads, folder, output and home are as before; the SDK is not even imported."""
    (tmp_path / "empty").mkdir()
    home = Path(os.environ["HOME"])
    command = [sys.executable, "-c", SIDE_EFFECTS, f"{wandb_kind.destination}/team"]
    done = subprocess.run(command, cwd=tmp_path / "empty", capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "said nothing else\n", "")
    assert list(home.rglob("*")) == []


def test_nothing_is_told_to_others(wandb_kind: WandbServer, open_at: Any, folder: Path):
    """What the server sees is the run's: no telemetry request, no machine, no code, no git, no console."""
    deliver(open_at(wandb_kind), artifact(folder, "data", {"a": b"1"}))
    held = wandb_kind.run("a" * 32)
    assert sorted(held.files) == ["config.yaml", "wandb-summary.json"]
    assert not [one.path for one in wandb_kind.faults.seen if not one.path.startswith(("/graphql/", "/files/",
                "/storage/", "/artifacts"))]  # fmt: skip
    assert wandb_kind.broken == []


def test_several_lanes_at_once(wandb_kind: WandbServer, worst: WandbServer, open_at: Any, folder: Path):
    """Backends in threads of one process, two of them on one server, each with runs by turns."""
    files = artifact(folder, "data", {"a": b"1"})
    lanes = [(open_at(wandb_kind), "1"), (open_at(wandb_kind), "2"), (open_at(worst), "3")]
    found: dict[str, list[str]] = {}

    def run(backend: Any, number: str) -> None:
        refs = [deliver(backend, files, run_id=digit * 32) for digit in (number, chr(ord(number) + 48))]
        found[number] = [text for ref in refs for text in wrong(backend, ref, files)]

    threads = [threading.Thread(target=run, args=lane) for lane in lanes]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == {"1": [], "2": [], "3": []}


def test_a_run_that_is_kept_open(wandb_kind: WandbServer, open_at: Any, folder: Path):
    """A live run is opened once for many batches; what comes between closes it, and nothing is lost by its death."""
    backend = open_at(wandb_kind, live=True, timeout_s=3)
    ref = backend.trackhub_start_run(run_info("p", run_id="a" * 32))
    now = time.time_ns()
    points = [point("loss", number / 3, number) for number in range(60)]
    points = [type(one)(one.name, one.value, one.step, now + one.step * 10**6) for one in points]

    def give(start: int) -> None:
        backend.trackhub_log_metrics(ref, tuple(points[start : start + 10]), Batch(start=start, position=str(start)))

    for start in (0, 10, 20):
        give(start)
    assert wandb_kind.faults.count("/graphql/RunResumeStatus") == 2  # to make it, and to open it
    files = artifact(folder, "data", {"a": b"1"})
    backend.trackhub_log_artifact(ref, files)
    give(30)
    assert wandb_kind.faults.count("/graphql/RunResumeStatus") == 2
    backend.trackhub_set_tags(ref, (Tag("a", "b", START),))
    give(40)
    os.killpg(backend._courier._process.pid, signal.SIGKILL)
    with pytest.raises(RetryLater):
        give(50)
    give(50)
    assert wandb_kind.run("a" * 32).state == "running"
    backend.trackhub_finish_run(ref, RunEnd(status="finished", time=now))
    found = differences(backend, ref, points=points, artifacts=[files], resolution_ns=1000)
    assert (found, wandb_kind.run("a" * 32).state) == ([], "finished")
    assert len(wandb_kind.run("a" * 32).history) == 60


def test_rows_that_somebody_else_wrote_are_left_alone(wandb_kind: WandbServer, open_at: Any):
    """A run into which other rows were logged is not appended to; the message says which row."""
    backend = open_at(wandb_kind)
    ref = backend.trackhub_start_run(run_info("p", run_id="a" * 32))
    with wandb_kind.state.lock:
        wandb_kind.run("a" * 32).put_lines(0, ['{"_step": 0, "x": 1}'], keeps_copies=False)
    with pytest.raises(RetryLater, match=r"row 0 of the run p/a+ is none of trackhub's"):
        backend.trackhub_log_metrics(ref, POINTS[:3], Batch(start=0))


def test_another_value_of_a_param_is_refused(wandb_kind: WandbServer, open_at: Any):
    """The message names both values and what to do."""
    backend = open_at(wandb_kind)
    ref = backend.trackhub_start_run(run_info("p"))
    backend.trackhub_log_params(ref, (Param("lr", 1, START),))
    with pytest.raises(Rejected, match=r"param 'lr': W&B holds 1, the journal says 1.0; log it under another name"):
        backend.trackhub_log_params(ref, (Param("lr", 1.0, START),))


def test_a_connection_tells_who_it_is(wandb_kind: WandbServer, open_at: Any):
    """The account, the SDK, and whether the entity may be a wrong one; by the deadline."""
    there = open_at(wandb_kind).trackhub_check_connection(time.monotonic() + 20)
    assert (there.account, there.version.partition(" ")[0], there.detail) == ("ada", "wandb", "")
    assert "strangers" in open_at(wandb_kind, "strangers").trackhub_check_connection(time.monotonic() + 20).detail
    nobody = open_backend(Destination.parse(f"wandb+http://127.0.0.1:{free_port()}/team"), WandbOptions(timeout_s=2))
    with pytest.raises(RetryLater):
        nobody.trackhub_check_connection(time.monotonic() + 1)


def processes_of(group: int) -> dict[int, str]:
    """Return the processes of a group, with their names."""
    found = {}
    for place in Path("/proc").iterdir():
        if place.name.isdecimal():
            try:
                name, _, rest = (place / "stat").read_text().partition("(")[2].rpartition(")")
            except OSError:
                continue
            if int(rest.split()[2]) == group:
                found[int(place.name)] = name
    return found


def _zombie(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True
