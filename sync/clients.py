"""Clients of one integration, kept open from pair to pair: a new connection costs more than most pushes."""

from __future__ import annotations

from types import TracebackType

from connectors.base.types import Client
from integrations.models import Integration
from sync.runtime import runtime


class Clients:
    """Opened when first asked for, closed at the end of the ``with`` block. Short-lived, since secrets may be replaced."""

    def __init__(self, integration: Integration) -> None:
        self._integration = integration
        self._open: dict[bool, Client] = {}

    def of(self, priority: int) -> Client:
        """The client for a pair's urgency: people's edits may use the budget's reserve. Raises ``ConfigurationProblem``."""
        is_urgent = priority == 0
        client = self._open.get(is_urgent)
        if client is None:
            client = self._open[is_urgent] = runtime().open_client(self._integration, priority)
        return client

    def __enter__(self) -> Clients:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for client in self._open.values():
            client.close()
