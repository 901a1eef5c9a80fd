"""The ways APIs page. A pager says what to ask for and reads from the answer whether there is more.

A walk ends only on a positive sign of its end. Where a kind has no sign but a short page, an empty or short page
is that sign. Tokens are JSON values, so that a run can be resumed after a restart.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol
from urllib.parse import urljoin

from .errors import ContractBroken
from .paths import read_path

MAX_PAGES = 10_000
REMEMBERED_PAGES = 6

_LINK = re.compile(r"<([^>]*)>\s*((?:;\s*[^;,=]+(?:=(?:\"[^\"]*\"|[^;,]*))?\s*)*)")
_REL = re.compile(r";\s*rel\s*=\s*(?:\"([^\"]*)\"|([^;,\s]*))", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class PageAsk:
    """What a page adds to the list request. ``url`` replaces the whole address (its query included)."""

    params: Mapping[str, Any] = field(default_factory=dict)
    body: Mapping[str, Any] = field(default_factory=dict)
    url: str = ""
    keeps_other_params: bool = True


@dataclass(frozen=True, slots=True)
class PageSeen:
    """What came back. ``rows`` are the raw rows before any are skipped; ``url`` is where they came from."""

    body: Any
    headers: Mapping[str, str]
    rows: Sequence[Any]
    url: str = ""


class Pager(Protocol):
    def ask(self, token: Any) -> PageAsk: ...

    def next_token(self, token: Any, seen: PageSeen) -> Any | None:
        """The next page's token, None at the end. Raises ``ContractBroken`` if the answer does not say."""


def _place(values: dict[str, Any], place: str) -> PageAsk:
    return PageAsk(body=values) if place == "body" else PageAsk(params=values)


def _more(seen: PageSeen, path: str) -> bool:
    value = read_path(seen.body, path, None)
    if isinstance(value, str):
        value = {"true": True, "false": False, "1": True, "0": False}.get(value.lower())
    if not isinstance(value, bool | int):
        raise ContractBroken(f"The answer does not say at {path!r} whether there is more.")
    return bool(value)


def _count(seen: PageSeen, path: str) -> int:
    value = read_path(seen.body, path, None)
    if isinstance(value, str) and value.isdigit():
        value = int(value)
    if not isinstance(value, int) or isinstance(value, bool):
        raise ContractBroken(f"The answer does not say at {path!r} how much there is.")
    return value


@dataclass(frozen=True, slots=True)
class OnePage:
    """The answer is the whole list."""

    def ask(self, token: Any) -> PageAsk:
        return PageAsk()

    def next_token(self, token: Any, seen: PageSeen) -> Any | None:
        return None


@dataclass(frozen=True, slots=True)
class PageNumber:
    """``?page=3``. Ends by total pages, total, has-more, a last-page header where it came, else by a short or empty page."""

    param: str = "page"
    start: int = 1
    size_param: str = ""
    size: int = 0
    place: Literal["query", "body"] = "query"
    total_pages_path: str = ""
    total_path: str = ""
    has_more_path: str = ""
    last_page_header: str = ""

    def ask(self, token: Any) -> PageAsk:
        values: dict[str, Any] = {self.param: self.start if token is None else token}
        if self.size_param and self.size:
            values[self.size_param] = self.size
        return _place(values, self.place)

    def next_token(self, token: Any, seen: PageSeen) -> Any | None:
        page = self.start if token is None else int(token)
        pages_read = page - self.start + 1
        if self.total_pages_path:
            is_last = pages_read >= _count(seen, self.total_pages_path)
        elif self.has_more_path:
            is_last = not _more(seen, self.has_more_path)
        elif self.total_path and self.size:
            is_last = pages_read * self.size >= _count(seen, self.total_path)
        elif self.last_page_header and (self.last_page_header.lower() in seen.headers or not self.size):
            is_last = seen.headers.get(self.last_page_header.lower(), "").strip().lower() in (
                "true",
                "1",
                str(page),
            )
        else:
            is_last = len(seen.rows) < self.size if self.size else not seen.rows
        return None if is_last else page + 1


@dataclass(frozen=True, slots=True)
class Offset:
    """``?offset=200&limit=100``. The offset moves by the rows that really came.

    Ends by has-more, is-last or total, else by a short page.
    """

    param: str = "offset"
    limit_param: str = "limit"
    limit: int = 100
    place: Literal["query", "body"] = "query"
    total_path: str = ""
    has_more_path: str = ""
    is_last_path: str = ""

    def ask(self, token: Any) -> PageAsk:
        return _place({self.param: token or 0, self.limit_param: self.limit}, self.place)

    def next_token(self, token: Any, seen: PageSeen) -> Any | None:
        reached = int(token or 0) + len(seen.rows)
        if self.has_more_path:
            is_last = not _more(seen, self.has_more_path)
        elif self.is_last_path:
            is_last = _more(seen, self.is_last_path)
        elif self.total_path:
            is_last = reached >= _count(seen, self.total_path)
        else:
            is_last = len(seen.rows) < self.limit
        if not is_last and not seen.rows:
            raise ContractBroken("An empty page came where the API says there is more.")
        return None if is_last else reached


@dataclass(frozen=True, slots=True)
class CursorToken:
    """A cursor from the body, a header, or a field of the last row."""

    param: str = "cursor"
    path: str = ""
    header: str = ""
    last_record_field: str = ""
    place: Literal["query", "body"] = "query"
    size_param: str = ""
    size: int = 0
    has_more_path: str = ""
    keeps_other_params: bool = True

    def ask(self, token: Any) -> PageAsk:
        values: dict[str, Any] = {self.size_param: self.size} if self.size_param and self.size else {}
        if token is not None:
            values[self.param] = token
        keeps = token is None or self.keeps_other_params
        return (
            PageAsk(body=values, keeps_other_params=keeps)
            if self.place == "body"
            else PageAsk(params=values, keeps_other_params=keeps)
        )

    def next_token(self, token: Any, seen: PageSeen) -> Any | None:
        if self.has_more_path and not _more(seen, self.has_more_path):
            return None
        if self.last_record_field:
            is_last = not seen.rows or (
                not self.has_more_path and self.size > 0 and len(seen.rows) < self.size
            )
            following = None if is_last else read_path(seen.rows[-1], self.last_record_field, None)
            if not is_last and following is None:
                raise ContractBroken(f"The last row has no {self.last_record_field!r} to go on from.")
        elif self.header:
            following = seen.headers.get(self.header.lower())
        else:
            following = read_path(seen.body, self.path, None)
        if following in (None, "", False):
            if self.has_more_path and seen.rows:
                raise ContractBroken("The API says there is more but gives no cursor.")
            return None
        if following == token:
            raise ContractBroken("The API gave the same cursor twice.")
        return following


@dataclass(frozen=True, slots=True)
class LinkHeader:
    """RFC 8288 ``Link: <…>; rel="next"``, or a header that holds a bare address."""

    header: str = "link"
    rel: str = "next"
    is_bare_url: bool = False
    size_param: str = ""
    size: int = 0

    def ask(self, token: Any) -> PageAsk:
        if token is not None:
            return PageAsk(url=str(token))
        return PageAsk(params={self.size_param: self.size} if self.size_param and self.size else {})

    def next_token(self, token: Any, seen: PageSeen) -> Any | None:
        value = seen.headers.get(self.header.lower(), "")
        target = value.strip() if self.is_bare_url else parse_links(value).get(self.rel, "")
        return urljoin(seen.url, target) if target else None


@dataclass(frozen=True, slots=True)
class NextUrl:
    """The next page's address, absolute or relative, in the body."""

    path: str

    def ask(self, token: Any) -> PageAsk:
        return PageAsk(url=str(token)) if token is not None else PageAsk()

    def next_token(self, token: Any, seen: PageSeen) -> Any | None:
        target = read_path(seen.body, self.path, None)
        if target is not None and not isinstance(target, str):
            raise ContractBroken(f"The next page's address at {self.path!r} is no text.")
        return urljoin(seen.url, target) if target else None


def parse_links(value: str) -> dict[str, str]:
    """``{rel: address}`` of a Link header; the first of each relation counts."""
    links: dict[str, str] = {}
    for match in _LINK.finditer(value):
        rel = _REL.search(match.group(2) or "")
        for name in (rel.group(1) or rel.group(2) or "").lower().split() if rel else ():
            links.setdefault(name, match.group(1))
    return links


@dataclass(frozen=True, slots=True)
class Walk:
    """The state of a walk, carried in the page token: the pager's own token, pages so far, their fingerprints."""

    token: Any = None
    pages: int = 0
    fingerprints: tuple[str, ...] = ()

    @classmethod
    def from_token(cls, token: Any) -> Walk:
        if token is None:
            return cls()
        return cls(token["at"], int(token["pages"]), tuple(token["seen"]))

    def step(self, following: Any | None, fingerprint: str, *, max_pages: int = MAX_PAGES) -> Any | None:
        """The token of the next page. Raises ``ContractBroken`` when a page repeats or the walk does not end."""
        if fingerprint and fingerprint in self.fingerprints:
            raise ContractBroken("The API gave the same page again; the listing is not complete.")
        if following is None:
            return None
        if self.pages + 1 >= max_pages:
            raise ContractBroken(f"The listing did not end after {max_pages} pages.")
        seen = (*self.fingerprints, fingerprint)[-REMEMBERED_PAGES:] if fingerprint else self.fingerprints
        return {"at": following, "pages": self.pages + 1, "seen": list(seen)}
