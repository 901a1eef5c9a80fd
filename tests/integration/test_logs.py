from __future__ import annotations

import json
import logging
import logging.config

import pytest
import structlog

from config.logs import HIDDEN, logging_config, redact, redact_text


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
