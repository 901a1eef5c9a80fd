"""Included under ``admin/hub/`` by config."""

from __future__ import annotations

from django.urls import path

from .channels import ChannelsPage, ChannelTest, DigestSave, SlackSave
from .listing import AlertDetail, AlertDo, AlertList
from .rules import PresetOn, RuleDo, RuleEdit, RuleList, RuleNew

app_name = "alerts"
urlpatterns = [
    path("alerts/", AlertList.as_view(), name="list"),
    path("alerts/<uuid:pk>/", AlertDetail.as_view(), name="alert"),
    path("alerts/<uuid:pk>/do/<slug:action>", AlertDo.as_view(), name="alert_do"),
    path("alerts/rules/", RuleList.as_view(), name="rules"),
    path("alerts/rules/new/", RuleNew.as_view(), name="rule_new"),
    path("alerts/rules/presets/<slug:key>", PresetOn.as_view(), name="preset_on"),
    path("alerts/rules/<uuid:pk>/", RuleEdit.as_view(), name="rule"),
    path("alerts/rules/<uuid:pk>/do/<slug:action>", RuleDo.as_view(), name="rule_do"),
    path("alerts/channels/", ChannelsPage.as_view(), name="channels"),
    path("alerts/channels/slack", SlackSave.as_view(), name="slack_save"),
    path("alerts/channels/<slug:channel>/test", ChannelTest.as_view(), name="channel_test"),
    path("alerts/digest", DigestSave.as_view(), name="digest_save"),
]
