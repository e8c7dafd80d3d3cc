"""Hold the loopback server itself to what is claimed of it; spoken to by plain HTTP, without the SDK."""

from __future__ import annotations

import base64
import http.client
import json
import time
from typing import Any
from urllib.parse import urlsplit

import pytest
from support.faultproxy import DROP, HOLE, RESET, answer
from wandb_server import API_KEY, Behaviour, WandbServer, wandb_server

ROWS = [json.dumps({"_step": number, "x": number / 2}) for number in range(5)]


def ask(server: WandbServer, method: str, path: str, body: Any = None, *, key: str = API_KEY) -> tuple[int, Any]:
    """Return a status and an answer."""
    connection = http.client.HTTPConnection(urlsplit(server.url).netloc, timeout=2)
    credentials = base64.b64encode(f"api:{key}".encode()).decode()
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    try:
        connection.request(method, path, content, {"Authorization": f"Basic {credentials}"})
        reply = connection.getresponse()
        text = reply.read()
        return reply.status, json.loads(text) if text[:1] in (b"{", b"[") else text
    finally:
        connection.close()


def graphql(server: WandbServer, operation: str, **variables: Any) -> Any:
    status, told = ask(server, "POST", "/graphql", {"query": f"query {operation} {{ x }}", "variables": variables})
    assert status == 200
    assert "errors" not in told, told
    return told["data"]


def stream(server: WandbServer, offset: int, rows: list[str], **more: Any) -> int:
    files = {"wandb-history.jsonl": {"offset": offset, "content": rows}}
    return ask(server, "POST", "/files/team/p/r/file_stream", {"files": files, **more})[0]


def made(server: WandbServer) -> str:
    told = graphql(server, "UpsertBucket", entity="team", project="p", name="r", config="{}")
    return told["upsertBucket"]["bucket"]["id"]


def status(server: WandbServer) -> dict[str, Any]:
    return graphql(server, "RunResumeStatus", entity="team", project="p", name="r")["model"]["bucket"]


def page(server: WandbServer, first: int = 0, end: int = 100) -> list[Any]:
    given = {"entity": "team", "project": "p", "run": "r", "minStep": first, "maxStep": end, "pageSize": 100}
    return [json.loads(row) for row in graphql(server, "HistoryPage", **given)["project"]["run"]["history"]]


def test_lines_go_where_their_offset_says(wandb_kind: WandbServer):
    """The same lines again take their own place; lines behind a gap are refused."""
    made(wandb_kind)
    assert stream(wandb_kind, 0, ROWS[:3]) == 200
    assert stream(wandb_kind, 1, ROWS[1:5]) == 200
    assert stream(wandb_kind, 9, ROWS[:1]) == 400
    held = wandb_kind.run("r")
    assert [line.text for line in held.history] == ROWS
    assert (held.copies, held.gaps) == (2, 1)
    assert [row["_step"] for row in page(wandb_kind, 1, 3)] == [1, 2]


def test_a_run_tells_how_far_it_is(wandb_kind: WandbServer):
    """The count of lines, the last of them, and the last step are those of the history."""
    made(wandb_kind)
    assert status(wandb_kind)["historyLineCount"] == 0
    stream(wandb_kind, 0, ROWS)
    told = status(wandb_kind)
    assert (told["historyLineCount"], json.loads(told["historyTail"])) == (5, [ROWS[4]])
    keys = graphql(wandb_kind, "RunHistoryKeys", entity="team", project="p", name="r")
    assert keys["project"]["run"]["historyKeys"]["lastStep"] == 4


@pytest.mark.parametrize(("code", "state"), [(0, "finished"), (1, "failed"), (255, "failed")])
def test_a_state_is_what_the_exit_code_says(wandb_kind: WandbServer, code: int, state: str):
    """Running, until a stream is complete; and running again with the next line."""
    made(wandb_kind)
    assert wandb_kind.run("r").state == "running"
    stream(wandb_kind, 0, ROWS, complete=True, exitcode=code)
    assert wandb_kind.run("r").state == state
    stream(wandb_kind, 5, [])
    assert wandb_kind.run("r").state == "running"


def test_counters_may_lag_each_for_itself():
    """A server may tell of rows before it counts them, and the other way round."""
    with wandb_server(Behaviour(lines_lag_s=0.3)) as server:
        made(server)
        stream(server, 0, ROWS)
        told = status(server)
        assert (told["historyLineCount"], json.loads(told["historyTail"])) == (0, [ROWS[4]])
        time.sleep(0.35)
        assert status(server)["historyLineCount"] == 5
    with wandb_server(Behaviour(steps_lag_s=60)) as server:
        made(server)
        stream(server, 0, ROWS)
        assert status(server)["historyLineCount"] == 5
        assert page(server) == []


def test_whims_are_as_described():
    """Copies are kept, numbers lost, ended runs revived, names folded and cut."""
    whims = Behaviour(keeps_copies=True, loses_numbers=True, revives=True, folds_names=True, longest_name=3)
    with wandb_server(whims) as server:
        number = made(server)
        stream(server, 0, ['{"_step": 0, "x": NaN, "y": 9007199254740993}'], complete=True)
        stream(server, 0, ['{"_step": 0, "x": NaN, "y": 9007199254740993}'], complete=True)
        assert page(server) == [{"_step": 0, "x": None, "y": 2.0**53}] * 2
        assert server.run("r").state == "finished"
        graphql(server, "UpsertBucket", id=number, displayName="abcdef", config="{}")
        assert (server.run("r").state, server.run("r").display_name) == ("running", "abc")
        graphql(server, "UpsertBucket", entity="team", project="P", name="other")
        assert server.run("other").project == "p"


def test_keys_are_asked_for(wandb_kind: WandbServer):
    """Everywhere but at signed addresses; with the status that is set."""
    assert ask(wandb_kind, "POST", "/graphql", {"query": "query Viewer {x}"}, key="wrong")[0] == 401
    wandb_kind.refusal = 403
    assert ask(wandb_kind, "POST", "/files/team/p/r/file_stream", {}, key="wrong")[0] == 403
    assert ask(wandb_kind, "PUT", "/storage/blob/x", b"bytes", key="wrong")[0] == 200
    assert ask(wandb_kind, "GET", "/storage/blob/x", key="wrong") == (200, b"bytes")


def test_an_artifact_is_committed_once_its_bytes_are_there(wandb_kind: WandbServer):
    """Without its manifest and files it stays pending; the same content in one collection is one version."""
    made(wandb_kind)
    place = {"entityName": "team", "projectName": "p", "runName": "r"}
    given = {**place, "artifactTypeName": "model", "artifactCollectionName": "a", "digest": "d", "aliases": []}
    number = graphql(wandb_kind, "CreateArtifact", input=given)["createArtifact"]["artifact"]["id"]
    told = ask(
        wandb_kind, "POST", "/graphql", {"query": "mutation CommitArtifact {", "variables": {"artifactID": number}}
    )
    assert "manifest was not uploaded" in told[1]["errors"][0]["message"]
    manifest = graphql(
        wandb_kind, "CreateArtifactManifest", artifactID=number, name="wandb_manifest.json", digest="x",
        manifestType="FULL", includeUpload=True, **place,
    )["createArtifactManifest"]["artifactManifest"]["file"]  # fmt: skip
    ask(wandb_kind, "PUT", urlsplit(manifest["uploadUrl"]).path, b'{"contents": {}}')
    graphql(wandb_kind, "CommitArtifact", artifactID=number)
    again = graphql(wandb_kind, "CreateArtifact", input=given)["createArtifact"]["artifact"]
    assert (again["id"], again["state"]) == (number, "COMMITTED")
    other = {**given, "artifactTypeName": "data"}
    told = ask(wandb_kind, "POST", "/graphql", {"query": "mutation CreateArtifact {", "variables": {"input": other}})
    assert "is of another type" in told[1]["errors"][0]["message"]


def test_faults_do_what_they_are_called(wandb_kind: WandbServer):
    """An answer that is lost was processed; a reset and a hole were not; a status comes in the server's place."""
    made(wandb_kind)
    for fault, processed in ((DROP, True), (RESET, False), (HOLE, False)):
        before = len(wandb_kind.run("r").history)
        wandb_kind.faults.script("/files/", fault)
        with pytest.raises((OSError, http.client.HTTPException)):
            stream(wandb_kind, before, [json.dumps({"_step": before})])
        assert len(wandb_kind.run("r").history) == before + processed
    wandb_kind.faults.script("/graphql/Viewer", answer(429, retry_after="7"))
    assert ask(wandb_kind, "POST", "/graphql", {"query": "query Viewer {x}"})[0] == 429
    assert graphql(wandb_kind, "Viewer")["viewer"]["username"] == "ada"


def test_an_unknown_question_is_said_to_be_one(wandb_kind: WandbServer):
    """Nothing is made up for an operation that the server does not serve; nor for a run that is not there."""
    told = ask(wandb_kind, "POST", "/graphql", {"query": "query Surprise {x}"})
    assert (told[0], "no operation 'Surprise' here" in str(told[1])) == (400, True)
    assert graphql(wandb_kind, "Run", entity="team", project="p", name="r") == {"project": None}
    assert stream(wandb_kind, 0, ROWS) == 400


def test_a_run_is_deleted(wandb_kind: WandbServer):
    """By the server's own id, as the SDK asks."""
    graphql(wandb_kind, "DeleteRun", id=made(wandb_kind))
    assert wandb_kind.runs("r") == []
