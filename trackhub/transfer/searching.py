"""Ask a source for its runs, and put each after its parent."""

from __future__ import annotations

from trackhub.backend import BackendCalls
from trackhub.errors import SettingsError
from trackhub.model.entities import Note, RunRecord


def search(
    calls: BackendCalls, project: str | None, into: str | None
) -> tuple[tuple[RunRecord, ...], tuple[Note, ...]]:
    """Return a source's runs, and what it could make no run of.

    :param project: which of its projects; of runs that belong to none, the one they get.
    :param into: which project they get here; where the source must be told one, this one.
    :raises PluginError: the plugin cannot list runs.
    :raises SettingsError: a project is needed, and none was given.
    """
    try:
        return calls.search_runs(project), calls.read_notes()
    except SettingsError:
        # A source that has to be told the project of its runs takes the one that they get here.
        if project is not None or into is None:
            raise
    records = calls.search_runs(into)
    why = "the source has runs of no project, so only those and this project's were asked for; for others use --project"
    return records, (*calls.read_notes(), Note(kind="one project", subject=into, detail=why))


def parents_first(records: tuple[RunRecord, ...]) -> list[RunRecord]:
    """Return runs so that each comes after its parent; among equals, the oldest first."""
    by_id = {record.id: record for record in records}
    order: dict[str, RunRecord] = {}
    for record in sorted(records, key=lambda record: (record.started or 0, record.id)):
        line = [record]
        while (parent := line[-1].parent) in by_id and by_id[parent] not in line:
            line.append(by_id[parent])
        for one in reversed(line):
            order.setdefault(one.id, one)
    return list(order.values())
