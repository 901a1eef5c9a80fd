"""Asana's oddities, against the stand-in."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest

from connectors import registry
from connectors.base.errors import PermissionProblem, RateLimited, RecordGone, RecordProblem, StaleWrite
from connectors.base.types import AbsenceKind, CreateClass
from sandbox.vendors import asana_seed as seed
from tests.sandbox_fixtures import Stand

Opener = Callable[..., Stand]
SAMPLE = {"name": "Taste the samples", "hub.status": seed.SECTIONS[1][0], "hub.labels": ["press"]}
TO_DO, DOING, DONE = (seed.SECTIONS[n][0] for n in (1, 2, 4))


@pytest.fixture
def stand(open_stand: Opener) -> Stand:
    return open_stand("asana")


def make(stand: Stand, key: Any = "k1", **more: Any) -> Any:
    return stand.client.create("task", {**SAMPLE, **more}, key=key)


def writes(stand: Stand) -> list[tuple[str, str]]:
    return [(one.method, one.path.rsplit("/", 1)[-1]) for one in stand.vendor.requests if one.method != "GET"]


# --- status ------------------------------------------------------------------------------------------------------


def test_completing_leaves_the_task_in_its_section(stand: Stand) -> None:
    task = make(stand)
    done = stand.client.update("task", task.id, {"hub.status": "completed"}, current=task)
    assert (done.data["hub"]["status"], done.data["completed"]) == ("completed", True)
    stored = stand.vendor.world.get("task", task.id)
    assert stored is not None
    assert stored["memberships"] == [{"project": seed.PROJECT, "section": TO_DO}]


def test_completing_moves_the_task_where_a_section_for_completed_tasks_is_set(open_stand: Opener) -> None:
    stand = open_stand("asana", settings={"done_section": DONE})
    task = make(stand)
    stand.client.update("task", task.id, {"hub.status": "completed"}, current=task)
    stored = stand.vendor.world.get("task", task.id)
    assert stored is not None
    assert (stored["completed"], stored["memberships"][0]["section"]) == (True, DONE)


def test_a_section_for_a_completed_task_opens_it_again_and_moves_it(stand: Stand) -> None:
    task = make(stand, **{"hub.status": "completed"})
    again = stand.client.update("task", task.id, {"hub.status": DOING}, current=task)
    assert (again.data["hub"]["status"], again.data["completed"]) == (DOING, False)


def test_a_move_is_one_request_and_leaves_modified_at(stand: Stand) -> None:
    task = make(stand)
    stand.vendor.requests.clear()
    moved = stand.client.update("task", task.id, {"hub.status": DOING}, current=task)
    assert writes(stand) == [("POST", "addTask")]
    assert (moved.data["hub"]["status"], moved.updated_at) == (DOING, task.updated_at)


def test_a_stage_without_a_section_names_the_status_map(stand: Stand) -> None:
    with pytest.raises(RecordProblem, match="status map") as refused:
        make(stand, **{"hub.status": "in_progress"})
    assert refused.value.field == "hub.status"


def test_the_statuses_to_choose_from_begin_with_asanas_own_word_for_done(stand: Stand) -> None:
    names = [one.name for one in stand.client.containers() if one.kind == "status" or one.kind == "section"]
    assert names == [
        "Completed",
        "Ideas",
        "To do",
        "In progress",
        "In review",
        "Done",
        "Not in a section (subtasks)",
    ]


# --- subtasks ----------------------------------------------------------------------------------------------------


def test_subtasks_come_with_their_parent_in_ten_to_a_request(stand: Stand) -> None:
    stand.vendor.requests.clear()
    records = stand.client.list_page("task").records
    children = [one for one in records if one.data["hub"]["parent"]]
    assert {one.data["name"] for one in children} == {
        "Ask about: write the press release",
        "Ask about: order the display stands",
    }
    assert all(one.data["hub"]["status"] == "open" for one in children)
    assert [one.path.rsplit("/", 1)[-1] for one in stand.vendor.requests] == ["tasks", "batch"]


def test_subtasks_can_be_left_out(open_stand: Opener) -> None:
    stand = open_stand("asana", settings={"subtasks": "no"})
    assert len(stand.client.list_page("task").records) == 15


def test_a_subtask_made_here_is_in_the_project_too_and_listed_once(stand: Stand) -> None:
    parent = make(stand)
    child = make(stand, "k2", **{"hub.parent": parent.id})
    assert (child.data["hub"]["parent"], child.data["hub"]["status"]) == (parent.id, TO_DO)
    listed = [one.id for one in stand.client.list_page("task").records]
    assert listed.count(child.id) == 1


def test_a_subtask_in_no_section_is_completed_but_never_put_on_the_board(stand: Stand) -> None:
    child = next(one for one in stand.client.list_page("task").records if one.data["hub"]["parent"])
    stand.client.update("task", child.id, {"hub.status": DOING}, current=child)
    stored = stand.vendor.world.get("task", child.id)
    assert stored is not None
    assert stored["memberships"] == []


def test_the_parent_is_set_and_taken_away_by_its_own_call(stand: Stand) -> None:
    parent, task = make(stand), make(stand, "k2")
    under = stand.client.update("task", task.id, {"hub.parent": parent.id}, current=task)
    assert under.data["hub"]["parent"] == parent.id
    free = stand.client.update("task", task.id, {"hub.parent": None}, current=under)
    assert free.data["hub"]["parent"] is None


# --- fields ------------------------------------------------------------------------------------------------------


def test_the_description_is_general_html_here_and_strict_xml_there(stand: Stand) -> None:
    task = make(stand, html_notes="<p>One</p><ul><li>two</li></ul>")
    stored = stand.vendor.world.get("task", task.id)
    assert stored is not None
    assert stored["html_notes"] == "<body>One<ul><li>two</li></ul></body>"
    assert task.data["html_notes"] == "<p>One</p><ul><li>two</li></ul>"


def test_the_priority_field_is_found_by_its_name_and_written_by_its_option(stand: Stand) -> None:
    task = make(stand, **{"hub.priority": "high"})
    stored = stand.vendor.world.get("task", task.id)
    assert stored is not None
    assert stored["custom"][seed.PRIORITY] == seed.PRIORITIES[2][0]
    none = stand.client.update("task", task.id, {"hub.priority": None}, current=task)
    assert none.data["hub"]["priority"] == ""


def test_a_priority_the_project_does_not_know_is_named(stand: Stand) -> None:
    with pytest.raises(RecordProblem, match="no option 'urgent'") as refused:
        make(stand, **{"hub.priority": "urgent"})
    assert refused.value.field == "hub.priority"


def test_custom_fields_are_read_and_written_by_id(stand: Stand) -> None:
    task = make(stand)
    after = stand.client.update("task", task.id, {f'custom."{seed.BUDGET}"': "12.5"}, current=task)
    assert after.data["custom"][seed.BUDGET] == 12.5


def test_a_start_is_sent_together_with_the_due_that_stands(stand: Stand) -> None:
    task = make(stand, due_on="2026-12-18")
    after = stand.client.update("task", task.id, {"start_on": "2026-12-10"}, current=task)
    assert (after.data["start_on"], after.data["due_on"]) == ("2026-12-10", "2026-12-18")
    assert stand.vendor.requests[-1].body == {"data": {"start_on": "2026-12-10", "due_on": "2026-12-18"}}


def test_a_start_without_a_due_is_refused_before_asking(stand: Stand) -> None:
    task = make(stand)
    with pytest.raises(RecordProblem, match="together with a due date"):
        stand.client.update("task", task.id, {"start_on": "2026-12-10"}, current=task)


def test_asanas_refusal_names_the_field_it_is_about(stand: Stand) -> None:
    task = make(stand)
    with pytest.raises(RecordProblem, match="Unknown object: 77") as refused:  # a 404, but not of the task
        stand.client.update("task", task.id, {"hub.assignees": ["77"]}, current=task)
    assert refused.value.field == "hub.assignees"
    with pytest.raises(RecordProblem) as refused:
        stand.client.update("task", task.id, {"start_on": "2026-12-10", "due_on": "2026-12-10"}, current=task)
    assert refused.value.field == "start_on"


def test_a_second_assignee_goes_to_a_person(stand: Stand) -> None:
    with pytest.raises(RecordProblem, match="one assignee"):
        make(stand, **{"hub.assignees": [seed.USERS[1][0], seed.USERS[2][0]]})


def test_tags_are_added_and_removed_one_by_one_and_others_stay(stand: Stand) -> None:
    task = make(stand)
    legal = seed.TAGS[2][0]
    stored = stand.vendor.world.get("task", task.id)
    assert stored is not None
    stand.vendor.world.put("task", task.id, {**stored, "tags": [*stored["tags"], legal]})
    after = stand.client.update("task", task.id, {"hub.labels": ["Brand new"]}, current=task)
    assert sorted(after.data["hub"]["labels"]) == ["Brand new", "legal"]


def test_a_tag_of_that_name_is_taken_instead_of_a_second_one(stand: Stand) -> None:
    made = stand.client.create("tag", {"name": "Legal"}, key="t1")
    assert made.id == seed.TAGS[2][0]


# --- certainty ---------------------------------------------------------------------------------------------------


def test_a_field_changed_meanwhile_makes_the_write_stale_and_another_does_not(stand: Stand) -> None:
    task = make(stand)
    stand.vendor.edit("task", task.id, {"name": "By hand"})
    with pytest.raises(StaleWrite):
        stand.client.update("task", task.id, {"name": "By the hub"}, current=task)
    after = stand.client.update("task", task.id, {"due_on": "2026-12-24"}, current=task)
    assert (after.data["name"], after.data["due_on"]) == ("By hand", "2026-12-24")


def test_without_a_place_for_the_key_a_create_proves_nothing() -> None:
    connector = registry.get("asana")
    assert connector.resource("task", {}).create_class is CreateClass.UNPROVABLE
    assert connector.resource("task", {"key_field": "external"}).create_class is CreateClass.MARKER


def test_an_app_keeps_the_key_in_asanas_own_place_and_renews_its_token(open_stand: Opener) -> None:
    secrets = {
        "token": "",
        "client_id": seed.CLIENT_ID,
        "client_secret": seed.CLIENT_SECRET,
        "refresh_token": seed.REFRESH_TOKEN,
    }
    stand = open_stand("asana", secrets=secrets, settings={"key_field": "external"})
    task = make(stand, "key-77")
    since = datetime.now(UTC) - timedelta(minutes=1)
    found = stand.client.find_by_key("task", "key-77", since=since)
    assert found is not None
    assert found.id == task.id
    assert stand.client.find_by_key("task", "key-78", since=since) is None
    assert stand.vendor.requests[0].path == "/-/oauth_token"


def test_a_task_taken_out_of_the_project_was_moved_and_not_deleted(stand: Stand) -> None:
    task = make(stand)
    stored = stand.vendor.world.get("task", task.id)
    assert stored is not None
    stand.vendor.world.put("task", task.id, {**stored, "memberships": []})
    with pytest.raises(RecordGone):
        stand.client.get("task", task.id)
    assert stand.client.explain_absence("task", [task.id])[task.id].kind is AbsenceKind.MOVED


def test_while_the_project_cannot_be_read_nothing_counts_as_deleted(stand: Stand) -> None:
    task = make(stand)
    stand.vendor.remove("task", task.id)
    stand.vendor.fail("status", status=403, path="^/api/1.0/projects/")
    assert stand.client.explain_absence("task", [task.id])[task.id].kind is AbsenceKind.NO_ACCESS


def test_polling_by_change_leaves_out_what_did_not(open_stand: Opener) -> None:
    stand = open_stand("asana", settings={"poll": "changes"})
    task = make(stand)
    page = stand.client.list_page("task", since=datetime.now(UTC) - timedelta(minutes=2))
    assert [one.id for one in page.records] == [task.id]
    assert registry.get("asana").resource("task", {"poll": "changes"}).incremental


def test_many_are_read_ten_to_a_request_and_the_absent_are_left_out(stand: Stand) -> None:
    ids = [one.id for one in stand.client.list_page("task").records][:12]
    stand.vendor.requests.clear()
    found = stand.client.get_many("task", [*ids, "99999999"])
    assert set(found) == set(ids)
    assert [one.path.rsplit("/", 1)[-1] for one in stand.vendor.requests] == ["batch", "batch"]


def test_a_limit_inside_of_a_batch_is_waited_for(stand: Stand) -> None:
    part = {
        "status_code": 429,
        "headers": {"Retry-After": "9"},
        "body": {"errors": [{"message": "Too many"}]},
    }
    stand.vendor.fail("status", status=200, body={"data": [part]}, path="/batch$")
    with pytest.raises(RateLimited) as limited:
        stand.client.get_many("task", ["1"])
    assert limited.value.retry_after == 9


# --- comments ----------------------------------------------------------------------------------------------------


def test_a_comment_bears_its_author_below_and_system_stories_are_left_out(stand: Stand) -> None:
    task = make(stand)
    made = stand.client.create(
        "comment", {"html_text": "<p>Hi</p>", "hub.author": "Noor Haddad"}, key="c1", parent_id=task.id
    )
    stored = stand.vendor.world.get("story", made.id)
    assert stored is not None
    assert stored["html_text"].startswith("<body>Hi\n\n<em>— Noor Haddad, via Lockstep · ")
    assert (made.data["html_text"], made.data["hub"]["author"], made.data["hub"]["author_id"]) == (
        "<p>Hi</p>",
        "Noor Haddad",
        None,
    )
    assert [one.id for one in stand.client.list_page("comment", parent_id=task.id).records] == [made.id]
    edited = stand.client.update("comment", made.id, {"html_text": "<p>Ho</p>"}, current=made)
    assert (edited.data["html_text"], edited.data["hub"]["author"]) == ("<p>Ho</p>", "Noor Haddad")


def test_comments_of_others_cannot_be_edited(stand: Stand) -> None:
    task = make(stand)
    story = stand.vendor.edit("story", None, {"html_text": "<body>Mine</body>", "task": task.id})
    comment = stand.client.get("comment", story)
    with pytest.raises(PermissionProblem):
        stand.client.update("comment", story, {"html_text": "<p>Yours</p>"}, current=comment)


# --- webhook -----------------------------------------------------------------------------------------------------


@pytest.fixture
def hub() -> Iterator[Any]:
    """Answers handshakes as the hub does; ``echoes`` False: as somebody else would."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            server: Any = self.server
            server.received.append((dict(self.headers), self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(200)
            if server.echoes and "X-Hook-Secret" in self.headers:
                self.send_header("X-Hook-Secret", self.headers["X-Hook-Secret"])
            self.end_headers()

        def log_message(self, *args: Any) -> None:
            return None

    server: Any = HTTPServer(("127.0.0.1", 0), Handler)
    server.received, server.echoes = [], True
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


def test_the_secret_of_the_handshake_comes_with_the_registration_once(stand: Stand, hub: Any) -> None:
    url = f"http://127.0.0.1:{hub.server_port}/hook"
    made = stand.client.ensure_webhook(url, "ours")
    assert made is not None
    assert made.secret == seed.HOOK_SECRET
    assert hub.received[0][0]["X-Hook-Secret"] == seed.HOOK_SECRET
    assert seed.HOOK_SECRET not in repr(made)
    again = stand.client.ensure_webhook(url, "ours")
    assert again is not None
    assert (again.id, again.secret) == (made.id, "")
    stand.vendor.sender.flush()
    assert hub.received[-1][1] == b'{"events":[]}'


def test_an_address_that_does_not_shake_hands_gets_no_webhook(stand: Stand, hub: Any) -> None:
    hub.echoes = False
    with pytest.raises(RecordProblem, match="handshake"):
        stand.client.ensure_webhook(f"http://127.0.0.1:{hub.server_port}/hook", "ours")
    assert stand.vendor.world.count("webhook") == 0


def test_a_webhook_with_old_filters_is_brought_up_to_date_and_one_switched_off_made_anew(
    stand: Stand,
) -> None:
    url = "http://127.0.0.1:9/hook"
    made = stand.client.ensure_webhook(url, "")
    assert made is not None
    hook = stand.vendor.world.get("webhook", made.id)
    assert hook is not None
    stand.vendor.world.put(
        "webhook", made.id, {**hook, "filters": [{"resource_type": "task", "action": "added"}]}
    )
    same = stand.client.ensure_webhook(url, "")
    stored = stand.vendor.world.get("webhook", made.id)
    assert stored is not None
    assert same is not None
    assert (same.id, stored["filters"]) == (made.id, hook["filters"])
    stand.vendor.world.put("webhook", made.id, {**hook, "active": False})
    fresh = stand.client.ensure_webhook(url, "")
    assert fresh is not None
    assert fresh.id != made.id
    assert fresh.secret not in ("", made.secret)


# --- settings ----------------------------------------------------------------------------------------------------


def test_the_check_names_a_key_field_that_is_not_there(open_stand: Opener) -> None:
    report = open_stand("asana", settings={"key_field": seed.PRIORITY}).client.check()
    assert [one.detail for one in report.checks if not one.ok] == [
        "The project has no such text field for the hub's key."
    ]


def test_settings_are_refused_with_the_field_and_the_fix() -> None:
    validate = registry.get("asana").validate
    assert validate is not None
    assert validate({"project_id": "12", "key_field": "external"}) == []
    assert [field for field, _ in validate({"project_id": "x", "key_field": "y"})] == [
        "project_id",
        "key_field",
    ]
