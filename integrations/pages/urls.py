"""Included under ``admin/hub/`` by config."""

from __future__ import annotations

from django.urls import path

from .actions import IntegrationDo, SyncAll
from .audit import AuditCsv, AuditList
from .consent import ConsentBegin, ConsentCallback
from .copies import Duplicate, Export, ImportSetup
from .create import ChooseSystem, Connect, Setup
from .dashboard import Dashboard
from .integration import DeliveryReplay, IntegrationDelete, IntegrationPage
from .jobs import DeadLetters, DeadLettersRequeue, JobDetail, JobDo, JobList, JobTakeBack
from .logs import LogClear, LogCsv, LogDetail, LogList
from .mappings import MappingDetail, MappingDo, MappingFound, MappingList, MappingsRelease
from .maps import FieldMapEdit, KeptAs
from .mytasks import MyTasks, TaskDo
from .settings import SettingsSave
from .statuses import StatusMapSave

app_name = "hub"
urlpatterns = [
    path("", Dashboard.as_view(), name="dashboard"),
    path("integrations/", Dashboard.as_view(), name="integrations"),
    path("integrations/sync-all", SyncAll.as_view(), name="sync_all"),
    path("integrations/import/", ImportSetup.as_view(), name="integration_import"),
    path("integrations/new/", ChooseSystem.as_view(), name="integration_new"),
    path("integrations/new/<slug:slug>/", Connect.as_view(), name="integration_connect"),
    path("integrations/<uuid:pk>/", IntegrationPage.as_view(), name="integration"),
    path("integrations/<uuid:pk>/consent", ConsentBegin.as_view(), name="consent_begin"),
    path("consent/callback", ConsentCallback.as_view(), name="consent_callback"),
    path("integrations/<uuid:pk>/duplicate", Duplicate.as_view(), name="integration_duplicate"),
    path("integrations/<uuid:pk>/export", Export.as_view(), name="integration_export"),
    path("integrations/<uuid:pk>/delete", IntegrationDelete.as_view(), name="integration_delete"),
    path("integrations/<uuid:pk>/do/<slug:action>", IntegrationDo.as_view(), name="integration_do"),
    path("integrations/<uuid:pk>/setup/<slug:step>/", Setup.as_view(), name="integration_setup"),
    path("integrations/<uuid:pk>/settings/<slug:group>", SettingsSave.as_view(), name="settings_save"),
    path("integrations/<uuid:pk>/field-maps/<str:resource>/", FieldMapEdit.as_view(), name="field_map"),
    path("integrations/<uuid:pk>/field-maps/<str:resource>/kept-as", KeptAs.as_view(), name="kept_as"),
    path(
        "integrations/<uuid:pk>/status-maps/<str:resource>", StatusMapSave.as_view(), name="status_map_save"
    ),
    path("integrations/<uuid:pk>/<slug:tab>/", IntegrationPage.as_view(), name="integration_tab"),
    path("deliveries/<int:pk>/replay", DeliveryReplay.as_view(), name="delivery_replay"),
    path("logs/", LogList.as_view(), name="logs"),
    path("logs.csv", LogCsv.as_view(), name="logs_csv"),
    path("integrations/<uuid:pk>/logs/clear", LogClear.as_view(), name="logs_clear"),
    path("audit/", AuditList.as_view(), name="audit"),
    path("audit.csv", AuditCsv.as_view(), name="audit_csv"),
    path("logs/<int:pk>/", LogDetail.as_view(), name="log"),
    path("jobs/", JobList.as_view(), name="jobs"),
    path("jobs/<uuid:pk>/", JobDetail.as_view(), name="job"),
    path("jobs/<uuid:pk>/take-back/", JobTakeBack.as_view(), name="job_take_back"),
    path("jobs/<uuid:pk>/do/<slug:action>", JobDo.as_view(), name="job_do"),
    path("dead-letters/", DeadLetters.as_view(), name="dead_letters"),
    path("dead-letters/requeue", DeadLettersRequeue.as_view(), name="dead_letters_requeue"),
    path("my-tasks/", MyTasks.as_view(), name="my_tasks"),
    path("my-tasks/<uuid:pk>/<slug:action>", TaskDo.as_view(), name="task_do"),
    path("mappings/", MappingList.as_view(), name="mappings"),
    path("mappings/release", MappingsRelease.as_view(), name="mappings_release"),
    path("mappings/<uuid:pk>/", MappingDetail.as_view(), name="mapping"),
    path("mappings/<uuid:pk>/found", MappingFound.as_view(), name="mapping_found"),
    path("mappings/<uuid:pk>/do/<slug:action>", MappingDo.as_view(), name="mapping_do"),
]
