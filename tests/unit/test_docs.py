"""What the documentation names exists: links, headings, commands, settings, addresses of the API."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
from django.core.management import get_commands
from django.urls import Resolver404, resolve

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted(
    [
        ROOT / "README.md",
        ROOT / "CHANGELOG.md",
        *(ROOT / "docs").rglob("*.md"),
        *(ROOT / "connectors").glob("*/README.md"),
        ROOT / "sandbox" / "README.md",
    ]
)
LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")
FENCE = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
HEADING = re.compile(r"^#{1,6} +(.+?)\s*$", re.MULTILINE)
BIN = re.compile(r"(?<![\w./-])bin/([a-z][a-z-]*)")
MANAGE = re.compile(r"manage\.py ([a-z][a-z_]+)")
SETTING = re.compile(r"\b(?:(?:LOCKSTEP|AXES|EMAIL|SECURE|FERNET|WEBHOOK|CELERY)_[A-Z][A-Z_]+|[A-Z]+_URL)\b")
API = re.compile(r"(?<![\w.])/api/v1/[\w/<>…{}-]*[\w>}]")
MODULE = re.compile(r"`((?:[a-z_]+/)+[a-z_0-9]+\.(?:py|md|json))`")
#: read from the environment by something else than the settings
NOT_OURS = {"LOCKSTEP_CREDENTIAL", "LOCKSTEP_CHROMIUM", "TEST_DATABASE_URL", "LOCKSTEP_NO_SECRETS"}

each_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))


@cache
def text_of(page: Path) -> str:
    return page.read_text(encoding="utf-8")


@cache
def anchors(page: Path) -> frozenset[str]:
    """The anchors that GitHub makes of headings."""
    names = HEADING.findall(FENCE.sub("", text_of(page)))
    plain = (re.sub(r"[^\w\- ]", "", re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", name)).lower() for name in names)
    return frozenset(name.strip().replace(" ", "-") for name in plain)


def links(page: Path) -> Iterator[tuple[str, Path, str]]:
    """Relative links: as written, the file, the anchor."""
    for link in LINK.findall(FENCE.sub("", text_of(page))):
        if not re.match(r"[a-z]+:", link):
            name, _, anchor = link.partition("#")
            yield link, (page.parent / name).resolve() if name else page, anchor


@each_page
def test_every_relative_link_leads_somewhere(page: Path) -> None:
    broken = [
        link
        for link, target, anchor in links(page)
        if not target.exists() or (anchor and target.suffix == ".md" and anchor not in anchors(target))
    ]
    assert broken == []


@each_page
def test_every_command_exists(page: Path) -> None:
    assert [name for name in BIN.findall(text_of(page)) if not (ROOT / "bin" / name).is_file()] == []
    assert [name for name in MANAGE.findall(text_of(page)) if name not in get_commands()] == []


@each_page
def test_every_setting_is_in_the_table(page: Path) -> None:
    table = set(re.findall(r"`([A-Z][A-Z_]+)`", text_of(ROOT / "docs" / "settings.md")))
    named = set(SETTING.findall(text_of(page)))
    assert sorted(name for name in named - table if name not in NOT_OURS) == []


@each_page
def test_every_file_named_exists(page: Path) -> None:
    named = MODULE.findall(text_of(page))
    beside = (page.parent, ROOT)  # a connector's README names files beside it
    assert [name for name in named if not any((folder / name).exists() for folder in beside)] == []


@each_page
def test_every_address_of_the_api_is_served(page: Path) -> None:
    unserved = []
    for address in API.findall(text_of(page)):
        path = address.replace("…", "<id>")
        # a placeholder may stand for a name or for an id
        tries = [re.sub(r"[<{][^>}]*[>}]", stand_in, path) for stand_in in (ID, "current", "task")]
        tries += [re.sub(r"[<{][^>}]*[>}]$", ID, re.sub(r"[<{][^>}]*[>}]", "task", path, count=1))]
        if not any(is_served(each) for each in tries):
            unserved.append(address)
    assert unserved == []


ID = "01a1fcfa-7d2a-7008-8f71-ba92db6d445d"


def is_served(path: str) -> bool:
    try:
        resolve(path)
    except Resolver404:
        return False
    return True


def test_every_page_of_the_documentation_can_be_reached_from_the_readme() -> None:
    reached, waiting = set(), [ROOT / "README.md"]
    while waiting:
        page = waiting.pop()
        if page not in reached and page.suffix == ".md" and page.is_file():
            reached.add(page)
            waiting += [target for _, target, _ in links(page)]
    assert [str(page.relative_to(ROOT)) for page in PAGES if page not in reached] == []


def test_decisions_are_numbered_without_a_gap_and_listed_in_order() -> None:
    folder = ROOT / "docs" / "decisions"
    names = sorted(page.name for page in folder.glob("[0-9]*.md"))
    assert [int(name[:4]) for name in names] == list(range(1, len(names) + 1))
    assert re.findall(r"\]\((\d{4}-[^)]+)\)", text_of(folder / "README.md")) == names
    assert [name for name in names if not text_of(folder / name).startswith(f"# {name[:4]} ")] == []


def test_a_broken_link_a_missing_command_and_an_unknown_setting_would_be_found(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(
        "# Here\n[a](gone.md) [b](#nowhere) [c](#here) bin/nothing manage.py nothing LOCKSTEP_NOTHING\n"
    )
    assert [link for link, target, anchor in links(page) if not target.exists() or anchor == "nowhere"] == [
        "gone.md",
        "#nowhere",
    ]
    assert anchors(page) == {"here"}
    text = text_of(page)
    found = (BIN.findall(text), MANAGE.findall(text), SETTING.findall(text))
    assert found == (["nothing"], ["nothing"], ["LOCKSTEP_NOTHING"])
