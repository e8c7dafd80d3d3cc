"""Answer the few queries of Neptune's language that clients and the plugin ask: equality, joined by AND."""

from __future__ import annotations

import re
from collections.abc import Mapping

from neptune_server.state import Attribute

_TERM = re.compile(
    r"\(*\s*`(?P<name>[^`]+)`\s*:\s*(?P<type>\w+)\s*(?P<op>=|!=|>|<)\s*(?P<value>\"(?:[^\"\\]|\\.)*\"|[^\s()]+)\s*\)*"
)


def matches(query: str, attributes: Mapping[str, Attribute]) -> bool:
    """Return whether a run is what a query asks for.

    :raises ValueError: the query is of a form that is not known here.
    """
    for term in filter(None, (part.strip() for part in re.split(r"\s+AND\s+", query.strip()))):
        match = _TERM.fullmatch(term)
        if match is None:
            raise ValueError(f"a query that this server cannot answer: {term}")
        held = attributes.get(match["name"])
        wanted = match["value"].strip('"').replace('\\"', '"').replace("\\\\", "\\")
        there = held is not None and str(held.value).lower() == wanted.lower()
        if held is not None and match["op"] in "<>":
            there = (str(held.value) > wanted) == (match["op"] == ">") and str(held.value) != wanted
        if there != (match["op"] != "!="):
            return False
    return True
