"""A connector's declaration, and the environment the hub hands to its client."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Protocol

from .auth import OAuth2Consent
from .errors import Exchange
from .types import Client, RateBudget, Resource, SecretField, SetUpTemplate, Webhooks


class Gate(Protocol):
    """The rate budget shared by all workers, keyed by credential and quota class."""

    def acquire(self, quota_class: str, budget: RateBudget, *, cost: int = 1) -> None:
        """Take ``cost`` requests, or raise ``RateLimited`` with ``retry_after``. Never blocks for long."""

    def give_back(self, quota_class: str, budget: RateBudget, *, cost: int = 1) -> None:
        """What was just acquired is not needed: another window of the same request had no room."""

    def slot(self, quota_class: str, at_once: int, *, longest: float) -> AbstractContextManager[None]:
        """One of the class's ``at_once`` requests under way, for the ``with`` block; ends by itself after ``longest``
        seconds. Waits briefly for one, then raises ``RateLimited``."""

    def observe(
        self,
        quota_class: str,
        *,
        limit: int | None,
        remaining: int | None,
        reset_after: float | None,
    ) -> None:
        """The vendor's own numbers win over ours."""


class OpenGate:
    """No budget: tests and one-off checks."""

    def acquire(self, quota_class: str, budget: RateBudget, *, cost: int = 1) -> None:
        return None

    def give_back(self, quota_class: str, budget: RateBudget, *, cost: int = 1) -> None:
        return None

    def slot(self, quota_class: str, at_once: int, *, longest: float) -> AbstractContextManager[None]:
        return nullcontext()

    def observe(
        self,
        quota_class: str,
        *,
        limit: int | None,
        remaining: int | None,
        reset_after: float | None,
    ) -> None:
        return None


@dataclass(frozen=True)
class Environment:
    """What varies between the hub, the tests and the benchmarks."""

    now: Callable[[], datetime] = lambda: datetime.now(UTC)
    gate: Gate = field(default_factory=OpenGate)
    on_exchange: Callable[[Exchange], None] = lambda exchange: None
    allow_private_network: bool = False
    allow_http: bool = False
    timeout_seconds: float = 30.0
    max_response_bytes: int = 10 * 1024 * 1024
    client_identifier: str = "lockstep"
    #: stores rotated secrets (OAuth2 refresh) under one lock; answers the secrets now in force
    refresh_secrets: (
        Callable[[Callable[[Mapping[str, Any]], Mapping[str, Any]]], Mapping[str, Any]] | None
    ) = None


@dataclass(frozen=True)
class Connector:
    """Everything the hub knows of one external API; read top to bottom it describes the API."""

    key: str
    name: str
    summary: str
    auth_types: tuple[str, ...]  # api_key, bearer, basic, oauth2
    secrets: tuple[SecretField, ...]
    settings: tuple[SecretField, ...]  # not secret: base URL, board id, owner/repo …
    resources: tuple[Resource, ...]
    open: Callable[[str, Mapping[str, Any], Mapping[str, Any], Environment], Client]
    """``open(base_url, settings, secrets, environment)``; does no request."""
    default_base_url: str = ""
    budgets: tuple[RateBudget, ...] = ()
    #: seconds before each retry of a record that failed; () = the hub's own. An integration may set others.
    retry_delays: tuple[float, ...] = ()
    webhooks: Webhooks | None = None
    webhook_help: str = ""
    webhook_secret_from: str = (
        ""  # name of the secret that signs, where the vendor gives it (Trello app secret)
    )
    webhook_secret_is_vendors: bool = False
    """The vendor makes the signing secret up and tells it once, in ``WebhookRegistration.secret``. Where the hub does
    not hold that secret (any more), a registration that is there must be removed and made anew."""
    webhook_covers_body: bool = True  # False: the vendor proves who sends, but signs no body (a token, a JWT)
    webhook_token_in_body: bool = False
    """Nothing signs a webhook: a shared token among the values of its body proves where it comes from (Graph's client
    state). All else in the body is a hint, as ever."""
    text_format: str = "plain"
    token_url: str = ""  # where a person makes a token
    docs_url: str = ""
    templates: tuple[SetUpTemplate, ...] = ()
    consent: OAuth2Consent | None = None
    """Set where access can be granted in the browser; needs the secrets client_id, client_secret, refresh_token."""
    cannot_sync: tuple[str, ...] = ()  # for people: what of this product stays out, and why
    unverified: tuple[str, ...] = ()
    ignored_events: tuple[str, ...] = ()
    validate: Callable[[Mapping[str, Any]], list[tuple[str, str]]] | None = None
    """Further checks of settings: ``[(field, what to do)]``, empty if fine."""
    resources_for: Callable[[Mapping[str, Any]], Sequence[Resource]] | None = None
    """Where the resources depend on the settings (Generic REST)."""

    webhooks_for: Callable[[Mapping[str, Any]], Webhooks | None] | None = None
    """Where the way of signing depends on the settings (Generic REST)."""

    @property
    def hub_makes_webhook_secret(self) -> bool:
        """False where deliveries are signed with a secret of the vendor's making."""
        return not (self.webhook_secret_from or self.webhook_secret_is_vendors)

    def webhooks_of(self, settings: Mapping[str, Any]) -> Webhooks | None:
        """The webhook side for these settings; callers use this, not ``webhooks``."""
        return self.webhooks_for(settings) if self.webhooks_for else self.webhooks

    def resources_of(self, settings: Mapping[str, Any]) -> tuple[Resource, ...]:
        return tuple(self.resources_for(settings)) if self.resources_for else self.resources

    def unpicked(self, settings: Mapping[str, Any]) -> list[SecretField]:
        """The required settings that are picked from a list of the vendor's and have no value yet."""
        wanted = [each for each in self.settings if each.picks and each.required]
        return [each for each in wanted if settings.get(each.name) in (None, "")]

    def resource(self, name: str, settings: Mapping[str, Any] | None = None) -> Resource:
        """Raises ``KeyError`` for an unknown resource."""
        for resource in self.resources_of(settings or {}):
            if resource.name == name:
                return resource
        raise KeyError(name)
