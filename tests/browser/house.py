"""A team with a user for each role and a service desk in the sandbox, kept in sync by a worker in a thread."""

from __future__ import annotations

import json
import queue
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any, TypeVar
from uuid import UUID

from celery import current_app
from django.contrib.auth.models import User
from django.db import connections
from django.utils import timezone

from connectors import registry
from integrations.models import Integration, JobKind, Mapping, SyncJob, SyncLog
from integrations.services.control import integration_create
from integrations.services.jobs import job_request
from sandbox.testing import RunningSandbox
from sync.services.jobs import job_run
from workspace.models import Membership, OriginKind, Role, Task, Tenant
from workspace.services import Origin, record_update

T = TypeVar("T")

PASSWORD = "oars and rudder 7"
TOKEN = "desk-demo-token"
DESK_EXAMPLE = Path(registry.__file__).parent / "generic_rest" / "examples" / "desk.json"


class Worker:
    """What Celery's workers do, in one thread: tasks in the order they were sent, each with fresh connections.

    Work of a test goes through here too, because Playwright's event loop lives in the test's own thread.
    """

    def __init__(self) -> None:
        self.failures: list[BaseException] = []
        self._queue: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        self._open = 0
        self._settled = threading.Condition()
        self._thread = threading.Thread(target=self._work, name="worker", daemon=True)
        self._thread.start()

    def send(self, task: str, kwargs: dict[str, Any]) -> None:
        self._put(lambda: current_app.tasks[task].run(**kwargs))

    def do(self, work: Callable[..., T], *args: Any, **kwargs: Any) -> T:
        """Run it as a worker would and answer what it returns."""
        answer: Future[T] = Future()

        def run() -> None:
            try:
                answer.set_result(work(*args, **kwargs))
            except BaseException as error:
                answer.set_exception(error)

        self._put(run)
        return answer.result(30)

    def wait_idle(self, seconds: float = 20) -> None:
        """Until everything that was sent, and what that sent in turn, is done."""
        with self._settled:
            assert self._settled.wait_for(lambda: self._open == 0, seconds), "the worker is still at work"

    @contextmanager
    def held(self) -> Iterator[None]:
        """What is sent meanwhile waits until the block ends."""
        go_on = threading.Event()
        self._put(lambda: self._wait(go_on))
        try:
            yield
        finally:
            go_on.set()

    @staticmethod
    def _wait(for_it: threading.Event) -> None:
        assert for_it.wait(60)

    def stop(self) -> None:
        self._queue.put(None)
        self._thread.join(20)

    def _put(self, run: Callable[[], None]) -> None:
        with self._settled:
            self._open += 1
        self._queue.put(run)

    def _work(self) -> None:
        while (run := self._queue.get()) is not None:
            try:
                run()
            except BaseException as error:
                self.failures.append(error)
            finally:
                connections.close_all()
                with self._settled:
                    self._open -= 1
                    self._settled.notify_all()


class House:
    """The tenant, its people, and what they and the service desk's people do without a browser."""

    def __init__(self, worker: Worker, box: RunningSandbox) -> None:
        self.worker, self.box = worker, box
        self.desk = box.vendor("desk")
        self.people: dict[str, User] = {}
        worker.do(self._make)

    def _make(self) -> None:
        self.tenant = Tenant.objects.create(name="Harbour Club", slug="harbour")
        self.foreign = Tenant.objects.create(name="Elsewhere", slug="elsewhere")
        for name, tenant, role in [
            *((role.value, self.tenant, role) for role in Role),
            ("stranger", self.foreign, Role.MANAGER),
        ]:
            user = User.objects.create_user(name, password=PASSWORD, is_staff=True)
            Membership.objects.create(user=user, tenant=tenant, role=role)
            self.people[name] = user

    # -- the service desk ------------------------------------------------------------------------------------

    def connect(self, name: str = "Service desk", *, imported: bool = True, **values: Any) -> Integration:
        """An integration with the stand-in, both ways, everything to review; its tickets are imported."""
        return self.worker.do(self._connect, name, imported, values)

    def _connect(self, name: str, imported: bool, values: dict[str, Any]) -> Integration:
        root = self.box.url("desk")
        config = {**json.loads(DESK_EXAMPLE.read_text()), "base_url": f"{root}/api"}
        integration, _ = integration_create(
            tenant=self.tenant,
            user=self.people["manager"],
            name=name,
            connector="generic_rest",
            base_url=f"{root}/api",
            options={"config": config},
            secrets={"token": TOKEN},
            activate=True,
            **{
                "resource_types": ["people", "tickets"],
                "conflict_strategy": "manual_review",
                "create_missing_externally": True,
                "sync_frequency": "manual",
                **values,
            },
        )
        if imported:
            job = job_request(integration=integration, kind=JobKind.INITIAL, user=self.people["manager"])
            job_run(job_id=job.id)
        return integration

    def ticket(self, title: str) -> dict[str, Any]:
        """The desk's ticket as it is there now."""
        return next(row for row in self.desk.world.all("ticket") if row["subject"] == title)

    def edit_there(self, ticket_id: int | str, **values: Any) -> None:
        self.desk.edit("ticket", str(ticket_id), values)

    def task(self, title: str) -> Task:
        return self.worker.do(lambda: Task.objects.get(tenant=self.tenant, title=title))

    def fresh(self, task: Task) -> Task:
        return self.worker.do(lambda: Task.objects.get(pk=task.pk))

    def edit_here(self, task: Task, **values: Any) -> None:
        """A colleague's edit; workers are done with it when this returns."""
        self.worker.do(
            record_update,
            tenant=self.tenant,
            record_type="task",
            record_id=task.pk,
            values=values,
            origin=Origin(OriginKind.USER, user=self.people["operator"]),
            now=timezone.now(),
        )
        self.worker.wait_idle()

    def clash(self, title: str, *, here: dict[str, Any], there: dict[str, Any]) -> tuple[Task, str]:
        """The same fields changed on both sides between two syncs; the task and the ticket's id."""
        task, ticket = self.task(title), str(self.ticket(title)["id"])
        self.edit_there(ticket, **there)
        self.edit_here(task, **here)
        return task, ticket

    def there(self, ticket_id: str) -> dict[str, Any]:
        found = self.desk.world.get("ticket", ticket_id)
        assert found is not None
        return dict(found)

    # -- rows that are hard to come by -----------------------------------------------------------------------

    def log(self, integration: Integration, message: str, **values: Any) -> SyncLog:
        columns = {"operation": "update", "status": "success", "direction": "in", "resource": "tickets"}
        return self.worker.do(
            lambda: SyncLog.objects.create(
                tenant=integration.tenant,
                integration=integration,
                message=message,
                created_at=timezone.now() - timedelta(minutes=1),
                **{**columns, **values},
            )
        )

    def jobs(self, integration: Integration, **where: Any) -> list[SyncJob]:
        return self.worker.do(
            lambda: list(SyncJob.objects.filter(integration=integration, **where).order_by("created_at"))
        )

    def pairs(self, **where: Any) -> list[Mapping]:
        return self.worker.do(lambda: list(Mapping.objects.filter(tenant=self.tenant, **where)))

    def status(self, pk: UUID) -> str:
        return str(self.worker.do(lambda: Integration.objects.values_list("status", flat=True).get(pk=pk)))
