"""Give what a lane delivers to Comet, fitted into what it can hold; exactly once, whatever the network does."""

from __future__ import annotations

import hashlib
from functools import cached_property
from typing import Any

from trackhub import hookimpl
from trackhub.errors import RetryLater
from trackhub.model.entities import (
    Artifact,
    ArtifactFile,
    Batch,
    MetricPoint,
    Note,
    Param,
    RunEnd,
    RunInfo,
    RunRef,
    Tag,
)
from trackhub_comet import mapping
from trackhub_comet.address import project_name
from trackhub_comet.known import KnownRun
from trackhub_comet.places import listed
from trackhub_comet.sending import Sending
from trackhub_comet.session import Session
from trackhub_comet.shelf import FILE, SURROUNDINGS

_MS = 1_000_000
_LONGEST_NAME = 100


class Writing(Session):
    """Implement the hooks that write."""

    @cached_property
    def _sending(self) -> Sending:
        return Sending(self._wire, self._paces, self._choices.settle_s, self._address.shown)

    def _forget(self) -> None:
        super()._forget()
        self.__dict__.pop("_sending", None)

    @hookimpl
    def trackhub_start_run(self, run: RunInfo) -> RunRef:
        """Make the experiment, or find it by its key, which is made from our id."""
        with self._asking():
            key = self._address.key(self._workspace, run.id)
            self._known_runs.pop(key, None)
            page = self._wire.create(key, self._workspace, project_name(self._address.project or run.project))
            known = self._known_of(key, self._wire.others(key))
            if known.others.get(mapping.RUN_ID) != run.id:
                self._describe(known, run)
            elif run.resumed and known.ended:
                known.put_other(mapping.STATUS, "running")
            if known.ended:
                known.tell_end()
            else:
                self._wire.put_state(key, running=True)
            self._see_start(key, run.started // _MS)
            self._known_runs[key] = known
            return RunRef(id=key, url=_page(page), position=known.position)

    def _describe(self, known: KnownRun, run: RunInfo) -> None:
        """Say whose run it is; our id last, as it says that all of the rest is there."""
        name = mapping.text_of(run.name)
        texts = {mapping.PROJECT: mapping.text_of(run.project)}
        if name != run.name or len(run.name) > _LONGEST_NAME:
            texts[mapping.WHOLE_NAME] = name
        if run.group is not None:
            texts[mapping.GROUP] = mapping.text_of(run.group)
        if run.parent is not None:
            texts[mapping.PARENT] = run.parent.id
        for key, text in texts.items():
            known.put_other(key, known.fitted(key, text, []))
        shown = "".join(char if char.isprintable() else " " for char in run.name)[:_LONGEST_NAME].strip()
        known.put_other(mapping.NAME, shown or run.id)
        known.put_other(mapping.STATUS, "running")  # Comet may think otherwise of one that sends no heartbeats
        known.put_other(mapping.RUN_ID, run.id)

    def _see_start(self, key: str, start_ms: int) -> None:
        metadata = self._wire.metadata(key)
        if metadata is None:
            raise RetryLater(f"{self._address.shown}: the experiment was made, but Comet does not show it yet")
        if metadata.get("startTimeMillis") != start_ms:
            end = metadata.get("endTimeMillis") if not metadata.get("running") else None
            self._wire.put_times(key, start_ms, end)

    @hookimpl
    def trackhub_log_params(self, ref: RunRef, params: tuple[Param, ...]) -> tuple[Note, ...]:
        """Set params, as texts that tell their types."""
        with self._asking(ref):
            known = self._known(ref)
            notes = known.put_params(params)
            known.keep_state()
            return tuple(notes)

    @hookimpl
    def trackhub_log_metrics(self, ref: RunRef, points: tuple[MetricPoint, ...], batch: Batch) -> tuple[Note, ...]:
        """Append the points that are not there yet."""
        with self._asking(ref):
            known = self._known(ref)
            notes = self._sending.send(known, points, batch)
            known.keep_state()
            return tuple(notes)

    @hookimpl
    def trackhub_set_tags(self, ref: RunRef, tags: tuple[Tag, ...]) -> tuple[Note, ...]:
        """Set or replace tags, which Comet calls others."""
        with self._asking(ref):
            known = self._known(ref)
            notes: list[Note] = []
            known.save_names({mapping.tag_key(tag.name): tag.name for tag in tags}, notes)
            for tag in tags:
                text = known.fitted(tag.name, mapping.text_of(tag.value), notes)
                known.put_other(mapping.tag_key(tag.name), text)
            known.keep_state()
            return tuple(notes)

    @hookimpl
    def trackhub_log_artifact(self, ref: RunRef, artifact: Artifact) -> tuple[Note, ...]:
        """Upload an artifact's files, each under an id made from what it is; one that is there is not sent again."""
        with self._asking(ref):
            known = self._known(ref)
            for file in artifact.files:
                place = listed(artifact.name, artifact.version, file.path)
                asset = known.shelf.id_of(f"{artifact.name}\0{artifact.version}\0{file.path}", file.sha256)
                known.shelf.put(asset, place, file.source, _mark(artifact, file))
            known.keep_state()
            return ()

    @hookimpl
    def trackhub_log_environment(self, ref: RunRef, environment: dict[str, Any]) -> tuple[Note, ...]:
        """Fill the pages that Comet has for it, and keep the whole beside."""
        with self._asking(ref):
            known = self._known(ref)
            content = mapping.json_text(environment).encode()
            digest = hashlib.sha256(content).hexdigest()
            asset = known.shelf.id_of(mapping.ENVIRONMENT, digest)
            if known.others.get(mapping.ENVIRONMENT) != asset:
                name = f"trackhub/environment-{digest[:8]}.json"
                known.shelf.put_bytes(asset, name, content, {"is": SURROUNDINGS})
                if details := mapping.system_details(environment):
                    self._wire.put_details(ref.id, details)
                if git := mapping.git_metadata(environment):
                    self._wire.put_git(ref.id, git)
                known.put_other(mapping.ENVIRONMENT, asset)
            known.keep_state()
            return ()

    @hookimpl
    def trackhub_finish_run(self, ref: RunRef, end: RunEnd) -> tuple[Note, ...]:
        """Set the final status and end time; Comet knows finished and crashed, an other says which it was."""
        with self._asking(ref):
            known = self._known(ref)
            notes: list[Note] = []
            if end.reason or mapping.REASON in known.others:
                reason = mapping.text_of(end.reason)
                known.put_other(mapping.REASON, known.fitted("end reason", reason, notes))
            known.put_other(mapping.ENDED, str(end.time))
            known.put_other(mapping.STATUS, end.status)
            there = {*self._wire.tags(ref.id)} & {*mapping.LABELS}
            wanted = {end.status} & {*mapping.LABELS}
            self._wire.put_tags(ref.id, wanted - there, there - wanted)
            known.tell_end()
            return tuple(notes)


def _mark(artifact: Artifact, file: ArtifactFile) -> dict[str, Any]:
    return {
        "is": FILE,
        "artifact": artifact.name,
        "version": artifact.version,
        "type": artifact.type,
        "time": artifact.time,
        "file": file.path,
        "sha256": file.sha256,
        "size": file.size,
    }


def _page(page: str | None) -> str | None:
    """Return a run's page, if what Comet named is one."""
    return page if page and page.startswith(("http://", "https://")) and "@" not in page else None
