"""Answer what the SDK asks about files and artifacts; from the state, to GraphQL's data."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from typing import Any
from urllib.parse import quote

from wandb_server.runs import _entity, _time
from wandb_server.state import ArtifactVersion, Refused, State

Variables = dict[str, Any]


class Artifacts:
    """Serve the operations on files and artifacts.

    :ivar url: where blobs are put and got.
    """

    def __init__(self, state: State) -> None:
        self._state = state
        self.url = ""
        self._targets: dict[str, str] = {}
        self.operations: dict[str, Callable[[Variables], Any]] = {
            "CreateRunFiles": self._create_run_files,
            "MarkRunFilesUploaded": lambda _: {"markRunFilesUploaded": {"success": True}},
            "RunFiles": self._run_files,
            "FetchArtifactDigestAlgorithm": lambda _: {"project": {"artifactType": None}},
            "XXHashDigestsEnabled": lambda _: {"entity": {"xxhashDigestsEnabled": False}},
            "CreateArtifact": self._create,
            "CreateArtifactManifest": self._create_manifest,
            "UpdateArtifactManifest": self._update_manifest,
            "CreateArtifactFiles": self._create_files,
            "CommitArtifact": self._commit,
            "ClientIDMapping": self._client_id,
            "ArtifactByID": lambda given: {"artifact": self._shown(self._need(given["id"]))},
            "ArtifactMembershipByName": self._by_name,
            "ArtifactType": self._type,
            "ArtifactManifest": lambda given: self._manifest(given["artifact_id"]),
            "FetchArtifactManifest": lambda given: self._manifest(given["id"]),
            "GetArtifactMembershipFileUrls": self._file_urls,
            "RunOutputArtifacts": self._outputs,
            "UpdateArtifact": self._update,
            "AddAliases": self._add_aliases,
        }

    def _create_run_files(self, given: Variables) -> Any:
        run = self._state.need(given["entity"], given["project"], given["run"])
        self._state.wrote(run)
        place = f"{quote(run.entity)}/{quote(run.project)}/{run.name}"
        files = [
            {"name": name, "uploadUrl": f"{self.url}/storage/run/{place}/{quote(name)}"} for name in given["files"]
        ]
        return {"createRunFiles": {"runID": run.id, "uploadHeaders": [], "files": files}}

    def _run_files(self, given: Variables) -> Any:
        run = self._state.need(given["entity"], given["project"], given["name"])
        wanted = given.get("fileNames") or list(run.files)
        place = f"{self.url}/storage/run/{quote(run.entity)}/{quote(run.project)}/{run.name}"
        edges = [
            {
                "node": {
                    "id": name,
                    "name": name,
                    "url": f"{place}/{quote(name)}",
                    "directUrl": f"{place}/{quote(name)}",
                    "sizeBytes": str(len(run.files[name])),
                    "mimetype": "",
                    "updatedAt": None,
                    "md5": None,
                },
                "cursor": name,
            }
            for name in wanted
            if name in run.files
        ]
        files = {"edges": edges, "pageInfo": {"endCursor": None, "hasNextPage": False}}
        return {"project": {"internalId": "1", "run": {"fileCount": len(run.files), "files": files}}}

    def _create(self, given: Variables) -> Any:
        given = given["input"]
        collection = given.get("artifactCollectionName") or given["artifactCollectionNames"][0]
        run = self._state.need(given["entityName"], given["projectName"], given["runName"])
        same = [one for one in self._versions(run.entity, run.project) if one.collection == collection]
        if any(one.type != given["artifactTypeName"] for one in same):
            raise Refused(f"artifact collection {collection!r} is of another type: {same[0].type!r}")
        self._state.wrote(run)
        aliases = [one["alias"] for one in given.get("aliases") or []]
        for known in same:
            if known.digest == given["digest"] and known.index is not None:
                if not self._state.behaviour.loses_aliases:
                    self._move(same, known, aliases)
                if not self._state.behaviour.shares_artifacts and known.id not in run.outputs:
                    run.outputs.append(known.id)
                return self._created(known)
        made = ArtifactVersion(
            self._state.new_id("artifact"),
            run.entity,
            run.project,
            given["artifactTypeName"],
            collection,
            given["digest"],
            run.name,
            given.get("clientID") or "",
            given.get("metadata"),
            given.get("description"),
            aliases=aliases,
        )
        self._state.artifacts[made.id] = made
        return self._created(made)

    def _created(self, made: ArtifactVersion) -> Any:
        known = [one.id for one in self._versions(made.entity, made.project) if one.collection == made.collection
                 and one.index is not None]  # fmt: skip
        latest = {"id": known[-1]} if known else None
        state = "COMMITTED" if made.index is not None else "PENDING"
        artifact = {
            "id": made.id,
            "state": state,
            "artifactSequence": {"id": made.collection, "latestArtifact": latest},
        }
        return {"createArtifact": {"artifact": artifact}}

    def _create_manifest(self, given: Variables) -> Any:
        made = self._need(given["artifactID"])
        number = self._state.new_id("manifest")
        self._targets[number] = made.id
        file = {"id": number, "uploadUrl": f"{self.url}/storage/blob/{number}", "uploadHeaders": []}
        if given["includeUpload"]:
            made.manifests.append(number)
        return {"createArtifactManifest": {"artifactManifest": {"id": number, "file": file}}}

    def _update_manifest(self, given: Variables) -> Any:
        number = given["artifactManifestID"]
        self._need(self._targets[number]).manifests.append(number)
        file = {"id": number, "uploadUrl": f"{self.url}/storage/blob/{number}", "uploadHeaders": []}
        return {"updateArtifactManifest": {"artifactManifest": {"id": number, "file": file}}}

    def _create_files(self, given: Variables) -> Any:
        edges = []
        for file in given["input"]["artifactFiles"]:
            made = self._need(file["artifactID"])
            blob = base64.b64decode(file["md5"]).hex() if file.get("md5") else file["xxh3"]
            made.files[file["name"]] = blob
            edges.append(
                {
                    "node": {
                        "name": file["name"],
                        "storagePath": f"wandb_artifacts/{blob}",
                        "uploadUrl": None if blob in self._state.blobs else f"{self.url}/storage/blob/{blob}",
                        "uploadHeaders": [],
                        "uploadMultipartUrls": None,
                        "artifact": {"id": made.id},
                    }
                }
            )
        return {"createArtifactFiles": {"files": {"edges": edges}}}

    def _commit(self, given: Variables) -> Any:
        made = self._need(given["artifactID"])
        if made.index is None:
            if not made.manifests or made.manifests[-1] not in self._state.blobs:
                raise Refused(f"{made.id}: its manifest was not uploaded")
            entries = json.loads(self._state.blobs[made.manifests[-1]])["contents"].values()
            missing = [one for one in entries if base64.b64decode(one["digest"]).hex() not in self._state.blobs]
            if missing:
                raise Refused(f"{made.id}: files were not uploaded: {missing}")
            same = [one for one in self._versions(made.entity, made.project) if one.collection == made.collection]
            made.index = sum(one.index is not None for one in same)
            self._move(same, made, [*made.aliases, "latest"])
            self._state.need(made.entity, made.project, made.run).outputs.append(made.id)
        return {"commitArtifact": {"artifact": {"id": made.id, "digest": made.digest}}}

    def _client_id(self, given: Variables) -> Any:
        for one in self._state.artifacts.values():
            if one.client_id == given["clientID"]:
                return {"clientIDMapping": {"serverID": one.id}}
        return {"clientIDMapping": None}

    def _by_name(self, given: Variables) -> Any:
        collection, _, alias = given["name"].partition(":")
        for one in self._versions(given["entity"], given["project"]):
            known = one.index is not None and (alias in one.aliases or alias == f"v{one.index}")
            if one.collection == collection and known:
                found = {
                    "__typename": "ArtifactCollectionMembership",
                    "id": f"membership-{one.id}",
                    "versionIndex": one.index,
                    "createdAt": _time(one.created),
                    "aliases": self._aliases(one),
                    "artifactCollection": self._collection(one),
                    "artifact": self._shown(one),
                }
                return {"project": {"artifactCollectionMembership": found}}
        return {"project": {"artifactCollectionMembership": None}}

    def _type(self, given: Variables) -> Any:
        collection = given["name"].partition(":")[0]
        for one in self._versions(given["entity"], given["project"]):
            if one.collection == collection and one.index is not None:
                return {"project": {"artifact": {"artifactType": {"name": one.type}}}}
        return {"project": {"artifact": None}}

    def _manifest(self, artifact_id: str) -> Any:
        number = self._need(artifact_id).manifests[-1]
        return {"artifact": {"currentManifest": {"file": {"directUrl": f"{self.url}/storage/blob/{number}"}}}}

    def _file_urls(self, given: Variables) -> Any:
        edges = []
        for one in self._versions(given["entity"], given["project"]):
            if one.collection == given["collection"] and given["alias"] in [*one.aliases, f"v{one.index}"]:
                edges = [
                    {
                        "node": {
                            "__typename": "File",
                            "name": name,
                            "directUrl": f"{self.url}/storage/blob/{blob}",
                        }
                    }
                    for name, blob in one.files.items()
                ]
        files = {"pageInfo": {"__typename": "PageInfo", "endCursor": None, "hasNextPage": False}, "edges": edges}
        membership = {"__typename": "ArtifactSequence", "artifactMembership": {"files": files}}
        return {"project": {"artifactCollection": membership}}

    def _outputs(self, given: Variables) -> Any:
        run = self._state.need(given["entity"], given["project"], given["run"])
        edges = [{"node": self._shown(self._need(one)), "cursor": one} for one in run.outputs]
        more = {"__typename": "PageInfo", "endCursor": None, "hasNextPage": False}
        return {"project": {"run": {"artifacts": {"totalCount": len(edges), "pageInfo": more, "edges": edges}}}}

    def _update(self, given: Variables) -> Any:
        given = given["input"]
        made = self._need(given["artifactID"])
        made.metadata = given.get("metadata") or made.metadata
        made.description = given.get("description") or made.description
        return {"result": {"artifact": self._shown(made)}}

    def _add_aliases(self, given: Variables) -> Any:
        given = given["input"]
        made = self._need(given["artifactID"])
        self._move(self._versions(made.entity, made.project), made, [one["alias"] for one in given["aliases"]])
        return {"result": {"success": True}}

    def _versions(self, entity: str, project: str) -> list[ArtifactVersion]:
        project = self._state.project_name(entity, project)
        return [one for one in self._state.artifacts.values() if (one.entity, one.project) == (entity, project)]

    def _move(self, versions: list[ArtifactVersion], to: ArtifactVersion, aliases: list[str]) -> None:
        for alias in aliases:
            for one in versions:
                if one.collection == to.collection and alias in one.aliases and one is not to:
                    one.aliases.remove(alias)
            if alias not in to.aliases:
                to.aliases.append(alias)

    def _need(self, artifact_id: str) -> ArtifactVersion:
        found = self._state.artifacts.get(artifact_id)
        if found is None:
            raise Refused(f"artifact {artifact_id} not found")
        return found

    def _collection(self, one: ArtifactVersion) -> dict[str, Any]:
        project = {"id": "model-1", "internalId": "1", "name": one.project, "entity": _entity(one.entity)}
        return {"__typename": "ArtifactSequence", "name": one.collection, "project": project}

    def _aliases(self, one: ArtifactVersion) -> list[dict[str, Any]]:
        return [
            {"__typename": "ArtifactAlias", "id": name, "alias": name, "artifactCollection": self._collection(one)}
            for name in [*one.aliases, f"v{one.index}"]
        ]

    def _shown(self, one: ArtifactVersion) -> dict[str, Any]:
        size = sum(len(self._state.blobs.get(blob, b"")) for blob in one.files.values())
        return {
            "__typename": "Artifact",
            "id": one.id,
            "artifactSequence": self._collection(one),
            "versionIndex": one.index,
            "artifactType": {"name": one.type},
            "description": one.description,
            "metadata": one.metadata,
            "ttlDurationSeconds": -2,
            "ttlIsInherited": True,
            "tags": [],
            "historyStep": None,
            "state": "COMMITTED" if one.index is not None else "PENDING",
            "size": size,
            "digest": one.digest,
            "digestAlgorithm": "MANIFEST_MD5",
            "commitHash": "",
            "fileCount": len(one.files),
            "createdAt": _time(one.created),
            "updatedAt": None,
            "aliases": self._aliases(one),
        }
