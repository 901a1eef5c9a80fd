"""Issues in the hub's terms and back, without a network."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.base.errors import RecordProblem
from connectors.github.issues import Options, issue_write, normalised, stage_labels, status_of
from connectors.github.text import HubText, put_together, take_apart

OPTIONS = Options()


def row(*labels: str, state: str = "open", reason: str | None = None, **more: Any) -> dict[str, Any]:
    return {
        "number": 7,
        "state": state,
        "state_reason": reason,
        "labels": [{"name": name} for name in labels],
        "assignees": [{"id": 1, "login": "ann"}],
        "body": "Text",
        **more,
    }


@pytest.mark.parametrize(
    ("labels", "state", "reason", "expected"),
    [
        ((), "open", None, "open"),
        ((), "open", "reopened", "open"),
        (("Status: In Progress",), "open", None, "open/in_progress"),
        (("status: in review", "status: backlog"), "open", None, "open/review"),
        (("status: in progress",), "closed", "completed", "closed/completed"),
        ((), "closed", None, "closed/completed"),
        ((), "closed", "duplicate", "closed/duplicate"),
    ],
)
def test_state_reason_and_stage_label_are_one_status(
    labels: tuple[str, ...], state: str, reason: str | None, expected: str
) -> None:
    assert status_of(row(*labels, state=state, reason=reason), OPTIONS) == expected


def test_labels_leave_out_priority_and_stage() -> None:
    hub = normalised(row("bug", "Priority: High", "priority: low", "status: backlog"), OPTIONS)["hub"]
    assert (hub["labels"], hub["priority"], hub["status"]) == (["bug"], "high", "open/backlog")


def test_what_the_answer_does_not_carry_stays_absent() -> None:
    data = normalised({"number": 7, "title": "Thin"}, OPTIONS)
    assert data["hub"] == {"parent": None}
    assert "body" not in data


def test_only_the_difference_of_a_set_is_written() -> None:
    write = issue_write(
        {"hub.labels": ["bug", "new"]}, row("BUG", "old", "priority: low", "status: backlog"), OPTIONS
    )
    assert (write.add_labels, write.remove_labels, write.patch) == (["new"], ["old"], {})


def test_a_priority_replaces_the_priority_labels_only() -> None:
    write = issue_write({"hub.priority": "urgent"}, row("bug", "priority: low", "Priority: medium"), OPTIONS)
    assert (write.add_labels, write.remove_labels) == (
        ["priority: urgent"],
        ["priority: low", "Priority: medium"],
    )
    write = issue_write({"hub.priority": None}, row("bug", "priority: low"), OPTIONS)
    assert (write.add_labels, write.remove_labels) == ([], ["priority: low"])


def test_closing_sends_state_and_reason_together_and_keeps_the_stage_label() -> None:
    write = issue_write({"hub.status": "closed/completed"}, row("status: in progress"), OPTIONS)
    assert write.patch == {"state": "closed", "state_reason": "completed"}
    assert not write.remove_labels


def test_reopening_into_a_stage_sets_its_label_and_takes_the_others_off() -> None:
    now = row("status: in progress", "bug", state="closed", reason="completed")
    write = issue_write({"hub.status": "open/review"}, now, OPTIONS)
    assert write.patch == {"state": "open", "state_reason": "reopened"}
    assert (write.add_labels, write.remove_labels) == (["status: in review"], ["status: in progress"])
    assert issue_write({"hub.status": "open"}, now, OPTIONS).remove_labels == ["status: in progress"]


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"html_url": "x"}, "html_url"),
        ({"title": " "}, "title"),
        ({"title": "x" * 257}, "title"),
        ({"body": "x" * 65_537}, "body"),
        ({"hub.status": "closed/whim"}, "hub.status"),
        ({"hub.status": "open/nowhere"}, "hub.status"),
        ({"hub.milestone": "v1"}, "hub.milestone"),
        ({"hub.assignees": [str(number) for number in range(11)]}, "hub.assignees"),
    ],
)
def test_what_github_cannot_hold_is_refused_by_name(fields: dict[str, Any], field: str) -> None:
    with pytest.raises(RecordProblem) as caught:
        issue_write(fields, row(), OPTIONS)
    assert caught.value.field == field


def test_an_update_of_the_body_keeps_the_key_out_of_sight() -> None:
    now = row(body="Old\n\n<!-- lockstep:0192-abc -->")
    assert normalised(now, OPTIONS)["body"] == "Old"
    assert issue_write({"body": "New"}, now, OPTIONS).patch == {"body": "New\n\n<!-- lockstep:0192-abc -->"}


def test_a_stage_setting_is_read_in_the_order_given() -> None:
    assert stage_labels("doing = wip; review=  needs review ") == {"doing": "wip", "review": "needs review"}
    assert stage_labels("off") == {}
    assert list(stage_labels("")) == ["backlog", "in_progress", "review"]


TEXTS = st.text(st.characters(codec="utf-8", exclude_characters="\r\u200b")).filter(
    lambda text: "lockstep:" not in text and "in Lockstep_" not in text
)


@given(
    text=TEXTS,
    key=st.sampled_from(["", "0192f", "a-b:c.d"]),
    author=st.sampled_from(["", "Ann Meyer"]),
    mutes=st.booleans(),
)
def test_texts_come_back_byte_by_byte(text: str, key: str, author: str, mutes: bool) -> None:
    body = put_together(HubText(text, key, author), mutes_mentions=mutes)
    assert take_apart(body, mutes_mentions=mutes) == HubText(text, key, author)
    assert take_apart(body.replace("\n", "\r\n"), mutes_mentions=mutes).text == text


def test_muted_mentions_notify_nobody_and_leave_addresses_and_code_alone() -> None:
    muted = put_together(HubText("@ann see #12, ann@example.org, `@x` and issue#3"), mutes_mentions=True)
    assert muted == "@\u200bann see #\u200b12, ann@example.org, `@x` and issue#3"
