"""Do what the backend asks through the SDK, and answer in plain values; the only module that speaks to W&B."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from pathlib import Path
from typing import Any

import wandb
from wandb.errors import CommError

from trackhub_wandb.sdk.settings import process_environment, session_settings

_PAGE = 1000
_MARKER = "trackhub.json"
_MOST_OPEN = 8
_Place = tuple[str, str, str]


class Desk:
    """Serve one server and account; questions come one at a time.

    :ivar spoilt: a session went wrong, so that the SDK is of no more use in this process.
    """

    def __init__(self, folder: str) -> None:
        self._folder = folder
        self._timeout_s = 20.0
        self._server: str | None = None
        self._key: str | None = None
        self._api: Any = None
        self._seen: dict[_Place, Any] = {}
        self._held: dict[_Place, tuple[Any, int]] = {}
        self.spoilt = False

    def do_begin(self, server: str | None, key: str | None, timeout_s: float) -> str:
        """Take in which server it is about."""
        self._server, self._key, self._timeout_s = server, key, timeout_s
        os.environ.update(process_environment(timeout_s))
        if server is not None:
            os.environ["WANDB_BASE_URL"] = server
        if key is not None:
            os.environ["WANDB_API_KEY"] = key
        return str(wandb.__version__)

    def do_rest(self) -> None:
        """Close what is open: somebody else may ask next."""
        self._seen.clear()
        for place in list(self._held):
            self._let_go(*place)

    # ---- asking --------------------------------------------------------------------------

    def do_who(self) -> dict[str, Any]:
        """Return who the server takes this for."""
        viewer = self._fresh().viewer
        teams = viewer.teams or []
        return {"user": viewer.username, "entity": viewer.entity, "teams": list(teams), "version": wandb.__version__}

    def do_find(self, entity: str, project: str, run: str) -> dict[str, Any] | None:
        """Return all that is known of a run but for its rows, or None."""
        try:
            return _told(self._run(entity, project, run))
        except (ValueError, CommError) as error:
            if "Could not find run" in str(error):
                return None
            raise

    def do_runs(self, entity: str, project: str) -> list[dict[str, Any]]:
        """Return a project's runs."""
        try:
            return [_told(run) for run in self._asked().runs(f"{entity}/{project}", order="+created_at", lazy=False)]
        except (ValueError, CommError) as error:
            if "Could not find project" in str(error):
                return []
            raise

    def do_projects(self, entity: str) -> list[str]:
        """Return the names of an entity's projects."""
        return [project.name for project in self._fresh().projects(entity)]

    def do_rows(self, entity: str, project: str, run: str, first: int, end: int) -> list[dict[str, Any]]:
        """Return the rows of a run in a range of numbers."""
        held = self._run(entity, project, run)
        return list(held.scan_history(page_size=_PAGE, min_step=first, max_step=end, use_cache=False))

    def do_last(self, entity: str, project: str, run: str) -> int:
        """Return the number of a run's last row, or -1."""
        place = (entity, project, run)
        if place not in self._seen:
            self._seen[place] = self._run(*place)
        return int(self._seen[place].lastHistoryStep)  # asked anew each time

    # ---- writing -------------------------------------------------------------------------

    def do_session(
        self,
        entity: str,
        project: str,
        run: str,
        begin: dict[str, Any],
        *,
        first: int | None,
        skipped: int,
        rows: list[dict[str, Any]],
        exit_code: int | None,
        live: bool,
    ) -> int:
        """Append rows to a run, which is made if it is not there; return the number that the server goes on with.

        :param first: the number of the first row. Nothing is sent where the SDK would go on before it; where it goes on
            behind it, so do the rows, and say how many numbers were left out.
        :param skipped: how many were left out before.
        :param exit_code: how the run ended; None leaves it running.
        :param live: keep the run open for more; the rows are then sent within a second or so.
        """
        place = (entity, project, run)
        if exit_code is not None:
            self._let_go(*place)
        self.spoilt = True
        held = self._held.pop(place, None)
        session, number = held or self._open(*place, begin, exit_code)
        fits = first is None or number >= first
        left_out = skipped + number - (number if first is None else first)
        told = {"trackhub/skipped": left_out} if left_out else {}
        if fits:
            for row_number, row in enumerate(rows, number):
                session.log({**row, **told}, step=row_number, commit=True)
        if live and fits and exit_code is None:
            self._held[place] = session, number + len(rows)
            while len(self._held) > _MOST_OPEN:
                self._held.pop(next(iter(self._held)))[0].finish()
        else:
            session.finish(exit_code=exit_code or 0)
        self.spoilt = False
        return number

    def do_update(self, entity: str, project: str, run: str, shown: dict[str, Any], config: dict[str, Any]) -> None:
        """Set what W&B shows of a run, and its config; a session would write over it."""
        self._let_go(entity, project, run)
        held = self._run(entity, project, run)
        held.config.clear()
        held.config.update(config)
        held.name, held.tags, held.notes = shown["name"], shown["tags"], shown["notes"]
        held.group, held.job_type = shown["group"], shown["job_type"]
        held.update()

    # ---- artifacts -----------------------------------------------------------------------

    def do_find_artifact(self, entity: str, project: str, name: str) -> dict[str, Any] | None:
        """Return a version of an artifact, by its name and alias, or None."""
        try:
            found = self._asked().artifact(f"{entity}/{project}/{name}")
        except (ValueError, CommError) as error:
            if "not found" in str(error) or "does not exist" in str(error):
                return None
            raise
        return {"type": found.type, "digest": found.digest, "metadata": found.metadata, "name": found.name}

    def do_log_artifact(
        self,
        entity: str,
        project: str,
        run: str,
        *,
        exit_code: int | None,
        name: str,
        type: str,  # noqa: A002  the SDK's word
        alias: str,
        metadata: dict[str, Any],
        files: list[list[str]],
        marker: str,
    ) -> str:
        """Log a version of an artifact, and return its digest once the server has committed it."""
        made = wandb.Artifact(name, type, metadata=metadata)
        with made.new_file(_MARKER, mode="w") as file:
            file.write(marker)
        for source, path in files:
            made.add_file(source, path, policy="immutable", skip_cache=True)
        place = (entity, project, run)
        if exit_code is not None:
            self._let_go(*place)
        self.spoilt = True
        held = self._held.pop(place, None)
        session, _ = held or self._open(*place, {}, exit_code)
        session.log_artifact(made, aliases=["latest", alias])
        made.wait(timeout=None)
        if held is None:
            session.finish(exit_code=exit_code or 0)
        else:
            self._held[place] = held
        self.spoilt = False
        return str(made.digest)

    def do_artifacts(self, entity: str, project: str, run: str) -> list[dict[str, Any]]:
        """Return the artifacts that a run logged, with their files."""
        told = []
        for found in self._run(entity, project, run).logged_artifacts():
            files = [
                {"path": str(path), "size": entry.size, "digest": entry.digest}
                for path, entry in found.manifest.entries.items()
            ]
            ours = "trackhub" in (found.metadata or {})
            marker = self._got(found, _MARKER).read_text() if ours else None
            told.append(
                {
                    "name": f"{found.entity}/{found.project}/{found.name}",
                    "type": found.type,
                    "version": found.version,
                    "created": found.created_at,
                    "files": files,
                    "marker": marker,
                }
            )
        return told

    def do_download(self, name: str, path: str, target: str) -> None:
        """Write one file of an artifact to a local path."""
        with contextlib.ExitStack() as stack:
            got = self._got(self._asked().artifact(name), path)
            stack.callback(got.unlink, missing_ok=True)
            shutil.copyfile(got, target)

    # ---- below ---------------------------------------------------------------------------

    def _asked(self) -> Any:
        if self._api is None:
            self._api = self._fresh()
        self._api.flush()  # or it would give back what it gave before
        return self._api

    def _fresh(self) -> Any:
        """Return the SDK's reading half without anything remembered; it asks whether the key is known."""
        return wandb.Api(api_key=self._key, timeout=max(1, round(self._timeout_s)))

    def _run(self, entity: str, project: str, run: str) -> Any:
        return self._asked().run(f"{entity}/{project}/{run}")

    def _got(self, found: Any, path: str) -> Path:
        folder = tempfile.mkdtemp(dir=self._folder)
        return Path(found.get_entry(path).download(root=folder, skip_cache=True))

    def _open(
        self, entity: str, project: str, run: str, begin: dict[str, Any], exit_code: int | None
    ) -> tuple[Any, int]:
        """Open a run, and return it with the number of its next row."""
        session = wandb.init(
            entity=entity,
            project=project,
            id=run,
            resume="allow",
            reinit="create_new",
            **begin,
            settings=session_settings(self._folder, self._timeout_s, x_update_finish_state=exit_code is not None),
        )
        # In each session anew: the SDK forgets them when it goes on with a run.
        session.define_metric("trackhub/*", hidden=True)
        session.define_metric("trackhub/step", hidden=True)
        session.define_metric("*", step_metric="trackhub/step", step_sync=False)
        return session, int(session.starting_step)

    def _let_go(self, entity: str, project: str, run: str) -> None:
        """Close a run that is kept open."""
        held = self._held.pop((entity, project, run), None)
        if held is not None:
            self.spoilt = True
            held[0].finish()
            self.spoilt = False


def _told(run: Any) -> dict[str, Any]:
    keys = run.historyKeys if isinstance(run.historyKeys, dict) else {}
    return {
        "id": run.id,
        "name": run.name,
        "entity": run.entity,
        "project": run.project,
        "url": run.url,
        "state": run.state,
        "created": run.created_at,
        "tags": list(run.tags or ()),
        "notes": run.notes,
        "group": run.group,
        "config": dict(run.config),
        "summary": run.summary_metrics,
        "lines": run.historyLineCount or 0,
        "last": keys.get("lastStep", -1),
    }
