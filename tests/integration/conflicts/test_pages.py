"""The review pages as a browser without scripts meets them."""

from __future__ import annotations

from typing import Any

import pytest
from django.urls import reverse

from conflicts.models import ConflictResolution, ConflictStatus, MergeRule
from conflicts.services import conflict_applied, lease_take
from reconcile.model import FieldConflict
from tests.integration.pages.world import World
from workspace.models import OriginKind, Role
from workspace.services import Origin, record_update

LIST = "/admin/hub/conflicts/"


def page_of(conflict: ConflictResolution) -> str:
    return reverse("desk:review", args=[conflict.pk])


def form(conflict: ConflictResolution, **more: Any) -> dict[str, Any]:
    return {
        "version": conflict.version,
        "local_revision": conflict.local_revision,
        "external_version": conflict.external_version,
        "choice.title": "external",
        "push": "1",
        "do": "apply",
        **more,
    }


def test_the_list_groups_open_conflicts_by_integration(world: World) -> None:
    world.conflict(world.integration("Board"))
    world.conflict(world.integration("Desk"))
    html = world.client(Role.REVIEWER).get(LIST).content.decode()
    assert html.index(">Board</a>") < html.index(">Desk</a>")
    assert "Fix front door" in html
    assert "Fix door asap" in html
    assert "Keep local …" in html


def test_no_open_conflict_is_a_good_state(world: World) -> None:
    html = world.client(Role.REVIEWER).get(LIST).content.decode()
    assert "No open conflicts" in html
    assert "Keep local …" not in html


def test_nothing_matching_names_the_filters(world: World) -> None:
    world.conflict(world.integration())
    html = world.client(Role.REVIEWER).get(LIST + "?q=nowhere").content.decode()
    assert "Nothing matches" in html
    assert "nowhere" in html


@pytest.mark.parametrize(
    ("query", "count"),
    [
        ("", 1), ("?status=all", 2), ("?status=closed", 1), ("?kind=refused", 0), ("?field=title", 1), ("?field=due_on", 0),
        ("?age=24h", 0), ("?claim=mine", 0), ("?claim=free", 1), ("?integration=nonsense", 0), ("?q=front", 1),
    ],
)  # fmt: skip
def test_every_filter_is_a_plain_address(world: World, query: str, count: int) -> None:
    world.conflict(world.integration())
    closed = world.conflict(world.integration("Two"))
    conflict_applied(closed, now=world.now, pushed=False)
    html = world.client(Role.REVIEWER).get(LIST + query).content.decode()
    assert html.count("data-row ") == count


def test_a_viewer_reads_along_without_actions(world: World) -> None:
    conflict = world.conflict(world.integration())
    viewer = world.client(Role.VIEWER)
    listed, shown = viewer.get(LIST).content.decode(), viewer.get(page_of(conflict)).content.decode()
    assert "Keep local …" not in listed
    assert 'type="radio"' not in shown
    assert "Your role may read conflicts" in shown
    assert viewer.post(page_of(conflict), form(conflict)).status_code == 403
    assert (
        viewer.post(reverse("desk:bulk"), {"pick": f"{conflict.pk}:1", "choice": "local"}).status_code == 403
    )
    assert viewer.post(reverse("desk:do", args=[conflict.pk, "ignore"]), {"version": 1}).status_code == 403
    conflict.refresh_from_db()
    assert (conflict.status, conflict.lease_user) == (ConflictStatus.PENDING, None)


def test_another_tenants_conflict_and_rule_are_404(world: World) -> None:
    conflict = world.conflict(world.integration())
    rule = MergeRule.objects.create(tenant=world.tenant, rule="prefer_local")
    stranger = world.client("carol")
    assert stranger.get(page_of(conflict)).status_code == 404
    assert stranger.post(page_of(conflict), form(conflict)).status_code == 404
    for act in ("ignore", "reopen", "revert", "take-over"):
        assert stranger.post(reverse("desk:do", args=[conflict.pk, act]), {"version": 1}).status_code == 404
    assert stranger.post(reverse("desk:lease", args=[conflict.pk])).status_code == 404
    assert stranger.get(reverse("desk:rule", args=[rule.pk])).status_code == 404
    assert stranger.post(reverse("desk:rule_do", args=[rule.pk, "delete"])).status_code == 404
    assert "Fix front door" not in stranger.get(LIST).content.decode()
    conflict.refresh_from_db()
    assert conflict.status == ConflictStatus.PENDING
    assert MergeRule.objects.filter(pk=rule.pk).exists()


def test_the_review_page_shows_three_columns_with_word_differences_and_escapes_them(world: World) -> None:
    field = FieldConflict("title", "Fix door", "Fix <b>front</b> door", "Fix door asap", "a", "b")
    conflict = world.conflict(world.integration(), fields=(field,))
    html = world.client(Role.REVIEWER).get(page_of(conflict)).content.decode()
    assert "<ins> asap</ins>" in html
    assert "&lt;b&gt;" in html.replace("</ins>", "").replace("<ins>", "")
    assert "<b>front</b>" not in html
    assert "Last agreed" in html
    assert "Ana" in html
    assert "Bo" in html


def test_sets_and_references_are_shown_by_member_and_name(world: World) -> None:
    fields = (
        FieldConflict("labels", ["a", "b"], ["a", "b", "c"], ["a"], None, None),
        FieldConflict("stage", "todo", "in_progress", "done", "l1", "l4"),
    )
    html = (
        world.client(Role.REVIEWER)
        .get(page_of(world.conflict(world.integration(), fields=fields)))
        .content.decode()
    )
    assert '<ins class="token">c</ins>' in html
    assert '<del class="token">b</del>' in html
    assert "In progress" in html
    assert "To do" in html


def test_opening_the_page_takes_the_lease_and_the_next_reviewer_is_told(world: World) -> None:
    conflict = world.conflict(world.integration())
    world.client(Role.REVIEWER).get(page_of(conflict))
    html = world.client(Role.MANAGER).get(page_of(conflict)).content.decode()
    assert "reviewer is reviewing this conflict." in html
    assert "Take over" in html
    assert 'type="radio"' not in html
    taken = world.client(Role.MANAGER).post(reverse("desk:do", args=[conflict.pk, "take-over"]), follow=True)
    assert 'type="radio"' in taken.content.decode()


def test_a_preview_names_every_write_and_offers_to_apply(world: World) -> None:
    conflict = world.conflict(world.integration())
    answer = world.client(Role.REVIEWER).post(page_of(conflict), form(conflict, do="preview"))
    html = answer.content.decode()
    assert answer.status_code == 200
    assert "What will be written" in html
    assert 'value="apply"' in html
    conflict.refresh_from_db()
    assert conflict.status == ConflictStatus.PENDING


def test_applying_decides_and_goes_on_to_the_next(world: World) -> None:
    integration = world.integration()
    conflict, following = world.conflict(integration), world.conflict(integration)
    answer = world.client(Role.REVIEWER).post(page_of(conflict), form(conflict))
    assert answer.status_code == 302
    assert answer["Location"] == page_of(following)
    conflict.refresh_from_db()
    assert conflict.status == ConflictStatus.DECIDED
    assert conflict.decided_by == world.users["reviewer"]


def test_after_the_last_one_the_list_says_so(world: World) -> None:
    conflict = world.conflict(world.integration())
    answer = world.client(Role.REVIEWER).post(page_of(conflict), form(conflict), follow=True)
    html = answer.content.decode()
    assert "That was the last one." in html
    assert "No open conflicts" in html


def test_a_value_that_does_not_fit_is_named_at_its_field_and_the_choice_kept(world: World) -> None:
    conflict = world.conflict(world.integration())
    answer = world.client(Role.REVIEWER).post(
        page_of(conflict), form(conflict, **{"choice.title": "custom", "value.title": ""})
    )
    html = answer.content.decode()
    assert answer.status_code == 422
    assert "This field must not be empty." in html
    assert 'value="custom" checked' in html


def test_a_change_while_reviewing_is_409_with_the_new_values_and_the_choices_kept(world: World) -> None:
    task = world.task(title="Fix front door")
    conflict = world.conflict(world.integration(), task=task)
    reviewer = world.client(Role.REVIEWER)
    reviewer.get(page_of(conflict))
    record_update(
        tenant=world.tenant,
        record_type="task",
        record_id=task.pk,
        values={"title": "Fix side door"},
        origin=Origin(kind=OriginKind.USER),
        now=world.now,
    )
    answer = reviewer.post(page_of(conflict), form(conflict))
    html = answer.content.decode()
    assert answer.status_code == 409
    assert "edited here since you looked" in html
    assert "side" in html
    assert 'value="external" checked' in html
    assert 'name="version" value="2"' in html
    conflict.refresh_from_db()
    assert conflict.status == ConflictStatus.PENDING


def test_a_decided_conflict_says_by_whom_and_offers_no_second_decision(world: World) -> None:
    conflict = world.conflict(world.integration())
    reviewer = world.client(Role.REVIEWER)
    reviewer.post(page_of(conflict), form(conflict))
    html = reviewer.get(page_of(conflict)).content.decode()
    assert "<strong>reviewer</strong> decided" in html
    assert "It is being carried out." in html
    assert 'type="radio"' not in html
    again = world.client(Role.MANAGER).post(page_of(conflict), form(conflict))
    assert again.status_code == 409
    assert "(by reviewer)" in again.content.decode()


def test_taking_a_decision_back_restores_the_loser(world: World) -> None:
    task = world.task(title="Fix front door")
    conflict = world.conflict(world.integration(), task=task)
    reviewer = world.client(Role.REVIEWER)
    reviewer.post(page_of(conflict), form(conflict))
    record_update(
        tenant=world.tenant,
        record_type="task",
        record_id=task.pk,
        values={"title": "Fix door asap"},
        origin=Origin(kind=OriginKind.SYNC),
        now=world.now,
    )
    conflict.refresh_from_db()
    conflict_applied(conflict, now=world.now, pushed=False)
    assert "Restore what lost" in reviewer.get(page_of(conflict)).content.decode()
    reviewer.post(reverse("desk:do", args=[conflict.pk, "revert"]), {"restore": "loser"})
    task.refresh_from_db()
    assert task.title == "Fix front door"


def test_ignoring_from_the_page(world: World) -> None:
    conflict = world.conflict(world.integration())
    world.client(Role.REVIEWER).post(reverse("desk:do", args=[conflict.pk, "ignore"]), {"version": 1})
    conflict.refresh_from_db()
    assert conflict.status == ConflictStatus.IGNORED


def test_a_deletion_is_decided_in_its_own_words(world: World) -> None:
    field = FieldConflict("record", {"title": "x"}, {"title": "Fix front door"}, None, {}, None)
    conflict = world.conflict(world.integration(), fields=(field,), kind="deleted_there")
    reviewer = world.client(Role.REVIEWER)
    html = reviewer.get(page_of(conflict)).content.decode()
    assert "Deleted in Trello, still here" in html
    for words in ("Keep it", "Accept the deletion", "Unlink"):
        assert words in html
    nothing = reviewer.post(page_of(conflict), {**form(conflict), "choice.title": ""})
    assert nothing.status_code == 422
    assert "Choose to keep the record" in nothing.content.decode()
    reviewer.post(page_of(conflict), form(conflict, **{"choice.record": "unlink"}))
    conflict.refresh_from_db()
    assert conflict.resolved == {"record": {"choice": "unlink", "value": None}}


def test_a_possible_duplicate_offers_its_candidates(world: World) -> None:
    one, other = world.task(title="Door A"), world.task(title="Door B")
    field = FieldConflict("match", None, [str(one.pk), str(other.pk)], "X", None, {"title": "Door"})
    conflict = world.conflict(world.integration(), fields=(field,), kind="possible_duplicate")
    reviewer = world.client(Role.REVIEWER)
    html = reviewer.get(page_of(conflict)).content.decode()
    assert "Door A" in html
    assert "None of them" in html
    reviewer.post(page_of(conflict), form(conflict, **{"choice.match": f"link:{other.pk}"}))
    conflict.refresh_from_db()
    assert conflict.resolved["match"] == {"choice": "link", "value": str(other.pk)}


def test_many_at_once_go_through_a_dry_run(world: World) -> None:
    integration = world.integration()
    conflicts = [world.conflict(integration) for _ in range(3)]
    reviewer = world.client(Role.REVIEWER)
    picks = [f"{conflict.pk}:{conflict.version}" for conflict in conflicts]
    dry = reviewer.post(reverse("desk:bulk"), {"pick": picks, "choice": "local"})
    html = dry.content.decode()
    assert "Nothing is written yet" in html
    assert "Decide 3" in html
    assert ConflictResolution.objects.filter(status=ConflictStatus.PENDING).count() == 3
    ConflictResolution.objects.filter(pk=conflicts[0].pk).update(version=2)
    seen = " ".join(picks)
    done = reviewer.post(reverse("desk:bulk"), {"seen": seen, "choice": "local", "do": "apply"}, follow=True)
    assert "2 decided; 1 not: changed meanwhile." in done.content.decode()
    assert ConflictResolution.objects.filter(status=ConflictStatus.DECIDED).count() == 2


def test_all_that_match_are_the_filters_not_the_page(world: World) -> None:
    one, two = world.integration("One"), world.integration("Two")
    for integration in (one, one, two):
        world.conflict(integration)
    address = reverse("desk:bulk") + f"?integration={one.pk}"
    html = (
        world.client(Role.REVIEWER).post(address, {"everything": "1", "choice": "external"}).content.decode()
    )
    assert "Decide 2" in html


def test_an_empty_selection_is_said(world: World) -> None:
    answer = world.client(Role.REVIEWER).post(reverse("desk:bulk"), {"choice": "local"}, follow=True)
    assert "Choose at least one conflict." in answer.content.decode()


def test_remembering_a_choice_leads_to_a_rule_filled_in_from_it(world: World) -> None:
    conflict = world.conflict(world.integration())
    reviewer = world.client(Role.REVIEWER)
    answer = reviewer.post(page_of(conflict), form(conflict, remember="1"))
    assert answer["Location"].startswith(reverse("desk:rule_new"))
    html = reviewer.get(answer["Location"]).content.decode()
    assert 'value="prefer_external" selected' in html
    assert 'name="field" value="title"' in html


def test_a_new_rule_can_decide_the_open_conflicts_it_covers_only_if_ticked(world: World) -> None:
    conflict = world.conflict(world.integration())
    reviewer = world.client(Role.REVIEWER)
    address = reverse("desk:rule_new")
    shown = reviewer.get(address + "?field=title&rule=prefer_local").content.decode()
    assert "Also decide the 1 open conflict it covers" in shown
    reviewer.post(address, {"do": "save", "rule": "prefer_local", "field": "title"})
    conflict.refresh_from_db()
    assert conflict.status == ConflictStatus.PENDING
    reviewer.post(address, {"do": "save", "rule": "prefer_local", "field": "title", "apply_open": "1"})
    conflict.refresh_from_db()
    assert conflict.resolved["title"]["choice"] == "local"
    assert MergeRule.objects.count() == 2


def test_rules_are_listed_switched_moved_and_deleted(world: World) -> None:
    reviewer = world.client(Role.REVIEWER)
    assert "No rules yet" in reviewer.get(reverse("desk:rules")).content.decode()
    for rule in ("prefer_local", "prefer_external"):
        reviewer.post(reverse("desk:rule_new"), {"do": "save", "rule": rule, "field": "title"})
    first, second = MergeRule.objects.order_by("position")
    reviewer.post(reverse("desk:rule_do", args=[second.pk, "up"]))
    assert [rule.pk for rule in MergeRule.objects.order_by("position")] == [second.pk, first.pk]
    reviewer.post(reverse("desk:rule_do", args=[first.pk, "off"]))
    first.refresh_from_db()
    assert not first.enabled
    assert reviewer.get(reverse("desk:rule", args=[first.pk])).status_code == 200
    reviewer.post(reverse("desk:rule_do", args=[first.pk, "delete"]))
    assert MergeRule.objects.count() == 1


def test_a_rule_is_edited_in_its_place(world: World) -> None:
    integration, reviewer = world.integration(), world.client(Role.REVIEWER)
    for rule in ("prefer_local", "prefer_external"):
        reviewer.post(reverse("desk:rule_new"), {"do": "save", "rule": rule, "field": "title"})
    first, second = MergeRule.objects.order_by("position")
    address = reverse("desk:rule_edit", args=[second.pk])
    assert f'href="{address}"' in reviewer.get(reverse("desk:rule", args=[second.pk])).content.decode()
    shown = reviewer.get(address).content.decode()
    assert 'value="prefer_external" selected' in shown and 'name="field" value="title"' in shown
    changes = {
        "rule": "union",
        "field": "labels",
        "integration": str(integration.pk),
        "note": "as agreed",
    }
    reviewer.post(address, {"do": "save", **changes, "separator": " | ", "expires_on": "2999-12-31"})
    stored = MergeRule.objects.get(pk=second.pk)
    assert (stored.rule, stored.field, stored.integration, stored.note, stored.position) == (
        "union", "labels", integration, "as agreed", second.position,
    )  # fmt: skip
    assert 'name="expires_on" value="2999-12-31"' in reviewer.get(address).content.decode()
    assert reviewer.post(address, {"do": "save", "rule": "nonsense"}).status_code == 422
    assert world.client(Role.OPERATOR).get(address).status_code == 403
    assert MergeRule.objects.get(pk=first.pk).field == "title"


def test_a_rule_with_a_wrong_day_names_the_field(world: World) -> None:
    answer = world.client(Role.REVIEWER).post(
        reverse("desk:rule_new"), {"do": "save", "rule": "prefer_local", "expires_on": "2001-01-01"}
    )
    assert answer.status_code == 422
    assert "This is in the past" in answer.content.decode()
    assert MergeRule.objects.count() == 0


def test_the_list_and_the_review_page_keep_their_query_budgets(
    world: World, django_assert_max_num_queries: Any
) -> None:
    integration = world.integration()
    conflicts = [world.conflict(integration) for _ in range(30)]
    client = world.client(Role.REVIEWER)
    lease_take(conflict_id=conflicts[0].pk, tenant=world.tenant, user=world.users["reviewer"], now=world.now)
    with django_assert_max_num_queries(14):
        client.get(LIST)
    with django_assert_max_num_queries(24):
        client.get(page_of(conflicts[0]))
