"""Included under ``admin/hub/`` by config."""

from __future__ import annotations

from django.urls import path

from . import board, figures, settings, upkeep

app_name = "boards"
urlpatterns = [
    path("boards/", board.BoardsPage.as_view(), name="index"),
    path("boards/<uuid:board_id>", board.BoardPage.as_view(), name="board"),
    path("boards/<uuid:board_id>/cards", board.CardsFragment.as_view(), name="cards"),
    path("boards/<uuid:board_id>/cards/<uuid:card>/move", board.MovePage.as_view(), name="move"),
    path("boards/<uuid:board_id>/undo", board.UndoAction.as_view(), name="undo"),
    path("boards/<uuid:board_id>/history", upkeep.HistoryPage.as_view(), name="history"),
    path("boards/<uuid:board_id>/checks", upkeep.ChecksPage.as_view(), name="checks"),
    path("boards/<uuid:board_id>/settings", settings.SettingsPage.as_view(), name="settings"),
    path("boards/<uuid:board_id>/add", settings.AddBoard.as_view(), name="add"),
    path("boards/<uuid:board_id>/metrics", figures.MetricsPage.as_view(), name="metrics"),
    path("boards/<uuid:board_id>/metrics/<slug:chart>.csv", figures.MetricsCsv.as_view(), name="metrics_csv"),
]
