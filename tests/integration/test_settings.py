"""What the settings do with an environment: safe defaults, a refusal where there is none, one table of all."""

from __future__ import annotations

import re
import runpy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cryptography.fernet import Fernet
from django.core.exceptions import ImproperlyConfigured

ROOT = Path(__file__).resolve().parents[2]
Settings = dict[str, Any]
READ = re.compile(r'env\.(?:str|int|bool|list|path|float)\(\s*"([A-Z_]+)"')


@pytest.fixture
def load(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[..., Settings]:
    """The settings under exactly this environment (plus an empty data folder)."""

    def loader(**environment: str) -> Settings:
        for name in [*READ.findall((ROOT / "config/settings.py").read_text()), "LOCKSTEP_NO_SECRETS"]:
            monkeypatch.delenv(name, raising=False)
        monkeypatch.setenv("LOCKSTEP_DATA_DIR", str(tmp_path))
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        return runpy.run_path(str(ROOT / "config/settings.py"))

    return loader


SECRETS = {"SECRET_KEY": "s" * 60, "FERNET_KEYS": Fernet.generate_key().decode()}


def test_a_deployment_without_secrets_does_not_start(load: Callable[..., Settings]) -> None:
    with pytest.raises(ImproperlyConfigured, match="SECRET_KEY is not set"):
        load()


def test_a_deployment_without_encryption_keys_does_not_start(load: Callable[..., Settings]) -> None:
    with pytest.raises(ImproperlyConfigured, match="FERNET_KEYS is not set"):
        load(SECRET_KEY="s" * 60)


def test_a_deployment_is_strict_by_default(load: Callable[..., Settings]) -> None:
    settings = load(**SECRETS)
    assert settings["EMBEDDED"] is False
    assert settings["DEBUG"] is False
    assert (settings["SESSION_COOKIE_SECURE"], settings["CSRF_COOKIE_SECURE"]) == (True, True)
    assert (settings["LOCKSTEP_ALLOW_HTTP"], settings["LOCKSTEP_ALLOW_PRIVATE_NETWORK"]) == (False, False)
    assert (
        settings["STORAGES"]["staticfiles"]["BACKEND"]
        == "whitenoise.storage.CompressedManifestStaticFilesStorage"
    )
    assert settings["LOG_FORMAT"] == "json"
    assert settings["CONTENT_SECURITY_POLICY"]["DIRECTIVES"]["connect-src"] == ["'self'", "wss:"]


def test_the_file_of_secrets_makes_the_embedded_default(
    load: Callable[..., Settings], tmp_path: Path
) -> None:
    (tmp_path / "secrets.env").write_text(f"# made\nSECRET_KEY=abc\nFERNET_KEYS={SECRETS['FERNET_KEYS']}\n")
    settings = load()
    assert settings["EMBEDDED"] is True
    assert settings["SECRET_KEY"] == "abc"
    assert settings["FERNET_KEYS"] == [SECRETS["FERNET_KEYS"]]
    assert (settings["LOCKSTEP_ALLOW_HTTP"], settings["LOCKSTEP_ALLOW_PRIVATE_NETWORK"]) == (True, True)
    assert settings["SESSION_COOKIE_SECURE"] is False


def test_the_environment_wins_over_the_file_of_secrets(load: Callable[..., Settings], tmp_path: Path) -> None:
    (tmp_path / "secrets.env").write_text("SECRET_KEY=from-file\nFERNET_KEYS=from-file\n")
    settings = load(**SECRETS)
    assert (settings["SECRET_KEY"], settings["EMBEDDED"]) == (SECRETS["SECRET_KEY"], False)


def test_sqlite_writers_wait_for_one_another(load: Callable[..., Settings], tmp_path: Path) -> None:
    database = load(**SECRETS)["DATABASES"]["default"]
    assert database["NAME"] == str(tmp_path / "lockstep.sqlite3")
    assert database["OPTIONS"]["transaction_mode"] == "IMMEDIATE"
    assert "journal_mode=WAL" in database["OPTIONS"]["init_command"]
    assert database["OPTIONS"]["timeout"] == 20


def test_postgresql_gets_a_pool_and_can_do_without(load: Callable[..., Settings]) -> None:
    url = "postgres://lock:pw@db:5433/step"
    database = load(**SECRETS, DATABASE_URL=url)["DATABASES"]["default"]
    assert (database["HOST"], database["PORT"], database["NAME"]) == ("db", 5433, "step")
    assert database["OPTIONS"]["pool"] == {"min_size": 1, "max_size": 20, "timeout": 20}
    plain = load(**SECRETS, DATABASE_URL=url, LOCKSTEP_DB_POOL="0")["DATABASES"]["default"]
    assert "pool" not in plain["OPTIONS"]
    assert (plain["CONN_MAX_AGE"], plain["CONN_HEALTH_CHECKS"]) == (60, True)


def test_other_databases_are_refused(load: Callable[..., Settings]) -> None:
    with pytest.raises(ImproperlyConfigured, match="DATABASE_URL must begin with"):
        load(**SECRETS, DATABASE_URL="mysql://x@y/z")


def test_one_redis_serves_queue_cache_rooms_and_budgets_apart(load: Callable[..., Settings]) -> None:
    settings = load(**SECRETS, REDIS_URL="redis://:pw@cache:6379/4")
    assert settings["CELERY_BROKER_URL"] == "redis://:pw@cache:6379/4"
    assert settings["CACHES"]["default"]["LOCATION"] == "redis://:pw@cache:6379/5"
    assert settings["CHANNEL_LAYERS"]["default"]["CONFIG"]["hosts"] == [
        {"address": "redis://:pw@cache:6379/6", "socket_timeout": None}
    ]
    assert settings["BUDGET_URL"] == "redis://:pw@cache:6379/7"


def test_a_socket_is_spelt_as_each_client_wants_it(load: Callable[..., Settings]) -> None:
    settings = load(**SECRETS, REDIS_URL="unix:///run/valkey.sock")
    assert settings["CELERY_BROKER_URL"] == "redis+socket:///run/valkey.sock?virtual_host=0"
    assert settings["CACHES"]["default"]["LOCATION"] == "unix:///run/valkey.sock?db=1"
    assert settings["CHANNEL_LAYERS"]["default"]["CONFIG"]["hosts"] == [
        {"address": "unix:///run/valkey.sock?db=2", "socket_timeout": None}
    ]


def test_a_lost_task_comes_back_soon_and_never_while_it_runs(load: Callable[..., Settings]) -> None:
    settings = load(**SECRETS)
    options = settings["CELERY_BROKER_TRANSPORT_OPTIONS"]
    assert settings["CELERY_TASK_ACKS_LATE"] is True
    assert settings["CELERY_TASK_REJECT_ON_WORKER_LOST"] is True
    assert settings["CELERY_WORKER_PREFETCH_MULTIPLIER"] == 1
    assert settings["CELERY_TASK_TIME_LIMIT"] < options["visibility_timeout"]
    assert options["unacked_restore_interval"] * options["unacked_restore_throttle"] == 5


@pytest.mark.parametrize(("name", "value"), [("LOG_FORMAT", "xml"), ("LOG_LEVEL", "LOUD")])
def test_a_wrong_word_is_named(load: Callable[..., Settings], name: str, value: str) -> None:
    with pytest.raises(ImproperlyConfigured, match=f"{name} must be"):
        load(**SECRETS, **{name: value})


def test_the_addresses_that_may_scrape_are_checked_at_the_start(load: Callable[..., Settings]) -> None:
    assert load(**SECRETS)["LOCKSTEP_METRICS_ALLOW"] == []
    listed = load(**SECRETS, LOCKSTEP_METRICS_ALLOW="10.1.2.3, 192.168.0.0/16,fd00::/8")
    assert [str(each) for each in listed["LOCKSTEP_METRICS_ALLOW"]] == [
        "10.1.2.3/32", "192.168.0.0/16", "fd00::/8",
    ]  # fmt: skip
    with pytest.raises(ImproperlyConfigured, match="LOCKSTEP_METRICS_ALLOW: grafana is neither"):
        load(**SECRETS, LOCKSTEP_METRICS_ALLOW="10.0.0.1,grafana")


def test_forwarded_headers_are_believed_only_behind_a_proxy(load: Callable[..., Settings]) -> None:
    assert load(**SECRETS)["SECURE_PROXY_SSL_HEADER"] is None
    behind = load(**SECRETS, LOCKSTEP_PROXY_COUNT="1")
    assert behind["SECURE_PROXY_SSL_HEADER"] == ("HTTP_X_FORWARDED_PROTO", "https")


def test_the_table_of_settings_lists_exactly_what_is_read() -> None:
    read = set(READ.findall((ROOT / "config/settings.py").read_text())) | {"LOCKSTEP_DATA_DIR"}
    listed = re.findall(r"^\| `([A-Z_]+)` \|", (ROOT / "docs/settings.md").read_text(), re.M)
    assert sorted(listed) == sorted(read)


def test_settings_are_read_nowhere_else() -> None:
    """Credentials may name a variable of the environment (B1a), so what resolves those is left out."""
    rooms = (
        "sync",
        "boards",
        "conflicts",
        "monitoring",
        "integrations",
        "workspace",
        "live",
        "connectors",
        "reconcile",
    )
    reading = [
        str(path.relative_to(ROOT))
        for room in rooms
        for path in (ROOT / room).rglob("*.py")
        if re.search(r"os\.environ|os\.getenv", path.read_text()) and "credential" not in path.name
    ]
    assert reading == []
