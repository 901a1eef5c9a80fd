"""What the connectors declare, as a page for people: ``python -m connectors.catalogue > docs/connectors.md``."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from datetime import timedelta

from connectors import registry
from connectors.base.connector import Connector
from connectors.base.types import Can, RateBudget, Resource

HEAD = """# Connectors

What each connector can do, made from what they declare (`python -m connectors.catalogue`). How to connect each, its scopes
and quirks stand in its own page, linked by its name.

| word | means |
|---|---|
| both, in, out | which way records of this kind travel: *in* are only read there |
| keyed | a create carries an idempotency key: repeating it is harmless |
| upsert | a create names a unique value: repeating it finds the same record |
| marker | a create writes a key that can be looked up after a lost answer |
| unprovable | nothing proves a create whose answer was lost: a person decides |
| stale writes | whether a write that is based on an old state is refused, by the vendor or by comparing first |
"""
EVIDENCE = "a read by id says so"


def page() -> str:
    """The whole page, in the order of the connectors' names."""
    connectors = sorted(registry.everything(), key=lambda one: one.name.casefold())
    parts = [HEAD, "\n".join(_overview(connectors)), *("\n".join(_section(one)) for one in connectors)]
    return "\n\n".join(part.strip() for part in parts) + "\n"


def _overview(connectors: list[Connector]) -> Iterator[str]:
    yield "| system | signs in with | webhooks | texts | limits |"
    yield "|---|---|---|---|---|"
    for one in connectors:
        limits = "; ".join(_limits(one.budgets)) or "as the vendor's answers say"
        yield _row(
            f"[{one.name}](#{_anchor(one.name)})",
            ", ".join(one.auth_types).replace("_", " ") + (", in the browser" if one.consent else ""),
            "yes" if one.webhooks or one.webhooks_for else "no: polled",
            one.text_format,
            limits,
        )


def _section(one: Connector) -> Iterator[str]:
    yield f"## {one.name}"
    yield ""
    yield f"{one.summary} [How to connect](../connectors/{one.key}/README.md)" + (
        f", [the vendor's documentation]({one.docs_url})." if one.docs_url else "."
    )
    yield ""
    if one.resources:
        yield "| resource | is here | way | can | create | stale writes | what changed | what proves a deletion |"
        yield "|---|---|---|---|---|---|---|---|"
        for resource in one.resources:
            yield _resource(resource)
    else:
        yield "Its resources are described by the configuration of each integration."
    fixed = [f"{r.label}: {', '.join(sorted(r.create_only))}" for r in one.resources if r.create_only]
    yield from _list("Said when a record is made, and kept there", tuple(fixed))
    if one.webhook_help:
        yield ""
        yield f"**Webhooks.** {one.webhook_help}"
    if one.ignored_events:
        yield ""
        yield f"**Events ignored on purpose.** {', '.join(f'`{event}`' for event in one.ignored_events)}"
    yield from _list("Stays out", one.cannot_sync)
    yield from _list("Not verified against the vendor", one.unverified)


def _resource(one: Resource) -> str:
    writes = {Can.CREATE, Can.UPDATE} & one.can
    can = [ability.value for ability in Can if ability in one.can]
    return _row(
        f"{one.label} (`{one.name}`)",
        ", ".join((one.record_type, *one.other_record_types)).replace("_", " "),
        "both" if writes else "in",
        ", ".join(can),
        one.create_class.value if Can.CREATE in one.can else "–",
        "refused" if one.version_check else "last one wins" if writes else "–",
        _asked(one),
        (one.deletion_evidence or EVIDENCE) if one.absence_check else "nothing: it is asked about",
    )


def _asked(one: Resource) -> str:
    if not one.incremental:
        return "whole list compared"
    step = f" to {_span(one.time_granularity)}" if one.time_granularity != timedelta(seconds=1) else ""
    lag = f", lists lag up to {_span(one.list_lag)}" if one.list_lag else ""
    return f"asked for since{step}{lag}"


def _list(title: str, lines: tuple[str, ...]) -> Iterator[str]:
    if lines:
        yield ""
        yield f"**{title}.**"
        yield ""
        yield from (f"- {line}" for line in lines)


def _limits(budgets: Sequence[RateBudget]) -> Iterator[str]:
    """Requests per window, then how many may be under way; by quota class."""
    at_once = dict.fromkeys((_class(one), one.concurrency) for one in budgets if one.concurrency)
    for one in budgets:
        yield f"{_class(one)}{one.requests:,} in {_span(timedelta(seconds=one.per_seconds))}"
    for name, number in at_once:
        yield f"{name}{number} at once"


def _class(one: RateBudget) -> str:
    return "" if one.quota_class == "default" else f"{one.quota_class.replace('_', ' ')}: "


def _span(length: timedelta) -> str:
    seconds = length.total_seconds()
    for size, unit in ((86400, "day"), (3600, "hour"), (60, "minute")):
        if seconds >= size and seconds % size == 0:
            number = int(seconds // size)
            return f"{number} {unit}s" if number > 1 else f"{'an' if unit == 'hour' else 'a'} {unit}"
    return f"{seconds:g} s"


def _anchor(name: str) -> str:
    return "".join(char for char in name.lower().replace(" ", "-") if char.isalnum() or char == "-")


def _row(*cells: str) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in cells) + " |"


if __name__ == "__main__":
    sys.stdout.write(page())
