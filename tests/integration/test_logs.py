from __future__ import annotations

import json
import logging
import logging.config
import socket
from collections.abc import Iterator

import pytest
import structlog
from django.core.exceptions import ImproperlyConfigured

from config.logs import HIDDEN, LONGEST_DATAGRAM, logging_config, redact, redact_text, syslog_address


@pytest.mark.parametrize(
    ("text", "safe"),
    [
        ("Authorization: Bearer abcdef0123456789", f"Authorization: Bearer {HIDDEN}"),
        ("GET /1/cards?key=abc123&token=def456&limit=5", f"GET /1/cards?key={HIDDEN}&token={HIDDEN}&limit=5"),
        ("postgres://lock:hunter2@db/step", f"postgres://lock:{HIDDEN}@db/step"),
        ("nothing to hide: task 42 finished", "nothing to hide: task 42 finished"),
    ],
)
def test_secrets_in_text_are_taken_out(text: str, safe: str) -> None:
    assert redact_text(text) == safe


def test_secrets_are_known_by_their_names_however_deep() -> None:
    given = {
        "integration": 7,
        "config": [{"api_key": "abc", "board": "b1"}],
        "Password": "x",
        "webhook_secret": None,
    }
    assert redact(given) == {
        "integration": 7,
        "config": [{"api_key": HIDDEN, "board": "b1"}],
        "Password": HIDDEN,
        "webhook_secret": None,
    }


def _lines(form: str, capsys: pytest.CaptureFixture[str]) -> str:
    logging.config.dictConfig(logging_config(form=form, level="INFO"))
    structlog.contextvars.bind_contextvars(request_id="r-1")
    try:
        logging.getLogger("sync.test").info(
            "sync.mapping.finished", extra={"mapping": "m1", "access_token": "geheim"}
        )
    finally:
        structlog.contextvars.clear_contextvars()
    return capsys.readouterr().err


def test_a_json_line_carries_event_facts_and_correlation_but_no_secret(
    capsys: pytest.CaptureFixture[str],
) -> None:
    line = json.loads(_lines("json", capsys))
    assert line["event"] == "sync.mapping.finished"
    assert (line["mapping"], line["level"], line["logger"]) == ("m1", "info", "sync.test")
    assert line["correlation_id"] == "r-1"
    assert line["access_token"] == HIDDEN


def test_a_line_for_people_carries_the_same(capsys: pytest.CaptureFixture[str]) -> None:
    line = _lines("human", capsys)
    assert "sync.mapping.finished" in line
    assert "mapping=m1" in line
    assert "geheim" not in line


@pytest.fixture
def receiver() -> Iterator[socket.socket]:
    """A syslog server's socket; the logging of the tests is put back afterwards."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as made:
        made.bind(("127.0.0.1", 0))
        made.settimeout(10)
        yield made
        logging.config.dictConfig(logging_config(form="json", level="INFO"))


def _to_syslog(receiver: socket.socket) -> None:
    address = syslog_address("127.0.0.1", receiver.getsockname()[1])
    logging.config.dictConfig(logging_config(form="json", level="INFO", syslog=address))


def test_syslog_gets_each_line_in_a_datagram_without_secrets(
    receiver: socket.socket, capsys: pytest.CaptureFixture[str]
) -> None:
    _to_syslog(receiver)
    logging.getLogger("sync.test").warning("sync.mapping.failed", extra={"mapping": "m1", "token": "geheim"})
    said = receiver.recv(65_535).decode()
    head, _, body = said.partition("lockstep: ")
    assert head == "<12>"  # user, warning
    line, here = json.loads(body), json.loads(capsys.readouterr().err)
    assert {**line, "timestamp": ""} == {**here, "timestamp": ""}
    assert line["mapping"] == "m1" and "geheim" not in said


def test_a_line_too_long_for_a_datagram_is_cut(receiver: socket.socket) -> None:
    _to_syslog(receiver)
    logging.getLogger("sync.test").info("x" * 100_000)
    assert len(receiver.recv(65_535)) == LONGEST_DATAGRAM + len("<14>lockstep: ")


def test_nobody_at_the_other_end_is_no_trouble(capsys: pytest.CaptureFixture[str]) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as gone:
        gone.bind(("127.0.0.1", 0))
        port = gone.getsockname()[1]
    logging.config.dictConfig(logging_config(form="json", level="INFO", syslog=("127.0.0.1", port)))
    for number in range(3):
        logging.getLogger("sync.test").info("sync.test", extra={"number": number})
    lines = capsys.readouterr().err.splitlines()
    assert [json.loads(line)["number"] for line in lines] == [0, 1, 2]


def test_syslog_is_off_without_a_host_and_a_wrong_one_stops_the_start() -> None:
    assert syslog_address("", 514) is None
    assert set(logging_config(form="json", level="INFO")["handlers"]) == {"stderr"}
    with pytest.raises(ImproperlyConfigured, match=r"SYSLOG_HOST: there is no address for nowhere\.invalid"):
        syslog_address("nowhere.invalid", 514)
    with pytest.raises(ImproperlyConfigured, match="SYSLOG_PORT must be between"):
        syslog_address("localhost", 70_000)
