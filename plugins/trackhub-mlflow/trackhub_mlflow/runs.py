"""Find, make and revive a project's runs; the client is the SDK's, and all it is asked goes through it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from trackhub.errors import RetryLater
from trackhub.model.entities import RunInfo
from trackhub_mlflow import mapping
from trackhub_mlflow.address import Address

_MS = 1_000_000
_ACTIVE, _ALL = 1, 3  # mlflow.entities.ViewType
_A_PAGE = 1000
_LONGEST_NAME = 250
_PARENT = "mlflow.parentRunId"


class Runs:
    """Know where a store's runs are.

    :param client: an ``MlflowClient``.
    :param experiment: takes every run, whatever its project.
    :param artifacts: the URI under which new experiments keep their artifacts.
    """

    def __init__(self, client: Any, address: Address, experiment: str | None, artifacts: str | None) -> None:
        self._client = client
        self._address = address
        self._experiment = experiment
        self._artifacts = artifacts

    def start(self, run: RunInfo) -> Any:
        """Return MLflow's run of our run: the one that is there, or a new one."""
        experiment = self._experiment_for(run.project)
        found = self._find(experiment, run.id)
        if found is None:
            name = run.name.replace("\0", "")[:_LONGEST_NAME]
            tags = self._start_tags(run, name)
            self._client.create_run(experiment, start_time=run.started // _MS, tags=tags, run_name=name)
            # Asked again: a proxy that repeats a request has made two, and no answer says so.
            found = self._find(experiment, run.id)
        if found is None:
            raise RetryLater(f"{self._address.shown}: the run was created, but a search does not find it yet")
        self._revive(found, run)
        return found

    def of_project(self, project: str, condition: str = "") -> Iterator[Any]:
        """Yield a project's runs that are not deleted."""
        experiment = self._client.get_experiment_by_name(self._experiment or project)
        if experiment is not None:
            for run in self._search(experiment.experiment_id, condition, _ACTIVE):
                if not self._experiment or run.data.tags.get(mapping.PROJECT) == project:
                    yield run

    def one(self, run_id: str, project: str) -> Any | None:
        """Return the run of our id, or of MLflow's where it is not ours."""
        conditions = (_by_our_id(run_id), f"attributes.run_id = {_quoted(run_id)}")
        return next((run for condition in conditions for run in self.of_project(project, condition)), None)

    def _experiment_for(self, project: str) -> str:
        """Return the id of the experiment that takes a project's runs; make it or bring it back."""
        name = self._experiment or project
        found = self._client.get_experiment_by_name(name)
        if found is None:
            try:
                place = self._address.artifacts_of(name, self._artifacts)
                return str(self._client.create_experiment(name, artifact_location=place))
            except Exception as error:
                if getattr(error, "error_code", None) != "RESOURCE_ALREADY_EXISTS":
                    raise
            found = self._client.get_experiment_by_name(name)
        if found.lifecycle_stage == "deleted":
            self._client.restore_experiment(found.experiment_id)
        return str(found.experiment_id)

    def _find(self, experiment: str, run_id: str) -> Any | None:
        """Return the one run of our id; of several keep the one that has points, else the oldest."""
        found = sorted(self._search(experiment, _by_our_id(run_id), _ALL), key=_preference)
        for duplicate in found[1:]:
            if duplicate.info.lifecycle_stage == "active":
                self._client.set_tag(duplicate.info.run_id, mapping.DUPLICATE_OF, found[0].info.run_id)
                self._client.delete_run(duplicate.info.run_id)
        return found[0] if found else None

    def _revive(self, found: Any, run: RunInfo) -> None:
        """Make a run that was found fit for more: not deleted, open if it goes on, under its parent."""
        run_id = found.info.run_id
        if found.info.lifecycle_stage == "deleted":
            self._client.restore_run(run_id)
        if run.resumed and found.info.status != "RUNNING":
            self._client.update_run(run_id, status="RUNNING")
        parent = run.parent.ref.id if run.parent and run.parent.ref else None
        if parent is not None and found.data.tags.get(_PARENT) != parent:
            self._client.set_tag(run_id, _PARENT, parent)

    def _search(self, experiment: str, condition: str, view: int) -> Iterator[Any]:
        token = None
        while True:
            page = self._client.search_runs([experiment], condition, view, _A_PAGE, page_token=token)
            yield from page
            token = page.token
            if not token:
                return

    def _start_tags(self, run: RunInfo, shown_name: str) -> dict[str, str]:
        tags = {mapping.RUN_ID: run.id}
        if self._experiment is not None:
            tags[mapping.PROJECT] = run.project
        if run.name != shown_name:
            tags[mapping.NAME] = mapping.tag_text(run.name)
        if run.group is not None:
            tags[mapping.GROUP] = mapping.tag_text(run.group)
        if run.parent is not None:
            tags[mapping.PARENT] = run.parent.id
            if run.parent.ref is not None:
                tags[_PARENT] = run.parent.ref.id
        return tags


def _preference(run: Any) -> tuple[Any, ...]:
    info = run.info
    return (info.lifecycle_stage != "active", mapping.POSITION not in run.data.tags, info.start_time, info.run_id)


def _by_our_id(run_id: str) -> str:
    return f"tags.`{mapping.RUN_ID}` = {_quoted(run_id)}"


def _quoted(text: str) -> str:
    # The filter language escapes nothing; no id holds a quote.
    return "'" + text.replace("'", "") + "'"
