"""The alerts' pages as a browser without scripts meets them."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
import responses
from auditlog.models import LogEntry
from django.core import mail
from django.urls import reverse

from monitoring.models import Alert, AlertRule, AlertSettings, DigestChoice, Notification
from tests.integration.monitoring.conftest import Desk
from tests.integration.pages.world import World
from workspace.models import Role

LIST, RULES, CHANNELS = "/admin/hub/alerts/", "/admin/hub/alerts/rules/", "/admin/hub/alerts/channels/"
SLACK = "https://hooks.slack.test/services/T000/B000/very-secret-part"


def html_of(world: World, address: str, role: str = Role.MANAGER) -> str:
    answer = world.client(role).get(address)
    assert answer.status_code == 200
    return str(answer.content.decode())


def fire(desk: Desk, name: str = "Board", **values: Any) -> Alert:
    world = desk.world
    world.pair(world.integration(name), is_dead=True, state="error")
    desk.look(desk.rule(name=f"Letters of {name}", **values))
    return Alert.objects.filter(integration__name=name).latest("pk")


def form(**more: Any) -> dict[str, Any]:
    return {
        "name": "Mine", "metric": "dead_letters", "threshold": "2,5", "window_minutes": "60", "hold_minutes": "0",
        "integration": "", "severity": "warning", "cooldown_minutes": "60", "channels": ["email"], "roles": ["manager"],
        "recipients": "a@b.test, c@d.test", "mute_from": "22:00", "mute_to": "06:00", "do": "save", **more,
    }  # fmt: skip


# -- the list ----------------------------------------------------------------------------------------------


def test_nothing_open_is_a_good_state_and_nothing_matching_names_the_filters(world: World) -> None:
    assert "No open alerts" in html_of(world, LIST)
    html = html_of(world, LIST + "?q=nowhere")
    assert "Nothing matches" in html
    assert "nowhere" in html


def test_the_list_says_what_is_wrong_against_what_and_where(world: World, desk: Desk) -> None:
    fire(desk, "Board <b>")
    html = html_of(world, LIST)
    for words in (
        "Letters of Board &lt;b&gt;",
        "1 dead letter<",
        "Dead letters: at least 1",
        "Firing",
    ):
        assert words in html
    assert "Board <b>" not in html


@pytest.mark.parametrize(
    ("query", "count"),
    [
        ("", 1), ("?state=firing", 1), ("?state=resolved", 1), ("?state=all", 2), ("?state=acknowledged", 0),
        ("?severity=critical&state=all", 1), ("?q=desk&state=all", 1), ("?integration=nonsense", 0), ("?rule=nonsense", 0),
    ],
)  # fmt: skip
def test_every_filter_is_a_plain_address(world: World, desk: Desk, query: str, count: int) -> None:
    fire(desk, "Board")
    done = fire(desk, "Desk", severity="critical", metric="dead_letters")
    Alert.objects.filter(pk=done.pk).update(state="resolved", resolved_at=world.now)
    Alert.objects.exclude(rule__name__in=["Letters of Board", "Letters of Desk"]).delete()
    Alert.objects.filter(rule__name="Letters of Desk").exclude(integration__name="Desk").delete()
    assert html_of(world, LIST + query).count("data-row ") == count


def test_pages_hold_fifty_and_lead_on(world: World, desk: Desk) -> None:
    alert = fire(desk)
    Alert.objects.bulk_create(
        Alert(
            tenant=world.tenant, name=f"Old {number}", metric="dead_letters", severity="info", state="resolved", value=1,
            threshold=1, since=world.now, fired_at=world.now, resolved_at=world.now,
        )
        for number in range(60)
    )  # fmt: skip
    first = world.client().get(LIST + "?state=all")
    assert first.content.decode().count("data-row ") == 50
    older = first.context["page"].older
    rest = html_of(world, LIST + older)
    assert rest.count("data-row ") == 11
    assert str(alert.pk) in rest


def test_the_counts_of_menu_dashboard_and_tab_equal_the_list_they_lead_to(world: World, desk: Desk) -> None:
    alert = fire(desk)
    fire_hub(desk)
    client = world.client()
    dashboard = client.get("/admin/hub/").content.decode()
    assert f'href="{LIST}?state=firing"' in dashboard
    assert html_of(world, f"{LIST}?state=firing").count("data-row ") == 2
    before = dashboard[: dashboard.index('<span class="hub-figure__label">Alerts firing')]
    assert before.rsplit('hub-figure__value">', 1)[1].split("<")[0] == "2"
    tab = html_of(world, f"/admin/hub/integrations/{alert.integration_id}/")
    assert f"{LIST}?state=firing&amp;integration={alert.integration_id}" in tab
    menu = client.get("/admin/hub/jobs/")
    item = next(
        item
        for group in menu.context["sidebar_navigation"]
        for item in group["items"]
        if item["title"] == "Alerts"
    )
    assert (item["link"], str(item["badge"])) == (LIST, "2")


def fire_hub(desk: Desk) -> Alert:
    """An alert of no integration: the clock stands still."""
    desk.look(desk.rule("worker_down", 2, name="No worker answers"))
    return Alert.objects.get(integration=None)


def test_the_lists_keep_their_query_budgets(
    world: World, desk: Desk, django_assert_max_num_queries: Any
) -> None:
    for number in range(5):
        fire(desk, f"Board {number}")
    client = world.client()
    alert = Alert.objects.latest("pk")
    for address, budget in ((LIST, 15), (f"{LIST}{alert.pk}/", 9), (RULES, 9), (CHANNELS, 11)):
        client.get(address)
        with django_assert_max_num_queries(budget):
            client.get(address)


# -- one alert ---------------------------------------------------------------------------------------------


def test_an_operator_acknowledges_and_everybody_sees_who(world: World, desk: Desk) -> None:
    alert = fire(desk)
    act = reverse("alerts:alert_do", args=[alert.pk, "acknowledge"])
    assert "Acknowledge" in html_of(world, LIST, Role.OPERATOR)
    answer = world.client(Role.OPERATOR).post(act, {"next": LIST})
    assert answer["Location"] == LIST
    alert.refresh_from_db()
    assert (alert.state, alert.acknowledged_by) == ("acknowledged", world.users[Role.OPERATOR])
    assert "by operator" in html_of(world, LIST, Role.VIEWER)
    entry = LogEntry.objects.get(object_pk=str(alert.pk))
    assert (entry.additional_data["act"], entry.actor) == ("alert.acknowledged", world.users[Role.OPERATOR])
    again = world.client(Role.OPERATOR).post(act, follow=True).content.decode()
    assert "this one is acknowledged" in again


def test_a_manager_resolves_with_a_reason(world: World, desk: Desk) -> None:
    alert = fire(desk)
    address = reverse("alerts:alert", args=[alert.pk])
    world.client().post(reverse("alerts:alert_do", args=[alert.pk, "resolve"]), {"note": "Sent by hand."})
    html = html_of(world, address)
    assert "by manager" in html
    assert "Sent by hand." in html


@pytest.mark.parametrize(
    ("role", "acknowledge", "resolve"),
    [
        (Role.VIEWER, 403, 403), (Role.AUDITOR, 403, 403), (Role.REVIEWER, 403, 403), (Role.OPERATOR, 302, 403),
        (Role.MANAGER, 302, 302), ("carol", 404, 404),
    ],
)  # fmt: skip
def test_who_may_do_what_to_an_alert(
    world: World, desk: Desk, role: str, acknowledge: int, resolve: int
) -> None:
    alert = fire(desk)
    client = world.client(role)
    page = client.get(reverse("alerts:alert", args=[alert.pk]))
    assert page.status_code == (404 if role == "carol" else 200)
    for action, status in (("acknowledge", acknowledge), ("resolve", resolve)):
        if page.status_code == 200:
            offered = reverse("alerts:alert_do", args=[alert.pk, action]) in page.content.decode()
            assert offered == (status == 302)
        assert client.post(reverse("alerts:alert_do", args=[alert.pk, action])).status_code == status
    alert.refresh_from_db()
    assert alert.state == {302: "resolved"}.get(resolve, {302: "acknowledged"}.get(acknowledge, "firing"))


def test_an_alert_says_whom_it_told_and_what_came_of_it(world: World, desk: Desk) -> None:
    alert = fire(desk, channels=["dashboard", "email", "slack"], recipients=["ops@harbour.test"])
    desk.deliver()
    html = html_of(world, reverse("alerts:alert", args=[alert.pk]))
    assert "ops@harbour.test" in html
    assert "Sent" in html
    assert "No Slack address is set" in html
    assert ">E-mail to 1<" in html_of(world, LIST)


def test_faults_of_channels_and_rules_are_on_the_page(world: World, desk: Desk) -> None:
    fire(desk, channels=["dashboard", "slack"])
    AlertRule.objects.update(fault="The cache cannot be reached.")
    html = html_of(world, LIST)
    assert "Slack does not get through" in html
    assert "“Letters of Board” cannot be evaluated" in html
    assert "The cache cannot be reached." in html


# -- rules -------------------------------------------------------------------------------------------------


def test_the_rules_page_begins_with_the_default_rules_and_offers_the_other_presets(world: World) -> None:
    html = html_of(world, RULES)
    for words in (
        "Integration down",
        "Failures in a row: at least 3",
        "Webhooks are silent",
        "No worker answers",
    ):
        assert words in html
    answer = world.client().post(reverse("alerts:preset_on", args=["worker_down"]), follow=True)
    assert "“No worker answers” is on." in answer.content.decode()
    assert AlertRule.objects.get(tenant=world.tenant, preset="worker_down").roles == ["manager"]
    again = (
        world.client().post(reverse("alerts:preset_on", args=["worker_down"]), follow=True).content.decode()
    )
    assert "exists already" in again


def test_without_rules_the_presets_are_the_way_on(world: World) -> None:
    html_of(world, RULES)
    AlertRule.objects.filter(tenant=world.tenant).delete()
    html = html_of(world, RULES)
    assert "No rules" in html
    assert reverse("alerts:preset_on", args=["integration_down"]) in html


def test_a_rule_is_made_from_an_adjusted_preset(world: World) -> None:
    address = reverse("alerts:rule_new") + "?preset=dead_letters"
    html = html_of(world, address)
    assert 'value="Dead letters"' in html
    world.client().post(address, form(preset="dead_letters"))
    made = AlertRule.objects.get(name="Mine")
    assert (made.preset, made.threshold, made.channels, made.recipients, made.roles, str(made.mute_from)) == (
        "dead_letters", 2.5, ["dashboard", "email"], ["a@b.test", "c@d.test"], ["manager"], "22:00:00",
    )  # fmt: skip


def test_what_was_typed_is_kept_and_every_error_named(world: World) -> None:
    typed = form(
        threshold="many", hold_minutes="1.5", mute_from="late", integration="nonsense", name="Kept name"
    )
    answer = world.client().post(reverse("alerts:rule_new"), typed)
    html = answer.content.decode()
    assert answer.status_code == 422
    for words in (
        "4 things to put right", "Give a number.", "Give a whole number of minutes.", "Write a time of day such as 22:00.",
        "There is no such integration.", 'value="Kept name"', 'value="late"',
    ):  # fmt: skip
        assert words in html
    assert not AlertRule.objects.filter(name="Kept name").exists()


def test_a_rule_is_tried_on_the_last_week_before_it_is_saved(world: World) -> None:
    board = world.integration()
    for number in range(10):
        world.log(board, "failed", created_at=world.now - timedelta(days=1, minutes=number))
    answer = world.client().post(
        reverse("alerts:rule_new"), form(metric="error_rate", threshold="10", do="preview")
    )
    assert "would have fired 1 time</strong> in the last 7 days" in answer.content.decode()
    unknown = world.client().post(reverse("alerts:rule_new"), form(do="preview")).content.decode()
    assert "cannot be told" in unknown
    assert not AlertRule.objects.filter(name="Mine").exists()


def test_a_rule_is_edited_switched_and_deleted(world: World, desk: Desk) -> None:
    rule = desk.rule(name="Before")
    client, address = world.client(), reverse("alerts:rule", args=[rule.pk])
    assert 'value="Before"' in client.get(address).content.decode()
    client.post(address, form(name="After"))
    rule.refresh_from_db()
    assert (rule.name, rule.threshold) == ("After", 2.5)
    client.post(reverse("alerts:rule_do", args=[rule.pk, "off"]))
    rule.refresh_from_db()
    assert not rule.enabled
    client.post(reverse("alerts:rule_do", args=[rule.pk, "delete"]))
    assert not AlertRule.objects.filter(pk=rule.pk).exists()


@pytest.mark.parametrize("role", [Role.VIEWER, Role.OPERATOR, Role.REVIEWER, Role.AUDITOR, "carol"])
def test_only_managers_of_the_tenant_touch_its_rules_and_channels(
    world: World, desk: Desk, role: str
) -> None:
    rule = desk.rule(name="Untouched")
    client = world.client(role)
    shown = client.get(RULES).content.decode()
    assert ("Untouched" in shown) == (role != "carol")
    if role != "carol":
        assert "Switch off" not in shown
        assert client.get(reverse("alerts:rule_new")).status_code == 403
        assert client.post(reverse("alerts:preset_on", args=["dead_letters"])).status_code == 403
        assert client.post(reverse("alerts:slack_save"), {"address": SLACK}).status_code == 403
        assert client.post(reverse("alerts:channel_test", args=["email"])).status_code == 403
    refused = 404 if role == "carol" else 403
    assert client.get(reverse("alerts:rule", args=[rule.pk])).status_code == refused
    assert client.post(reverse("alerts:rule", args=[rule.pk]), form(name="Taken over")).status_code == refused
    for action in ("off", "delete"):
        assert client.post(reverse("alerts:rule_do", args=[rule.pk, action])).status_code == refused
    rule.refresh_from_db()
    assert (rule.name, rule.enabled) == ("Untouched", True)


# -- channels ----------------------------------------------------------------------------------------------


def test_the_slack_address_is_set_tested_and_forgotten_and_never_shown(world: World) -> None:
    client = world.client()
    answer = client.post(reverse("alerts:slack_save"), {"address": SLACK}, follow=True).content.decode()
    assert "The Slack address is set." in answer
    assert "very-secret-part" not in answer
    with responses.RequestsMock() as web:
        web.post(SLACK, body="ok")
        tested = client.post(reverse("alerts:channel_test", args=["slack"]), follow=True).content.decode()
    assert "A test was sent." in tested
    assert "very-secret-part" not in tested
    assert "very-secret-part" not in str(list(LogEntry.objects.values_list("changes", "additional_data")))
    client.post(reverse("alerts:slack_save"), {"do": "clear"})
    assert AlertSettings.objects.get(tenant=world.tenant).slack_address is None


def test_a_refused_slack_address_is_not_shown_again(world: World) -> None:
    answer = world.client().post(
        reverse("alerts:slack_save"), {"address": "ftp://secret-host/very-secret-part"}
    )
    html = answer.content.decode()
    assert answer.status_code == 422
    assert "must be a full https:// address" in html
    assert "very-secret-part" not in html


def test_a_test_by_mail_goes_to_the_person_who_asks(world: World) -> None:
    html = world.client().post(reverse("alerts:channel_test", args=["email"]), follow=True).content.decode()
    assert "A test was sent to manager@harbour.test." in html
    assert mail.outbox[0].to == ["manager@harbour.test"]
    assert world.client().post(reverse("alerts:channel_test", args=["dashboard"])).status_code == 404


def test_a_failing_test_shows_the_fault(world: World, settings: Any) -> None:
    settings.EMAIL_BACKEND = "django.core.mail.backends.dummy.EmailBackend"
    html = world.client().post(reverse("alerts:channel_test", args=["email"]), follow=True).content.decode()
    assert "The test was not sent." in html
    assert "No mail server is set on this server (EMAIL_HOST)" in html
    assert Notification.objects.get().state == "failed"


def test_reviewers_choose_their_own_digest(world: World) -> None:
    client = world.client(Role.REVIEWER)
    assert "Your daily digest" in client.get(CHANNELS).content.decode()
    client.post(reverse("alerts:digest_save"), {"wanted": "1"})
    assert DigestChoice.objects.get().user == world.users[Role.REVIEWER]
    client.post(reverse("alerts:digest_save"))
    assert not DigestChoice.objects.exists()
    assert "Your daily digest" not in html_of(world, CHANNELS, Role.VIEWER)
    assert world.client(Role.VIEWER).post(reverse("alerts:digest_save"), {"wanted": "1"}).status_code == 403
