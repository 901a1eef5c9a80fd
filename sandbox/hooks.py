"""Sends webhooks: a thread with a queue, real HTTP POSTs, a log of deliveries, retries as the vendor does."""

from __future__ import annotations

import heapq
import itertools
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import requests

MAX_LOG = 500


@dataclass
class Delivery:
    """One POST to make. ``body`` is sent as it is, so it must be what was signed.

    ``params`` are what the vendor adds to the query of the address it was given.
    """

    vendor: str
    url: str
    body: bytes
    headers: dict[str, str]
    event: str = ""
    method: str = "POST"
    retry_delays: Sequence[float] = ()
    params: Mapping[str, str] = field(default_factory=dict)
    attempt: int = 0
    statuses: list[int | None] = field(default_factory=list)
    on_done: Callable[[Delivery], None] | None = None
    answer: bytes = b""  # what the receiver said last, for vendors that read it (a validation code)

    @property
    def has_arrived(self) -> bool:
        return bool(self.statuses) and self.statuses[-1] is not None and 200 <= self.statuses[-1] < 300

    def as_dict(self) -> dict[str, Any]:
        return {
            "vendor": self.vendor,
            "url": self.url,
            "event": self.event,
            "statuses": self.statuses,
            "headers": self.headers,
            "body": self.body.decode("utf-8", "replace"),
        }


class Sender:
    """Sends deliveries in the background, in order of their due time. ``flush`` waits until all is sent."""

    def __init__(self, timeout_seconds: float = 10.0) -> None:
        self._timeout = timeout_seconds
        self._due: list[tuple[float, int, Delivery]] = []
        self._counter = itertools.count()
        self._changed = threading.Condition()
        self._busy = 0
        self._is_closed = False
        self.log: list[Delivery] = []
        self._thread = threading.Thread(target=self._run, name="sandbox-webhooks", daemon=True)
        self._thread.start()

    def send(self, delivery: Delivery, *, delay_seconds: float = 0) -> None:
        with self._changed:
            if delivery.attempt == 0:
                self.log = [*self.log[-MAX_LOG:], delivery]
            heapq.heappush(
                self._due,
                (time.monotonic() + delay_seconds, next(self._counter), delivery),
            )
            self._changed.notify_all()

    def flush(self, timeout_seconds: float = 10.0) -> bool:
        """Waits until nothing is due now or being sent; False if that took too long. Later retries do not count."""
        with self._changed:
            return self._changed.wait_for(lambda: not self._busy and not self._is_due(), timeout_seconds)

    def deliveries(self, vendor: str) -> list[Delivery]:
        return [delivery for delivery in self.log if delivery.vendor == vendor]

    def forget(self, vendor: str) -> None:
        with self._changed:
            self.log = [delivery for delivery in self.log if delivery.vendor != vendor]
            self._due = [entry for entry in self._due if entry[2].vendor != vendor]
            heapq.heapify(self._due)

    def close(self) -> None:
        with self._changed:
            self._is_closed = True
            self._changed.notify_all()
        self._thread.join(timeout=2)

    def _is_due(self) -> bool:
        return bool(self._due) and self._due[0][0] <= time.monotonic() + 0.05

    def _run(self) -> None:
        with requests.Session() as http:
            http.trust_env = False
            while (delivery := self._take()) is not None:
                try:
                    self._post(http, delivery)
                finally:
                    with self._changed:
                        self._busy -= 1
                        self._changed.notify_all()

    def _take(self) -> Delivery | None:
        with self._changed:
            while not self._is_closed:
                wait = self._due[0][0] - time.monotonic() if self._due else None
                if wait is not None and wait <= 0:
                    self._busy += 1
                    return heapq.heappop(self._due)[2]
                self._changed.wait(wait)
        return None

    def _post(self, http: requests.Session, delivery: Delivery) -> None:
        status: int | None
        try:
            answer = http.request(
                delivery.method,
                delivery.url,
                params=dict(delivery.params),
                data=delivery.body,
                headers=delivery.headers,
                timeout=self._timeout,
                allow_redirects=False,
            )
            status = answer.status_code
            delivery.answer = answer.content[:65536]
        except requests.RequestException:
            status = None
        delivery.statuses.append(status)
        if not delivery.has_arrived and status != 410 and delivery.attempt < len(delivery.retry_delays):
            delay = delivery.retry_delays[delivery.attempt]
            delivery.attempt += 1
            self.send(delivery, delay_seconds=delay)
        elif delivery.on_done is not None:
            delivery.on_done(delivery)
