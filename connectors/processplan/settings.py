"""What of Process Plan can be set per integration: the product has no public API reference, so its paths, paging and
time of change are data, with defaults after the one call that is known. No code has to change when they turn out."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from connectors.base.paging import CursorToken, LinkHeader, NextUrl, Offset, OnePage, PageNumber, Pager

PAGING = ("none", "page", "offset", "cursor", "link", "next_url")
DEFAULTS: Mapping[str, str] = {
    "processes_path": "/processes",
    "process_path": "/processes/{process}",
    "steps_path": "/processes/{process}/steps",
    "step_path": "/processes/{process}/steps/{step}",
    "users_path": "",
    "items_key": "",
    "paging": "none",
    "page_param": "",
    "size_param": "",
    "page_size": "100",
    "next_key": "",
    "updated_since": "",
    "processes": "",
    "start_first": "",
}
YES = ("yes", "true", "on", "1")


@dataclass(frozen=True, slots=True)
class Options:
    """The settings, with defaults filled in."""

    processes_path: str
    process_path: str
    steps_path: str
    step_path: str
    users_path: str
    items_key: str
    pager: Pager
    updated_since: str
    chosen: tuple[str, ...]  # ids of the processes that take part; empty = all
    start_first: bool

    @classmethod
    def of(cls, settings: Mapping[str, Any]) -> Options:
        given = {name: str(settings.get(name) or "").strip() or default for name, default in DEFAULTS.items()}
        return cls(
            processes_path=given["processes_path"],
            process_path=given["process_path"],
            steps_path=given["steps_path"],
            step_path=given["step_path"],
            users_path=given["users_path"],
            items_key=given["items_key"],
            pager=pager_of(given),
            updated_since=given["updated_since"],
            chosen=tuple(part for part in re.split(r"[,;\s]+", given["processes"]) if part),
            start_first=given["start_first"].lower() in YES,
        )


def pager_of(given: Mapping[str, str]) -> Pager:
    """The way of paging; a size is sent only where its parameter is named."""
    size = int(given["page_size"]) if given["page_size"].isdigit() else 100
    param, size_param, next_key = given["page_param"], given["size_param"], given["next_key"]
    asked = size if size_param else 0
    match given["paging"]:
        case "page":
            return PageNumber(param or "page", size_param=size_param, size=asked)
        case "offset":
            return Offset(param or "offset", size_param or "limit", size)
        case "cursor":
            path = next_key or "next_cursor"
            return CursorToken(param or "cursor", path=path, size_param=size_param, size=asked)
        case "link":
            return LinkHeader(size_param=size_param, size=asked)
        case "next_url":
            return NextUrl(next_key or "next")
    return OnePage()


def problems_of(settings: Mapping[str, Any]) -> list[tuple[str, str]]:
    """``[(field, what to do)]``, empty if fine."""
    problems = []
    given = {name: str(settings.get(name) or "").strip() or default for name, default in DEFAULTS.items()}
    needs = {
        "process_path": ("{process}",),
        "steps_path": ("{process}",),
        "step_path": ("{process}", "{step}"),
    }
    for name in ("processes_path", "process_path", "steps_path", "step_path", "users_path"):
        missing = [one for one in needs.get(name, ()) if one not in given[name]]
        unknown = set(re.findall(r"\{[^}]*\}", given[name])) - set(needs.get(name, ()))
        if given[name] and not given[name].startswith("/"):
            problems.append((name, f"Begin with a slash, as in {DEFAULTS[name] or '/users'}."))
        elif missing:
            problems.append(
                (name, f"Put {' and '.join(missing)} where the id belongs, as in {DEFAULTS[name]}.")
            )
        elif unknown:
            problems.append(
                (name, f"{', '.join(sorted(unknown))} means nothing here; see {DEFAULTS[name] or '/users'}.")
            )
    if not given["page_size"].isdigit() or not 1 <= int(given["page_size"]) <= 1000:
        problems.append(("page_size", "Give a number from 1 to 1000."))
    for name in ("api_key_header", "page_param", "size_param", "updated_since"):
        if settings.get(name) and not re.fullmatch(r"[A-Za-z0-9_.\-\[\]]+", str(settings[name])):
            problems.append((name, "Give a name of letters, digits, hyphens and underscores."))
    return problems
