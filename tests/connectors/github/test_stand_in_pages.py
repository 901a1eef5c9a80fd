"""The stand-in's pages, as a person uses them in the demo."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import requests

from sandbox.testing import RunningSandbox


@pytest.fixture
def browser(box: RunningSandbox) -> Iterator[requests.Session]:
    with requests.Session() as session:
        session.trust_env = False
        yield session


def test_a_person_edits_an_issue_as_somebody_else(box: RunningSandbox, browser: requests.Session) -> None:
    page = f"{box.url('github')}/ui/acme/webshop/issues/2"
    assert "Issues" in browser.get(f"{box.url('github')}/ui/").text
    browser.post(page, data={"_action": "become", "who": "1004"})
    browser.post(page, data={"_action": "text", "title": "<b>Sharper</b>", "body": "One\r\nTwo"})
    browser.post(page, data={"_action": "side", "labels": ["bug"], "assignees": ["emi-t"], "milestone": "1"})
    answer = browser.post(page, data={"_action": "not_planned", "comment": "No time"})
    issue = box.vendor("github").world.get("issue", 2)
    assert issue is not None
    names = ("title", "body", "assignees", "milestone", "state", "state_reason", "closed_by")
    expected = ["<b>Sharper</b>", "One\r\nTwo", [1005], 1, "closed", "not_planned", 1004]
    assert [issue[name] for name in names] == expected
    assert "&lt;b&gt;Sharper" in answer.text
    assert "<b>Sharper" not in answer.text
    assert "No time" in answer.text


def test_a_deleted_issue_answers_410_afterwards(box: RunningSandbox, browser: requests.Session) -> None:
    browser.post(f"{box.url('github')}/ui/acme/webshop/issues/2", data={"_action": "delete"})
    headers = {"Authorization": "Bearer sandbox-github-token"}
    answer = browser.get(f"{box.url('github')}/repos/acme/webshop/issues/2", headers=headers)
    assert answer.status_code == 410


def test_a_form_from_another_site_changes_nothing(box: RunningSandbox, browser: requests.Session) -> None:
    page = f"{box.url('github')}/ui/acme/webshop/issues/2"
    answer = browser.post(page, data={"_action": "delete"}, headers={"Origin": "https://evil.example"})
    assert answer.status_code == 403
    assert box.vendor("github").world.get("issue", 2) is not None


def test_an_unchanged_answer_is_not_sent_again(box: RunningSandbox, browser: requests.Session) -> None:
    headers = {"Authorization": "Bearer sandbox-github-token"}
    url = f"{box.url('github')}/repos/acme/webshop/milestones/2"
    tag = browser.get(url, headers=headers).headers["ETag"]
    assert browser.get(url, headers={**headers, "If-None-Match": tag}).status_code == 304


def test_a_failed_delivery_is_repeated_on_request_with_the_same_guid(
    box: RunningSandbox, browser: requests.Session
) -> None:
    headers = {"Authorization": "Bearer sandbox-github-token"}
    hooks = f"{box.url('github')}/repos/acme/webshop/hooks"
    hook = browser.post(
        hooks,
        json={"config": {"url": "http://127.0.0.1:9/x", "content_type": "json"}, "events": ["issues"]},
        headers=headers,
    )
    deliveries = f"{hooks}/{hook.json()['id']}/deliveries"
    box.deliveries("github")
    first = browser.get(deliveries, headers=headers).json()[0]
    assert (first["event"], first["status_code"], first["redelivery"]) == ("ping", 0, False)
    assert browser.post(f"{deliveries}/{first['id']}/attempts", headers=headers).status_code == 202
    again = browser.get(deliveries, headers=headers).json()[0]
    assert (again["guid"], again["redelivery"]) == (first["guid"], True)
