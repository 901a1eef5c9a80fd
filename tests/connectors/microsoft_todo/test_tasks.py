"""Tasks in the hub's terms and back, without a server."""

from __future__ import annotations

from typing import Any

import pytest

from connectors.base.errors import RecordGone, RecordProblem
from connectors.microsoft_todo.connector import CONNECTOR, validate
from connectors.microsoft_todo.tasks import colour_code, day_of, normalised, parts_of, preset_of, task_body
from connectors.microsoft_todo.zones import WINDOWS, iana_zone


def dtz(moment: str, zone: str = "UTC") -> dict[str, str]:
    return {"dateTime": moment, "timeZone": zone}


@pytest.mark.parametrize(
    ("value", "zone", "day"),
    [
        (dtz("2026-01-05T00:00:00.0000000"), "Europe/Berlin", "2026-01-05"),  # midnight anywhere is that day
        (dtz("2026-01-05T00:00:00.0000000", "Pacific Standard Time"), "UTC", "2026-01-05"),
        (dtz("2026-01-04T23:00:00.0000000"), "Europe/Berlin", "2026-01-05"),  # Berlin's midnight told in UTC
        (dtz("2026-01-04T15:00:00.0000000", "Tokyo Standard Time"), "America/New_York", "2026-01-04"),
        (dtz("2026-01-05T08:00:00", "Nowhere Standard Time"), "UTC", "2026-01-05"),
        (None, "UTC", None),
        ({"dateTime": 5}, "UTC", None),
        (dtz("soon"), "UTC", None),
    ],
)
def test_a_days_zone_is_minded(value: Any, zone: str, day: str | None) -> None:
    assert day_of(value, zone) == day


def test_a_day_goes_out_as_midnight_in_the_persons_zone() -> None:
    body = task_body({"hub.due_on": "2026-12-24", "hub.start_on": None}, "Europe/Berlin", {})
    assert body == {
        "dueDateTime": {"dateTime": "2026-12-24T00:00:00.0000000", "timeZone": "Europe/Berlin"},
        "startDateTime": None,
    }


@pytest.mark.parametrize(
    ("html", "current", "body"),
    [
        ("<p>One</p><p>Two &amp; a half<br>three</p>", None, ("text", "One\n\nTwo & a half\nthree")),
        ("<p>A <b>bold</b> word</p>", None, ("html", "<p>A <b>bold</b> word</p>")),
        ("<p>Plain</p>", {"body": {"contentType": "html"}}, ("html", "<p>Plain</p>")),
        ("<p>Plain</p>", {"body": {"contentType": "text"}}, ("text", "Plain")),
        ("", {"body": {"contentType": "text"}}, ("text", "")),
    ],
)
def test_text_stays_plain_unless_it_is_formatted(html: str, current: Any, body: tuple[str, str]) -> None:
    fields = {"body.content": html} if current else {"title": "x", "body.content": html}
    sent = task_body(fields, "UTC", current)["body"]
    assert (sent["contentType"], sent["content"]) == body


def test_plain_text_that_looks_like_markup_is_spelled_out() -> None:
    row = {"id": "1", "body": {"content": "a < b <i>c", "contentType": "text"}}
    assert normalised(row, "L", "UTC")["body"]["content"] == "<p>a &lt; b &lt;i&gt;c</p>"


def test_what_graph_leaves_out_is_empty() -> None:
    hub = normalised({"id": "1"}, "L", "UTC")["hub"]
    assert (hub["due_on"], hub["start_on"], hub["completed_at"], hub["list"]) == (None, None, None, "L")
    assert "key" not in hub  # the links were not asked for: unknown


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"title": " "}, "title"),
        ({"status": "someday"}, "status"),
        ({"importance": "urgent"}, "importance"),
        ({"hub.due_on": "tomorrow"}, "hub.due_on"),
        ({"hub.url": "x"}, "hub.url"),
    ],
)
def test_what_cannot_be_written_is_refused_by_name(fields: dict[str, Any], field: str) -> None:
    with pytest.raises(RecordProblem) as caught:
        task_body(fields, "UTC", {"hub": {"list": "L"}})
    assert caught.value.field == field


@pytest.mark.parametrize("id", ["", "only-one-part", ":x", "x:"])
def test_an_id_without_its_list_is_nobodys(id: str) -> None:
    with pytest.raises(RecordGone):
        parts_of(id)


def test_colours_go_to_the_nearest_preset_and_back() -> None:
    assert preset_of("#e74857") == "preset0"
    assert colour_code("preset24") == "#5c005c"
    assert (preset_of(None), colour_code("none"), colour_code("preset99")) == ("none", None, None)


def test_windows_zones_are_known_to_the_tz_database() -> None:
    from zoneinfo import ZoneInfo

    assert all(ZoneInfo(name) for name in WINDOWS.values())
    assert iana_zone("Europe/Berlin") == "Europe/Berlin"


def test_settings_are_checked_field_by_field() -> None:
    wrong = {"tenant": "a/b", "time_zone": "Berlin", "list_id": "A", "default_list": "B"}
    assert [field for field, _ in validate(wrong)] == ["tenant", "time_zone", "default_list"]
    assert validate({"tenant": "common", "time_zone": "Europe/Berlin", "list_id": "A"}) == []


def test_consent_asks_for_a_lasting_token_with_a_challenge() -> None:
    assert CONNECTOR.consent is not None
    assert CONNECTOR.consent.uses_pkce
    assert "offline_access" in CONNECTOR.consent.settings.scopes
    assert (
        CONNECTOR.consent.authorize_url == "https://login.microsoftonline.com/{tenant}/oauth2/v2.0/authorize"
    )
