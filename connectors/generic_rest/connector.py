"""Generic REST: any JSON API, described by a configuration. The configuration's format: ``schema.json``, README."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from connectors.base.connector import Connector, Environment
from connectors.base.errors import ConfigurationProblem
from connectors.base.session import ApiSession
from connectors.base.types import SecretField

from .client import GenericClient
from .config import problems_of
from .declare import auth_of, options_of, resources_for
from .webhooks import webhooks_for


def open_client(
    base_url: str, settings: Mapping[str, Any], secrets: Mapping[str, Any], environment: Environment
) -> GenericClient:
    """Raises ``ConfigurationProblem`` for a configuration that cannot be used."""
    config = settings.get("config")
    problems = problems_of(config)
    if problems or not isinstance(config, Mapping):
        first = problems[0]
        raise ConfigurationProblem(
            f"{first.path or 'The configuration'}: {first.message}. {first.fix}", code="mapping"
        )
    limited = replace(
        environment,
        timeout_seconds=min(
            environment.timeout_seconds, config.get("timeout_seconds", environment.timeout_seconds)
        ),
        max_response_bytes=min(
            environment.max_response_bytes, config.get("max_response_bytes", environment.max_response_bytes)
        ),
    )
    session = ApiSession(
        base_url or config["base_url"], auth_of(config, secrets), limited, options_of(config)
    )
    return GenericClient(CONNECTOR, session, settings)


def validate(settings: Mapping[str, Any]) -> list[tuple[str, str]]:
    """``[(where, what to do)]`` for the wizard; paths are below ``config``."""
    config = settings.get("config")
    if not isinstance(config, Mapping):
        return [("config", "Paste the connection's configuration as JSON.")]
    return [
        (f"config.{problem.path}" if problem.path else "config", f"{problem.message}. {problem.fix}")
        for problem in problems_of(config)
    ]


CONNECTOR = Connector(
    key="generic_rest",
    name="Generic REST",
    summary="Any JSON API over HTTP, described by a configuration: no code.",
    auth_types=("none", "api_key", "bearer", "basic", "oauth2"),
    secrets=(
        SecretField(
            "token", "Token or API key", 'Named {"secret_ref": "token"} in the configuration.', required=False
        ),
        SecretField("username", "User name", required=False),
        SecretField("password", "Password", required=False),
        SecretField("client_id", "OAuth2 client id", required=False),
        SecretField("client_secret", "OAuth2 client secret", required=False),
        SecretField("refresh_token", "OAuth2 refresh token", required=False),
        SecretField(
            "webhook_secret", "Webhook secret", "What the service signs its webhooks with.", required=False
        ),
    ),
    settings=(
        SecretField(
            "config",
            "Configuration (JSON)",
            "Base address, auth, resources, webhooks. The schema is in the documentation.",
            secret=False,
        ),
    ),
    resources=(),
    open=open_client,
    webhook_help="Enter the webhook address and secret where the service registers webhooks, and describe its signature in the configuration.",
    docs_url="https://json-schema.org/draft/2020-12/schema",
    validate=validate,
    resources_for=resources_for,
    webhooks_for=webhooks_for,
)
