"""Included under ``admin/hub/`` by config."""

from __future__ import annotations

from django.urls import path

from .listing import ConflictBulk, ConflictList
from .review import ConflictDo, Lease, Review
from .rules import RuleDetail, RuleDo, RuleEdit, RuleList, RuleNew

app_name = "desk"
urlpatterns = [
    path("conflicts/", ConflictList.as_view(), name="list"),
    path("conflicts/bulk", ConflictBulk.as_view(), name="bulk"),
    path("conflicts/<uuid:pk>/", Review.as_view(), name="review"),
    path("conflicts/<uuid:pk>/lease", Lease.as_view(), name="lease"),
    path("conflicts/<uuid:pk>/do/<slug:action>", ConflictDo.as_view(), name="do"),
    path("rules/", RuleList.as_view(), name="rules"),
    path("rules/new/", RuleNew.as_view(), name="rule_new"),
    path("rules/<uuid:pk>/", RuleDetail.as_view(), name="rule"),
    path("rules/<uuid:pk>/edit/", RuleEdit.as_view(), name="rule_edit"),
    path("rules/<uuid:pk>/do/<slug:action>", RuleDo.as_view(), name="rule_do"),
]
