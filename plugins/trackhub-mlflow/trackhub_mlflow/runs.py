"""Find, make and revive a project's runs; the client is the SDK's, and all it is asked goes through it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from trackhub.errors import RetryLater
from trackhub.model.entities import RunInfo
from trackhub_mlflow import mapping
from trackhub_mlflow.address import Address
from trackhub_mlflow.paging import paged
from trackhub_mlflow.tail import TAIL

_MS = 1_000_000
_ACTIVE, _ALL = 1, 3  # mlflow.entities.ViewType
_A_PAGE = 1000
_A_QUERY = 200  # experiments that one search names
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

    def of_project(self, project: str | None, condition: str = "") -> Iterator[tuple[Any, str]]:
        """Yield a project's runs that are not deleted, each with its project; without one, every project's."""
        names = {str(one.experiment_id): str(one.name) for one in self._experiments(self._experiment or project)}
        for some in _pieces(list(names)):
            for run in self._search(some, condition, _ACTIVE):
                name = run.data.tags.get(mapping.PROJECT, names[str(run.info.experiment_id)])
                if project is None or not self._experiment or name == project:
                    yield run, name

    def one(self, run_id: str, project: str | None) -> tuple[Any, str] | None:
        """Return the run of our id, or of MLflow's where it is not ours, and its project."""
        conditions = (by_our_id(run_id), f"attributes.run_id = {_quoted(run_id)}")
        return next((found for condition in conditions for found in self.of_project(project, condition)), None)

    def _experiments(self, name: str | None) -> Iterator[Any]:
        """Yield the experiment of a name, or all that are not deleted."""
        if name is not None:
            found = self._client.get_experiment_by_name(name)
            yield from [] if found is None else [found]
            return
        yield from paged(lambda token: self._client.search_experiments(_ACTIVE, _A_PAGE, page_token=token))

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
        """Return the one run of our id; of several keep the one that has points, else the one that has most."""
        found = sorted(self._search([experiment], by_our_id(run_id), _ALL), key=_preference)
        if len(found) > 1:
            self._delete_copies(found[0], found[1:])
        return found[0] if found else None

    def leave_alone(self, run: Any) -> None:
        """Delete what else has a run's id: a request that was given up may have made a run late."""
        ours = run.data.tags.get(mapping.RUN_ID)
        if ours is not None:
            found = self._search([run.info.experiment_id], by_our_id(ours), _ACTIVE)
            self._delete_copies(run, [one for one in found if one.info.run_id != run.info.run_id])

    def _delete_copies(self, kept: Any, copies: list[Any]) -> None:
        for copy in copies:
            if copy.info.lifecycle_stage == "active":
                self._client.set_tag(copy.info.run_id, mapping.DUPLICATE_OF, kept.info.run_id)
                self._client.delete_run(copy.info.run_id)

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

    def _search(self, experiments: list[str], condition: str, view: int) -> Iterator[Any]:
        search = self._client.search_runs
        return paged(lambda token: search(experiments, condition, view, _A_PAGE, page_token=token))

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


def _pieces(experiments: list[str]) -> Iterator[list[str]]:
    for first in range(0, len(experiments), _A_QUERY):
        yield experiments[first : first + _A_QUERY]


def _preference(run: Any) -> tuple[Any, ...]:
    info, held = run.info, run.data
    # The one that was delivered to has points, or at least params and tags that a copy has not.
    size = len(held.params) + len(held.tags)
    return (info.lifecycle_stage != "active", TAIL not in held.tags, -size, info.start_time, info.run_id)


def by_our_id(run_id: str) -> str:
    """Return the condition of a search for what has our id in a tag."""
    return f"tags.`{mapping.RUN_ID}` = {_quoted(run_id)}"


def _quoted(text: str) -> str:
    # The filter language escapes nothing; no id holds a quote.
    return "'" + text.replace("'", "") + "'"
