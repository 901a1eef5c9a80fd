from __future__ import annotations

import re
from pathlib import Path

import pytest

from config.celery import QUEUES, app, route_task

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize(
    ("task", "queue"),
    [
        ("sync.drain_changes", "push"),
        ("sync.drain_integration", "push"),
        ("sync.reconcile_mapping", "push"),
        ("sync.drain_deliveries", "webhooks"),
        ("sync.run_job", "sync"),
        ("sync.drift_sweep", "sync"),
        ("sync.purge_integration", "sync"),
        ("sync.dispatch", "maintenance"),
        ("sync.clean_logs", "maintenance"),
        ("monitoring.check_alerts", "maintenance"),
    ],
)
def test_what_people_wait_for_never_queues_behind_bulk_work(task: str, queue: str) -> None:
    assert route_task(task) == {"queue": queue}


def test_every_queue_has_a_worker_in_each_way_to_run() -> None:
    queues = {queue for _, queue in QUEUES}
    served = {
        "Procfile": re.findall(r"--queues (\S+)", (ROOT / "Procfile").read_text()),
        "up": re.findall(
            r'"-Q", "([a-z,]+)"|"([a-z]+,[a-z,]+)"', (ROOT / "config/management/commands/up.py").read_text()
        ),
    }
    assert {queue for part in served["Procfile"] for queue in part.split(",")} == queues
    assert {queue for pair in served["up"] for part in pair for queue in part.split(",") if queue} == queues


def test_every_task_is_named_by_its_room_and_takes_json() -> None:
    ours = [name for name in app.tasks if not name.startswith("celery.")]
    assert [name for name in ours if not re.fullmatch(r"[a-z]+\.[a-z_]+", name)] == []
    assert app.conf.accept_content == ["json"]
