from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time

import pytest
from support.sink import SinkWorld, eventually

TRAIN = """
import os, sys, time
import trackhub
with trackhub.start_run(project="p", name="n", params={"lr": 0.1}) as run:
    for step in range(200):
        run.log({"loss": step / 2}, step=step)
"""

ENDLESS = """
import sys, time
import trackhub
run = trackhub.start_run(project="p")
step = 0
while True:
    run.log({"loss": step / 2}, step=step)
    print(step, flush=True)
    step += 1
    time.sleep(0.001)
"""


@pytest.fixture
def world(tmp_path):
    return SinkWorld(tmp_path)


def steps(world):
    return [point[2] for point in world.held("points")]


def last_acknowledged(process, at_least):
    step = -1
    while step < at_least:
        step = int(process.stdout.readline())
    return step


def rest_of(process, step):
    """Return the last step that was acknowledged before the process died."""
    for line in process.stdout.read().splitlines():
        step = int(line) if line.strip().isdecimal() else step
    return step


def test_a_training_is_delivered_before_it_ends(world):
    """When a script with a healthy destination ends, everything is there."""
    code, _, err = world.train(TRAIN)
    assert (code, err) == (0, "")
    assert steps(world) == list(range(200))
    assert world.held("params") == [{"lr": 0.1}]
    assert world.status() == ["finished"]


def test_sigkill_of_the_training_is_told_as_crashed(world):
    """A training that vanishes is crashed on the destination within seconds, every acknowledged point there."""
    with world.start(ENDLESS) as process:
        step = last_acknowledged(process, 300)
        process.kill()
        step = rest_of(process, step)
    began = time.monotonic()
    assert eventually(world.status) == ["crashed"]
    assert time.monotonic() - began < 10
    assert steps(world)[: step + 1] == list(range(step + 1))
    assert len(steps(world)) <= step + 2


def test_sigterm_ends_the_run_as_killed(world):
    """SIGTERM ends the run as killed, and the process dies of the signal as it would have."""
    with world.start(ENDLESS) as process:
        step = last_acknowledged(process, 100)
        process.terminate()
        step = rest_of(process, step)
    assert process.returncode == -signal.SIGTERM
    assert eventually(world.status) == ["killed"]
    assert world.held("ends")[0]["reason"] == "SIGTERM"
    assert len(steps(world)) >= step + 1


def test_ctrl_c_ends_the_run_and_not_the_delivery(world):
    """Ctrl-C reaches the whole foreground group: the run is killed, the delivery goes on to its end."""
    code = ENDLESS.replace('run = trackhub.start_run(project="p")', 'run = trackhub.start_run(project="p").__enter__()')
    with world.start(code, start_new_session=True) as process:
        step = last_acknowledged(process, 100)
        os.killpg(process.pid, signal.SIGINT)
        step = rest_of(process, step)
    assert process.returncode != 0
    assert eventually(world.status) == ["killed"]
    assert len(steps(world)) >= step + 1


def test_an_exception_ends_the_run_as_failed_with_its_traceback(world):
    """An exception is told as the reason, kept as an artifact, and raised on."""
    code, _, err = world.train(TRAIN + "    raise ValueError('the loss is NaN')\n")
    assert code == 1
    assert "ValueError: the loss is NaN" in err
    assert world.status() == ["failed"]
    assert world.held("ends")[0]["reason"] == "ValueError: the loss is NaN"
    (artifact,) = world.held("artifacts")
    assert "the loss is NaN" in artifact["files"]["traceback.txt"]


def test_an_exception_without_a_with_is_failed_too(world):
    """A run that nobody finished ends with the script: failed, if an exception ended that."""
    code, _, _ = world.train("import trackhub\nrun = trackhub.start_run()\nrun.log({'a': 1})\n1 / 0\n")
    assert code == 1
    assert eventually(world.status) == ["failed"]


def test_a_script_that_forgets_to_finish_is_finished(world):
    """A run that nobody finished ends with the script: finished, if nothing went wrong."""
    code, _, err = world.train("import trackhub\nrun = trackhub.start_run()\nrun.log({'a': 1})\n")
    assert (code, err) == (0, "")
    assert eventually(world.status) == ["finished"]


@pytest.mark.parametrize("fault", ["hang", "exit", "down", "denied"])
def test_a_broken_destination_costs_the_training_nothing(world, fault):
    """With one destination broken, the script ends in time with its own exit code, and the other has all."""
    other = world.folder / "other"
    other.mkdir()
    began = time.monotonic()
    code, out, err = world.train(
        TRAIN + "print([(one.state, one.points) for one in run.finish().destinations])\nsys.exit(5)\n",
        env={
            "TRACKHUB_TO": f"{world.url},filesink:{other}?on={fault}",
            "TRACKHUB_FINISH_TIMEOUT_S": "4",
            "TRACKHUB_LINGER_S": "1",
        },
    )
    assert (code, err) == (5, "")
    assert time.monotonic() - began < 15
    assert steps(world) == list(range(200))
    assert world.status() == ["finished"]
    states = {"hang": "waiting", "exit": "stopped", "down": "retrying", "denied": "unauthorized"}
    assert f"('{states[fault]}', 0)" in out
    assert "('delivered', 200)" in out


def test_the_delivery_process_can_be_killed_again_and_again(world):
    """With its delivery process killed over and over, a sync at the end leaves every point there once."""
    code = ENDLESS.replace("while True", "while step < 3000")
    killed = set()
    with world.start(code, env={"TRACKHUB_TO": f"{world.url}?delay_s=0.05"}) as process:
        while process.poll() is None and len(killed) < 6:
            for start in world.held("starts") if world.runs() else []:
                if start["pid"] not in killed:
                    killed.add(start["pid"])
                    time.sleep(0.3)
                    os.kill(start["pid"], signal.SIGKILL)
            if killed and process.poll() is None:
                sync = subprocess.Popen(
                    [
                        sys.executable,
                        "-c",
                        f"import trackhub; trackhub.sync(to={world.url + '?delay_s=0.05'!r}, timeout_s=2)",
                    ],
                    cwd=world.folder,
                    env=world.environment(),
                )
                time.sleep(1.0)
                sync.kill()
                sync.wait()
                killed.add(sync.pid)
        process.communicate(timeout=50)
    done = subprocess.run(
        [sys.executable, "-c", f"import trackhub; print(trackhub.sync(to={world.url + '?delay_s=0.05'!r}).complete)"],
        cwd=world.folder,
        env=world.environment(),
        capture_output=True,
        text=True,
        timeout=50,
        check=True,
    )
    assert done.stdout.strip() == "True", done
    assert steps(world) == list(range(3000))
    assert world.status()[-1] == "finished"


def test_a_delivery_process_that_died_is_replaced_at_the_end(world):
    """A training whose delivery process was killed starts another when it finishes, and all arrives."""
    code, out, err = world.train(
        """
import os, signal, time
import trackhub
from trackhub import hub
with trackhub.start_run(project="p") as run:
    run.log({"a": 0.0}, step=0)
    assert run.flush().complete
    os.kill(hub._process.pid, signal.SIGKILL)
    time.sleep(0.2)
    run.log({"a": 1.0}, step=1)
print(run.finish().complete)
"""
    )
    assert (code, out, err) == (0, "True\n", "")
    assert steps(world) == [0, 1]
    assert world.status() == ["finished"]


def test_a_forked_child_does_not_hide_its_parents_death(world):
    """A data loader's worker that outlives the training does not keep it from being seen as crashed."""
    fork = (
        "import os\nchild = os.fork()\nif not child:\n    time.sleep(30)\n    os._exit(0)\nprint(child, flush=True)\n"
    )
    code = ENDLESS.replace("step = 0\n", f"{fork}step = 0\n")
    with world.start(code) as process:
        child = int(process.stdout.readline())
        last_acknowledged(process, 50)
        process.kill()
        process.stdout.close()
        try:
            assert eventually(world.status, 10) == ["crashed"]
        finally:
            os.kill(child, signal.SIGKILL)


def test_a_forked_child_may_log_to_its_parents_run(world):
    """Points of a forked child arrive beside its parent's, each once, and the run ends with the parent."""
    code, _, err = world.train(
        """
import os, trackhub
run = trackhub.start_run(project="p")
run.log({"parent": 0})
child = os.fork()
if not child:
    for step in range(50):
        run.log({"child": step}, step=step)
    run.finish()
    os._exit(0)
os.waitpid(child, 0)
for step in range(50):
    run.log({"parent": step}, step=step)
run.finish()
"""
    )
    assert (code, err) == (0, "")
    points = world.held("points")
    assert sorted(p[2] for p in points if p[0] == "child") == list(range(50))
    assert len([p for p in points if p[0] == "parent"]) == 51
    assert world.status() == ["finished"]


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_multiprocessing_children_have_runs_of_their_own(world, method):
    """Runs that multiprocessing's children start are delivered and end, with or without a finish."""
    code, _, err = world.train(
        f"""
import multiprocessing, trackhub

def work(number):
    run = trackhub.start_run(project="p", name=f"child-{{number}}")
    run.log({{"x": number}}, step=number)

if __name__ == "__main__":
    context = multiprocessing.get_context("{method}")
    with trackhub.start_run(project="p", name="parent") as run:
        children = [context.Process(target=work, args=(number,)) for number in range(3)]
        for child in children: child.start()
        for child in children: child.join()
        assert [child.exitcode for child in children] == [0, 0, 0]
"""
    )
    assert (code, err) == (0, "")
    eventually(lambda: len(world.runs()) == 4 and all(world.held("ends", run) for run in world.runs()))
    assert {world.held("starts", run)[0]["name"] for run in world.runs()} == {"parent", "child-0", "child-1", "child-2"}
    assert {world.held("ends", run)[0]["status"] for run in world.runs()} == {"finished"}


def test_python_dash_c_and_no_stdin(world):
    """A one-liner whose standard input is closed is delivered like any script."""
    command = "import trackhub\nwith trackhub.start_run(project='p') as run: run.log({'a': 1}, step=1)"
    done = subprocess.run(
        ["sh", "-c", 'exec "$0" -c "$1" <&-', sys.executable, command],
        cwd=world.folder,
        env=world.environment(),
        capture_output=True,
        text=True,
        timeout=50,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert steps(world) == [1]
    assert world.status() == ["finished"]


def test_a_thread_delivers_where_no_process_may(world):
    """``delivery="thread"`` delivers everything without a second process."""
    code, _, err = world.train(TRAIN, env={"TRACKHUB_DELIVERY": "thread"})
    assert (code, err) == (0, "")
    assert steps(world) == list(range(200))
    assert world.status() == ["finished"]


def test_delivery_off_leaves_everything_to_sync(world):
    """``delivery="off"`` keeps the journal; a later sync, to anywhere, brings it all."""
    code, _, err = world.train(TRAIN, env={"TRACKHUB_DELIVERY": "off"})
    assert (code, err) == (0, "")
    assert world.runs() == []
    done = subprocess.run(
        [sys.executable, "-c", "import trackhub; print(trackhub.sync().complete)"],
        cwd=world.folder,
        env=world.environment(),
        capture_output=True,
        text=True,
        timeout=50,
        check=True,
    )
    assert done.stdout.strip() == "True"
    assert steps(world) == list(range(200))
    assert world.status() == ["finished"]


def test_offline_ignores_destinations(world):
    """``TRACKHUB_MODE=offline`` gives nothing to the destinations that are configured."""
    code, _, err = world.train(TRAIN, env={"TRACKHUB_MODE": "offline"})
    assert (code, err) == (0, "")
    assert world.runs() == []


def test_the_environment_is_captured_away_from_the_training(world):
    """The delivery process describes the training's process, and the destination gets it."""
    code, _, err = world.train(TRAIN, env={"TRACKHUB_CAPTURE": "true"})
    assert (code, err) == (0, "")
    (environment,) = eventually(lambda: world.held("environment"))
    assert environment["entry_point"].endswith("train.py")
    assert environment["python"]["packages"]["pluggy"]
    assert json.dumps(environment)


def test_where_no_process_can_be_started_the_run_ends_all_the_same(world):
    """Neither the start nor the end of a run raises what the system says of a new process."""
    code, out, err = world.train(
        """
import subprocess
import trackhub
def refuse(*a, **k):
    raise BlockingIOError(11, "Resource temporarily unavailable")
subprocess.Popen = refuse
with trackhub.start_run(project="p") as run:
    run.log({"a": 1.0})
print(run.status, run.finish().complete)
"""
    )
    assert (code, out) == (0, "finished False\n"), err
    assert "no delivery process can be started" in err
    assert "`trackhub sync` delivers later" in err


FROZEN = """
import os, signal, time
import trackhub
from trackhub import hub
first = trackhub.start_run(project="p", name="first")
first.log({"a": 1.0})
first.flush()
os.kill(hub._process.pid, signal.SIGSTOP)
print(hub._process.pid, flush=True)
began = time.monotonic()
for number in range(30):
    trackhub.start_run(project="p", name=f"n-{number}").end("finished")
for _ in range(70_000):
    assert hub._process.wake()
print(time.monotonic() - began < 20, flush=True)
"""
LARGE = {"TRACKHUB_REDACT": "x" * 5000}
"""A setting that is in each notice, so that few of them fill a pipe."""


def test_a_delivery_process_that_is_stopped_holds_up_nobody(world):
    """Runs start and wake it though its pipe is full; once it goes on, it is told of all of them."""
    code = f"{FROZEN}os.kill(hub._process.pid, signal.SIGCONT)\nfirst.finish()\ntime.sleep(3)\n"
    with world.start(code, env=LARGE) as process:
        out, err = process.communicate(timeout=50)
    assert (process.returncode, err) == (0, "")
    assert out.split()[1] == "True"
    eventually(lambda: len(world.runs()) == 31 and all(world.held("ends", run) for run in world.runs()), 30)


def test_what_a_stopped_delivery_process_was_not_told_is_said(world):
    """A training ends in time beside a stopped one, and says that ``trackhub sync`` delivers the rest."""
    began = time.monotonic()
    with world.start(f"{FROZEN}first.end('finished')\n", env={**LARGE, "TRACKHUB_FINISH_TIMEOUT_S": "1"}) as process:
        out, err = process.communicate(timeout=50)
    os.kill(int(out.split()[0]), signal.SIGKILL)
    assert process.returncode == 0
    assert time.monotonic() - began < 30
    assert "`trackhub sync` delivers what is left" in err
