"""Everything below /api/v1/kanban/."""

from __future__ import annotations

from django.urls import path

from . import reading, upkeep, views

app_name = "kanban"
urlpatterns = [
    path("boards", reading.BoardsView.as_view(), name="boards"),
    path("board/<str:record_type>", reading.BoardStateView.as_view(), name="board"),
    path("board/<str:record_type>/stages/<str:stage>", reading.StageCardsView.as_view(), name="stage"),
    path("board/<str:record_type>/fills", reading.FillsView.as_view(), name="fills"),
    path("board/<str:record_type>/moves", reading.MovesView.as_view(), name="moves"),
    path("move", views.MoveView.as_view(), name="move"),
    path("move/bulk", views.BulkMoveView.as_view(), name="bulk-move"),
    path("undo", views.UndoView.as_view(), name="undo"),
    path("redo", views.RedoView.as_view(), name="redo"),
    path("config/<str:record_type>", views.ConfigView.as_view(), name="config"),
    path("lock/<str:record_type>/<uuid:card>", views.LockView.as_view(), name="lock"),
    path("presence/<str:record_type>", views.PresenceView.as_view(), name="presence"),
    path("preferences/<str:record_type>", views.PreferencesView.as_view(), name="preferences"),
    path("metrics/<str:record_type>", upkeep.MetricsView.as_view(), name="metrics"),
    path("history/<str:record_type>", reading.HistoryView.as_view(), name="history"),
    path("state/<str:record_type>", upkeep.StateView.as_view(), name="state"),
    path("snapshot/<str:record_type>", upkeep.SnapshotView.as_view(), name="snapshot"),
    path("consistency/<str:record_type>", upkeep.ConsistencyView.as_view(), name="consistency"),
]
