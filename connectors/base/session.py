"""The one place that talks HTTP: auth, budgets, size caps, classification, redaction.

Everything a connector needs is ``ApiSession.request``; it answers an ``Answer`` or raises a ``SyncError``.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urljoin

import orjson
import requests
from urllib3.exceptions import HTTPError as Urllib3Error

from .auth import NoAuth, Outgoing
from .classify import ErrorRule, Heard, Reaction, error_for, reaction_for
from .connector import Environment
from .errors import ConfigurationProblem, ContractBroken, Exchange, RateLimited, SyncError
from .guard import GuardedAdapter, UrlGuard
from .limits import LimitHeaders
from .redact import HIDDEN, redact_body, redact_headers, redact_url
from .times import parse_http_date
from .types import RateBudget
from .wire import Call, Params, is_shallow, network_failure, pairs_of, parsed_or_none, with_query

REPEATABLE_METHODS = frozenset({"GET", "HEAD", "PUT", "DELETE", "OPTIONS"})
MAX_REDIRECTS = 3
CONNECT_SECONDS = 10.0
#: what a request may take beside reading its answer: connecting, redirects, a token renewed before it
LEEWAY_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class Answer:
    """A good answer. ``body`` is parsed JSON (None when empty); ``headers`` names are lower case."""

    status: int
    headers: Mapping[str, str]
    body: Any
    content: bytes
    url: str
    server_time: datetime | None
    duration_ms: int
    exchange: Exchange


@dataclass
class _Received:
    """What came back, before it is judged."""

    status: int
    headers: dict[str, str]
    content: bytes
    url: str


@dataclass(frozen=True, slots=True)
class SessionOptions:
    """What a connector sets once for all of its requests."""

    headers: Mapping[str, str] = field(default_factory=dict)
    params: Mapping[str, str] = field(default_factory=dict)
    budgets: tuple[RateBudget, ...] = ()
    limits: LimitHeaders = field(default_factory=LimitHeaders)
    rules: tuple[ErrorRule, ...] = ()
    retry_after_header: str = "retry-after"
    follow_redirects: bool = True


class ApiSession:
    """Requests to one API with one credential. Safe to use from several threads. Never retries by itself,
    but for one repetition after a 401 that a token refresh may cure."""

    def __init__(
        self,
        base_url: str,
        auth: NoAuth,
        environment: Environment,
        options: SessionOptions | None = None,
    ) -> None:
        self.base_url = base_url.rstrip("/")
        self.environment = environment
        self.options = options or SessionOptions()
        self.clock_offset = timedelta(0)
        self._auth = auth
        self._budgets: dict[str, list[RateBudget]] = {}
        for budget in self.options.budgets:
            self._budgets.setdefault(budget.quota_class, []).append(budget)
        self._guard = UrlGuard(
            self.base_url,
            allow_private=environment.allow_private_network,
            allow_http=environment.allow_http,
        )
        self._http = requests.Session()
        self._http.trust_env = False  # neither .netrc credentials nor proxies from the surroundings
        adapter = GuardedAdapter(allow_private=environment.allow_private_network)
        self._http.mount("https://", adapter)
        self._http.mount("http://", adapter)

    def request(
        self,
        method: str,
        path: str,
        *,
        params: Params = None,
        json: Any = None,
        form: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
        quota_class: str = "default",
        cost: int = 1,
        is_repeatable: bool | None = None,
        ok: Iterable[int] = (),
        rules: Sequence[ErrorRule] = (),
        expect_json: bool = True,
        follow_redirects: bool | None = None,
    ) -> Answer:
        """One request. ``path`` is below the base address, or a full address on the same host.

        ``ok`` adds statuses that are no failure (304, 404 …). ``rules`` come before the session's own.
        ``is_repeatable`` defaults by method; say True for a POST with an idempotency key.
        """
        repeatable = method in REPEATABLE_METHODS if is_repeatable is None else is_repeatable
        call = Call(
            method,
            self._address(path),
            pairs_of(self.options.params) + pairs_of(params),
            json,
            form,
            dict(headers or {}),
        )
        follow = self.options.follow_redirects if follow_redirects is None else follow_redirects
        all_rules = (
            *(ErrorRule(Reaction.OK, status=(status,)) for status in ok),
            *rules,
            *self.options.rules,
        )
        for is_second_try in (False, True):
            try:
                return self._attempt(call, quota_class, cost, repeatable, all_rules, expect_json, follow)
            except ConfigurationProblem as failure:
                if is_second_try or failure.status != 401 or not self._auth.renew(self):
                    raise
        raise AssertionError("unreachable")

    def get(self, path: str, **options: Any) -> Answer:
        return self.request("GET", path, **options)

    def fetch_token(
        self,
        url: str,
        body: Mapping[str, str],
        headers: Mapping[str, str],
        *,
        as_json: bool,
    ) -> Any:
        """A token endpoint's answer; it may live on another host, which is guarded just the same."""
        guard = UrlGuard(
            url,
            allow_private=self.environment.allow_private_network,
            allow_http=self.environment.allow_http,
        )
        call = Call(
            "POST",
            url,
            [],
            dict(body) if as_json else None,
            None if as_json else dict(body),
            dict(headers),
        )
        outgoing = call.outgoing(self._common_headers())
        received, exchange = self._send(
            outgoing, is_repeatable=True, guard=guard, follow=False, is_login=True
        )
        heard = self._heard(received, parsed_or_none(received.content), True, exchange)
        failure = error_for(heard, (ErrorRule(Reaction.REAUTH, status=(400, 401, 403)),))
        if failure is not None:
            raise failure
        return heard.body

    def close(self) -> None:
        self._http.close()

    # --- one attempt -------------------------------------------------------------------------------------------

    def _attempt(
        self,
        call: Call,
        quota_class: str,
        cost: int,
        repeatable: bool,
        rules: Sequence[ErrorRule],
        expect_json: bool,
        follow: bool,
    ) -> Answer:
        with self._slot(quota_class):
            self._spend(quota_class, cost)
            outgoing = call.outgoing(self._common_headers())
            self._auth.apply(outgoing, self)
            received, exchange = self._send(
                outgoing, is_repeatable=repeatable, guard=self._guard, follow=follow
            )
        self._observe(quota_class, received.headers)
        body, broken = self._body(received, expect_json, exchange)
        heard = self._heard(received, body, repeatable, exchange)
        if broken is not None and reaction_for(heard, rules)[0] in (
            Reaction.OK,
            Reaction.IGNORE,
        ):
            raise broken
        failure = error_for(heard, rules)
        if failure is not None:
            raise failure
        return Answer(
            status=received.status,
            headers=received.headers,
            body=body,
            content=received.content,
            url=received.url,
            server_time=parse_http_date(received.headers.get("date")),
            duration_ms=exchange.duration_ms or 0,
            exchange=exchange,
        )

    def _spend(self, quota_class: str, cost: int) -> None:
        """Takes the request from each budget of its class, or from none; longer windows are counters of their own."""
        gate = self.environment.gate
        taken: list[tuple[str, RateBudget]] = []
        found = self._budgets.get(quota_class) or self._budgets.get("default", [])
        budgets = sorted(found, key=lambda one: one.per_seconds)
        try:
            for number, budget in reversed(list(enumerate(budgets))):
                name = quota_class if number == 0 else f"{quota_class}/{budget.per_seconds:g}s"
                gate.acquire(name, budget, cost=cost)
                taken.append((name, budget))
        except RateLimited:
            for name, budget in taken:
                gate.give_back(name, budget, cost=cost)
            raise

    def _slot(self, quota_class: str) -> AbstractContextManager[None]:
        """One of the requests that may be under way at once. A class without a figure of its own counts as "default"."""
        for name in (quota_class, "default"):
            figures = [budget.concurrency for budget in self._budgets.get(name, ()) if budget.concurrency]
            if figures:
                longest = 2 * self.environment.timeout_seconds + LEEWAY_SECONDS
                return self.environment.gate.slot(name, min(figures), longest=longest)
        return nullcontext()

    def _send(
        self,
        outgoing: Outgoing,
        *,
        is_repeatable: bool,
        guard: UrlGuard,
        follow: bool,
        is_login: bool = False,
    ) -> tuple[_Received, Exchange]:
        """``is_login``: what goes out, and what comes back unless it is a refusal, is nothing but credentials."""
        exchange = Exchange(
            method=outgoing.method,
            url=redact_url(with_query(outgoing.url, outgoing.params), outgoing.secret_names),
            request_headers=redact_headers(outgoing.headers, outgoing.secret_names),
            request_body=HIDDEN
            if is_login
            else redact_body(outgoing.body, outgoing.headers.get("Content-Type", "")),
        )
        started = time.perf_counter()
        try:
            received = self._transfer(outgoing, guard, follow)
        except SyncError as error:
            error.exchange = exchange
            raise
        except (requests.RequestException, Urllib3Error, OSError) as error:
            raise network_failure(error, is_repeatable, exchange) from error
        else:
            exchange.status = received.status
            exchange.response_headers = redact_headers(received.headers)
            if is_login and received.status < 400:
                exchange.response_body = HIDDEN
            else:
                exchange.response_body = redact_body(
                    received.content, received.headers.get("content-type", "")
                )
            return received, exchange
        finally:
            exchange.duration_ms = int((time.perf_counter() - started) * 1000)
            self.environment.on_exchange(exchange)

    def _transfer(self, outgoing: Outgoing, guard: UrlGuard, follow: bool) -> _Received:
        url, params = outgoing.url, outgoing.params
        timeout = self.environment.timeout_seconds
        deadline = time.monotonic() + 2 * timeout
        for _ in range(MAX_REDIRECTS + 1):
            guard.check(url)
            with self._http.request(
                outgoing.method,
                with_query(url, params),
                headers=outgoing.headers,
                data=outgoing.body,
                timeout=(min(CONNECT_SECONDS, timeout), timeout),
                allow_redirects=False,
                stream=True,
            ) as response:
                headers = {name.lower(): value for name, value in response.headers.items()}
                target = headers.get("location", "")
                if not (
                    follow
                    and target
                    and response.status_code in (301, 302, 307, 308)
                    and outgoing.method in ("GET", "HEAD")
                ):
                    content = self._read(response, deadline)
                    return _Received(
                        response.status_code,
                        headers,
                        content,
                        redact_url(response.url or url, outgoing.secret_names),
                    )
            url, params = urljoin(url, target), []
        raise ContractBroken("The API redirects in a circle.")

    def _read(self, response: requests.Response, deadline: float) -> bytes:
        limit = self.environment.max_response_bytes
        chunks: list[bytes] = []
        size = 0
        for chunk in response.iter_content(64 * 1024):
            size += len(chunk)
            if size > limit:
                raise ContractBroken(f"The answer is larger than {limit // 1024} KB.")
            if time.monotonic() > deadline:
                raise requests.ReadTimeout("the answer did not end in time")
            chunks.append(chunk)
        return b"".join(chunks)

    # --- judging -----------------------------------------------------------------------------------------------

    def _body(
        self, received: _Received, expect_json: bool, exchange: Exchange
    ) -> tuple[Any, SyncError | None]:
        content = received.content.removeprefix(b"\xef\xbb\xbf").strip()
        if not content:
            return None, None
        try:
            body = orjson.loads(content)
        except orjson.JSONDecodeError:
            if not expect_json:
                return None, None
            is_page = content[:1] == b"<" or "html" in received.headers.get("content-type", "")
            words = (
                "The API answered with a web page instead of data: a login page? Check the address."
                if is_page
                else "The API answered with something that is not JSON."
            )
            return None, ContractBroken(words, status=received.status, exchange=exchange)
        if not is_shallow(body):
            return None, ContractBroken(
                "The answer is nested too deeply.",
                status=received.status,
                exchange=exchange,
            )
        return body, None

    def _heard(self, received: _Received, body: Any, repeatable: bool, exchange: Exchange) -> Heard:
        now = self.environment.now()
        server_time = parse_http_date(received.headers.get("date"))
        if server_time is not None:
            self.clock_offset = server_time - now
        seen = self.options.limits.read(received.headers, now=server_time or now)
        return Heard(
            status=received.status,
            headers=received.headers,
            body=body,
            text=received.content[:65536].decode("utf-8", "replace")
            if received.status >= 300 or self.options.rules
            else "",
            now=server_time or now,
            is_repeatable=repeatable,
            reset_after=seen.reset_after,
            exchange=exchange,
            retry_after_header=self.options.retry_after_header.lower(),
        )

    def _observe(self, quota_class: str, headers: Mapping[str, str]) -> None:
        seen = self.options.limits.read(
            headers, now=parse_http_date(headers.get("date")) or self.environment.now()
        )
        if seen.limit is not None or seen.remaining is not None:
            self.environment.gate.observe(
                seen.quota_class or quota_class,
                limit=seen.limit,
                remaining=seen.remaining,
                reset_after=seen.reset_after,
            )

    def _common_headers(self) -> dict[str, str]:
        agent = f"Lockstep/1.0 ({self.environment.client_identifier})"
        return {
            "User-Agent": agent,
            "Accept": "application/json",
            **self.options.headers,
        }

    def _address(self, path: str) -> str:
        if path.startswith(("http://", "https://")):
            self._guard.check(path)
            return path
        return f"{self.base_url}/{path.lstrip('/')}" if path else self.base_url
