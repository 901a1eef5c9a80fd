"""What the hub adds to a text on GitHub, and how it is taken off again; mentions may be muted."""

from __future__ import annotations

from dataclasses import replace

from connectors.base import hubtext
from connectors.base.hubtext import HubText, muted, unmuted


def take_apart(body: object, *, mutes_mentions: bool = False) -> HubText:
    """The text without the hub's additions; line ends as LF (the web form sends CRLF).

    The parts put together again by ``put_together`` give the same text, byte by byte.
    """
    parts = hubtext.take_apart(body)
    return replace(parts, text=unmuted(parts.text)) if mutes_mentions else parts


def put_together(parts: HubText, *, mutes_mentions: bool = False) -> str:
    """The body to write."""
    return (replace(parts, text=muted(parts.text)) if mutes_mentions else parts).whole


__all__ = ["HubText", "put_together", "take_apart"]
