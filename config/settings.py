"""Every setting, read from the environment in this one place (docs/settings.md is the table).

``manage.py up`` leaves a file of secrets in the data folder. Where that file is, and the environment gives no
secrets of its own, this is the embedded default on one machine; else it is a deployment, and what is missing stops
the start instead of falling back to something unsafe.
"""

from __future__ import annotations

import logging
import os
from pathlib import Path
from typing import Any

from django.core.exceptions import ImproperlyConfigured
from django.urls import reverse_lazy
from environs import Env

from config.addresses import celery_url, database, networks, redis_database
from config.embedded import BASE_DIR, broker_socket, data_dir, read_secrets
from config.logs import configure_structlog, logging_config, syslog_address

env = Env()

# --- Where data lives, and the secrets --------------------------------------------------------------------------

LOCKSTEP_DATA_DIR: Path = data_dir()
_file_secrets = read_secrets(LOCKSTEP_DATA_DIR)
SECRET_KEY: str = env.str("SECRET_KEY", "")
FERNET_KEYS: list[str] = env.list("FERNET_KEYS", [])
EMBEDDED = not SECRET_KEY and bool(_file_secrets)
if EMBEDDED:
    SECRET_KEY = _file_secrets.get("SECRET_KEY", "")
    FERNET_KEYS = FERNET_KEYS or _file_secrets.get("FERNET_KEYS", "").split(",")
elif not SECRET_KEY and "LOCKSTEP_NO_SECRETS" in os.environ:  # set by manage.py for commands that need none
    SECRET_KEY, FERNET_KEYS = "unused-" + "x" * 50, ["dW51c2VkLXVudXNlZC11bnVzZWQtdW51c2VkLTEyMzQ="]
for _name, _value in {"SECRET_KEY": SECRET_KEY, "FERNET_KEYS": any(FERNET_KEYS)}.items():
    if not _value:
        raise ImproperlyConfigured(
            f"{_name} is not set. Use bin/up, which makes its own, or set it (docs/settings.md says how to make one)."
        )
LOCKSTEP_DEMO_PASSWORD: str = env.str(
    "LOCKSTEP_DEMO_PASSWORD", _file_secrets.get("LOCKSTEP_DEMO_PASSWORD", "")
)

# --- Addresses ---------------------------------------------------------------------------------------------------

DEBUG: bool = env.bool("DEBUG", False)
LOCKSTEP_HOST: str = env.str("LOCKSTEP_HOST", "127.0.0.1")
LOCKSTEP_PORT: int = env.int("LOCKSTEP_PORT", 8000)
LOCKSTEP_SANDBOX_PORT: int = env.int("LOCKSTEP_SANDBOX_PORT", 8765)
LOCKSTEP_SANDBOX_URL: str = env.str("LOCKSTEP_SANDBOX_URL", f"http://127.0.0.1:{LOCKSTEP_SANDBOX_PORT}")
WEBHOOK_BASE_URL: str = env.str(
    "WEBHOOK_BASE_URL", f"http://127.0.0.1:{LOCKSTEP_PORT}" if EMBEDDED else ""
).rstrip("/")
ALLOWED_HOSTS: list[str] = env.list("ALLOWED_HOSTS", ["localhost", "127.0.0.1", "[::1]"])
CSRF_TRUSTED_ORIGINS: list[str] = env.list("CSRF_TRUSTED_ORIGINS", [])
LOCKSTEP_HTTPS: bool = env.bool("LOCKSTEP_HTTPS", not EMBEDDED)
LOCKSTEP_PROXY_COUNT: int = env.int("LOCKSTEP_PROXY_COUNT", 0)

#: Where connectors may go (M4, M10). A setting of the deployment, never of a tenant; the demo's sandbox needs both.
LOCKSTEP_ALLOW_PRIVATE_NETWORK: bool = env.bool("LOCKSTEP_ALLOW_PRIVATE_NETWORK", EMBEDDED)
LOCKSTEP_ALLOW_HTTP: bool = env.bool("LOCKSTEP_ALLOW_HTTP", EMBEDDED)

# --- What is installed -------------------------------------------------------------------------------------------

INSTALLED_APPS = [
    "unfold",
    "unfold.contrib.filters",
    "unfold.contrib.forms",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.humanize",
    "channels",
    "rest_framework",
    "knox",
    "django_filters",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "django_celery_beat",
    "axes",
    "csp",
    "auditlog",
    "django_structlog",
    "live.apps.LiveConfig",
    "workspace.apps.WorkspaceConfig",
    "integrations.apps.IntegrationsConfig",
    "monitoring.apps.MonitoringConfig",
    "conflicts.apps.ConflictsConfig",
    "boards.apps.BoardsConfig",
    "sync.apps.SyncConfig",
    "config.apps.ConfigConfig",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "csp.middleware.CSPMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "workspace.middleware.TenantMiddleware",
    "django_structlog.middlewares.RequestMiddleware",
    "auditlog.middleware.AuditlogMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "axes.middleware.AxesMiddleware",
]

ROOT_URLCONF = "config.urls"
WSGI_APPLICATION = "config.wsgi.application"
ASGI_APPLICATION = "config.asgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]

# --- Database ----------------------------------------------------------------------------------------------------

DATABASE_URL: str = env.str("DATABASE_URL", f"sqlite:///{LOCKSTEP_DATA_DIR / 'lockstep.sqlite3'}")
LOCKSTEP_DB_POOL: int = env.int("LOCKSTEP_DB_POOL", 20)
DATABASES = {"default": database(DATABASE_URL, pool=LOCKSTEP_DB_POOL)}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# --- Redis or Valkey: queue, cache, live rooms -------------------------------------------------------------------

REDIS_URL: str = env.str("REDIS_URL", f"unix://{broker_socket(LOCKSTEP_DATA_DIR)}")


CACHE_URL: str = env.str("CACHE_URL", redis_database(REDIS_URL, 1))
CHANNELS_URL: str = env.str("CHANNELS_URL", redis_database(REDIS_URL, 2))
#: Shared counters of the rate budgets; losing them costs at most one window.
BUDGET_URL: str = env.str("BUDGET_URL", redis_database(REDIS_URL, 3))

CACHES: dict[str, dict[str, Any]] = {
    "default": {
        "BACKEND": "config.cache.KeptRedisCache",
        "LOCATION": CACHE_URL,
        "KEY_PREFIX": "lockstep",
    }
}
#: Without a time limit of the client's own: its default gives up while a socket waits for news, and enforcing any limit
#: can swallow, before Python 3.12, that the socket has ended, whose task then waits for ever.
CHANNELS_HOST = {"address": CHANNELS_URL, "socket_timeout": None}
CHANNEL_LAYERS: dict[str, dict[str, Any]] = {
    "default": {
        "BACKEND": "channels_redis.core.RedisChannelLayer",
        "CONFIG": {"hosts": [CHANNELS_HOST], "prefix": "lockstep", "capacity": 1000, "expiry": 60},
    }
}

# --- Celery: the queue is only a wake-up, so every task may run twice and none may be long -----------------------

CELERY_BROKER_URL: str = env.str("CELERY_BROKER_URL", celery_url(REDIS_URL))
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_SERIALIZER = "json"
CELERY_ACCEPT_CONTENT = ["json"]
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = True
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_TASK_TIME_LIMIT = 300
CELERY_TASK_SOFT_TIME_LIMIT = 270
CELERY_TASK_TRACK_STARTED = False
CELERY_TASK_PUBLISH_RETRY = False
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_CONNECTION_MAX_RETRIES = None  # a worker outlives any outage of its broker
CELERY_WORKER_CANCEL_LONG_RUNNING_TASKS_ON_CONNECTION_LOSS = False
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_WORKER_SEND_TASK_EVENTS = False
CELERY_TIMEZONE = "UTC"
CELERY_BEAT_SCHEDULER = "django_celery_beat.schedulers:DatabaseScheduler"
CELERY_BEAT_MAX_LOOP_INTERVAL = 1
CELERY_TASK_DEFAULT_QUEUE = "maintenance"
CELERY_TASK_ROUTES = ("config.celery.route_task",)
_is_redis = CELERY_BROKER_URL.startswith(("redis", "rediss"))
CELERY_BROKER_TRANSPORT_OPTIONS: dict[str, Any] = (
    {
        "visibility_timeout": 600,  # longer than the longest task (300 s), else it runs a second time meanwhile
        "unacked_restore_interval": 5,
        "unacked_restore_throttle": 1,  # by default a killed worker's task is missed for 100 s
        "unacked_mutex_expire": 30,
        "queue_order_strategy": "priority",
        "socket_keepalive": True,
        "socket_connect_timeout": 5,
        "health_check_interval": 25,
    }
    if _is_redis
    else {}
)

# --- People and permissions --------------------------------------------------------------------------------------

AUTHENTICATION_BACKENDS = [
    "axes.backends.AxesStandaloneBackend",
    "workspace.auth.MembershipBackend",  # permissions from the role in the current tenant
    "django.contrib.auth.backends.ModelBackend",  # passwords
]
LOGIN_URL = reverse_lazy("admin:login")
LOGIN_REDIRECT_URL = reverse_lazy("admin:index")
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in (
        "UserAttributeSimilarityValidator",
        "MinimumLengthValidator",
        "CommonPasswordValidator",
        "NumericPasswordValidator",
    )
]
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = LOCKSTEP_HTTPS
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = CSRF_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_AGE: int = env.int("SESSION_COOKIE_AGE", 14 * 24 * 3600)
#: One name per port, so that two instances on one machine do not log each other out.
SESSION_COOKIE_NAME = f"lockstep_session_{LOCKSTEP_PORT}" if EMBEDDED else "lockstep_session"
SECURE_SSL_REDIRECT: bool = env.bool("SECURE_SSL_REDIRECT", False)
SECURE_HSTS_SECONDS: int = env.int("SECURE_HSTS_SECONDS", 3600 if LOCKSTEP_HTTPS else 0)
#: Whether the whole domain speaks https is not ours to decide.
SILENCED_SYSTEM_CHECKS = ["security.W005", "security.W021"]
SECURE_REFERRER_POLICY = "same-origin"
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if LOCKSTEP_PROXY_COUNT else None
X_FRAME_OPTIONS = "DENY"

AXES_FAILURE_LIMIT: int = env.int("AXES_FAILURE_LIMIT", 10)
AXES_COOLOFF_TIME = 0.25  # hours
AXES_LOCKOUT_PARAMETERS = [["username", "ip_address"]]
AXES_RESET_ON_SUCCESS = True
AXES_HTTP_RESPONSE_CODE = 429
AXES_LOCKOUT_CALLABLE = "workspace.views.locked_out"
AXES_VERBOSE = False
AXES_DISABLE_ACCESS_LOG = True
AXES_CLIENT_IP_CALLABLE = (
    "integrations.api.webhooks.client_address"  # what a sender writes itself is not believed
)

CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": ["'self'"],
        "script-src": ["'self'", "'unsafe-eval'"],  # Alpine evaluates strings
        "style-src": ["'self'", "'unsafe-inline'"],  # the theme prints its colours into the page
        "img-src": ["'self'", "data:"],
        "font-src": ["'self'"],
        "connect-src": ["'self'", "ws:", "wss:"] if not LOCKSTEP_HTTPS else ["'self'", "wss:"],
        "frame-ancestors": ["'none'"],
        "form-action": ["'self'"],
        "base-uri": ["'self'"],
        "object-src": ["'none'"],
    }
}

# --- API ---------------------------------------------------------------------------------------------------------

REST_FRAMEWORK: dict[str, Any] = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "knox.auth.TokenAuthentication",  # first: its WWW-Authenticate header makes a stranger's answer 401, not 403
        "rest_framework.authentication.SessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["integrations.api.parsing.StrictJSONParser"],
    "DEFAULT_METADATA_CLASS": None,  # OPTIONS is a 405: the document says what there is
    "DEFAULT_FILTER_BACKENDS": ["django_filters.rest_framework.DjangoFilterBackend"],
    "DEFAULT_PAGINATION_CLASS": "rest_framework.pagination.CursorPagination",
    "PAGE_SIZE": 50,
    "EXCEPTION_HANDLER": "integrations.api.problems.handler",
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "DEFAULT_THROTTLE_CLASSES": [
        "integrations.api.throttling.StrangerThrottle",
        "integrations.api.throttling.PersonThrottle",
    ],
    "DEFAULT_THROTTLE_RATES": {
        "anon": env.str("LOCKSTEP_API_RATE_ANON", "60/min"),
        "user": env.str("LOCKSTEP_API_RATE_USER", "1200/min"),
    },
    "NUM_PROXIES": LOCKSTEP_PROXY_COUNT,
    "TEST_REQUEST_DEFAULT_FORMAT": "json",
}
REST_KNOX = {"TOKEN_TTL": None, "AUTO_REFRESH": False, "AUTH_HEADER_PREFIX": "Token"}
SPECTACULAR_SETTINGS = {
    "TITLE": "Lockstep API",
    "DESCRIPTION": "Integrations, mappings, jobs, logs and conflicts of one tenant (X-Tenant-ID).",
    "VERSION": "1",
    "OAS_VERSION": "3.1.0",
    "SERVE_INCLUDE_SCHEMA": False,
    "COMPONENT_SPLIT_REQUEST": True,
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "REDOC_DIST": "SIDECAR",
    "SERVE_PERMISSIONS": ["rest_framework.permissions.AllowAny"],
    "SCHEMA_PATH_PREFIX": "/api/v1",
    "ENUM_NAME_OVERRIDES": {
        "ConflictKindEnum": "conflicts.models.ConflictKind",
        "ConflictStatusEnum": "conflicts.models.ConflictStatus",
        "IntegrationStatusEnum": "integrations.models.IntegrationStatus",
        "JobStatusEnum": "integrations.models.JobStatus",
        "JobKindEnum": "integrations.models.JobKind",
        "LogStatusEnum": "integrations.models.LogStatus",
        "DeliveryStatusEnum": "integrations.models.DeliveryStatus",
        "MappingStateEnum": "integrations.models.MappingState",
        "StrategyEnum": "integrations.models.ConflictStrategy",
        "AlertStateEnum": "monitoring.models.AlertState",
        "NotificationStateEnum": "monitoring.models.NotificationState",
        "ChannelEnum": "monitoring.models.Channel",
        "DirectionEnum": "integrations.models.SyncDirection",
        "BeginAsEnum": [("ACTIVE", "Active"), ("DRAFT", "Setup incomplete")],
        "SettableStatusEnum": [("ACTIVE", "Active"), ("PAUSED", "Paused"), ("DISABLED", "Disabled")],
    },
}

# --- Pages -------------------------------------------------------------------------------------------------------

LANGUAGE_CODE = "en"
USE_I18N = True
USE_TZ = True
TIME_ZONE = "UTC"
STATIC_URL = "/static/"
STATIC_ROOT: Path = env.path(
    "STATIC_ROOT", LOCKSTEP_DATA_DIR / "static" if EMBEDDED else BASE_DIR / "staticfiles"
)
STATICFILES_DIRS: list[Path] = [path for path in [BASE_DIR / "static"] if path.is_dir()]
#: The embedded default serves files from where they are installed; a deployment runs collectstatic once.
WHITENOISE_USE_FINDERS = EMBEDDED
WHITENOISE_AUTOREFRESH = False
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {
        "BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"
        if EMBEDDED or DEBUG
        else "whitenoise.storage.CompressedManifestStaticFilesStorage"
    },
}
DATA_UPLOAD_MAX_MEMORY_SIZE = 5 * 1024 * 1024
DATA_UPLOAD_MAX_NUMBER_FIELDS = 5000

UNFOLD: dict[str, Any] = {
    "SITE_TITLE": "Lockstep",
    "SITE_HEADER": "Lockstep",
    "SITE_SUBHEADER": "Records in agreement",
    "SITE_SYMBOL": "sync",
    "SITE_URL": "/admin/",
    "STYLES": ["integrations.navigation.early_sheet"],
    "SITE_FAVICONS": [{"rel": "icon", "type": "image/svg+xml", "href": "integrations.navigation.favicon"}],
    "SHOW_HISTORY": True,
    "SHOW_VIEW_ON_SITE": False,
    "SIDEBAR": {
        "show_search": True,
        "command_search": True,
        "show_all_applications": True,
        "navigation": "integrations.navigation.sidebar",
    },
    "COLORS": {
        "primary": {
            "50": "oklch(96.8% .017 264)",
            "100": "oklch(93.4% .035 264)",
            "200": "oklch(88% .066 264)",
            "300": "oklch(80% .108 265)",
            "400": "oklch(71% .15 265)",
            "500": "oklch(60.5% .19 265)",
            "600": "oklch(52% .205 266)",
            "700": "oklch(45.5% .19 266)",
            "800": "oklch(39% .16 266)",
            "900": "oklch(34% .125 266)",
            "950": "oklch(25% .085 266)",
        }
    },
}

# --- Mail, times to keep, limits ---------------------------------------------------------------------------------

EMAIL_BACKEND = (
    "django.core.mail.backends.smtp.EmailBackend"
    if env.str("EMAIL_HOST", "")
    else "django.core.mail.backends.dummy.EmailBackend"
)
EMAIL_HOST: str = env.str("EMAIL_HOST", "")
EMAIL_PORT: int = env.int("EMAIL_PORT", 587)
EMAIL_HOST_USER: str = env.str("EMAIL_HOST_USER", "")
EMAIL_HOST_PASSWORD: str = env.str("EMAIL_HOST_PASSWORD", "")
EMAIL_USE_TLS: bool = env.bool("EMAIL_USE_TLS", True)
EMAIL_TIMEOUT = 10
DEFAULT_FROM_EMAIL: str = env.str("DEFAULT_FROM_EMAIL", "lockstep@localhost")

LOCKSTEP_LOG_RETENTION_DAYS: int = env.int("LOCKSTEP_LOG_RETENTION_DAYS", 90)
LOCKSTEP_DELIVERY_RETENTION_DAYS: int = env.int("LOCKSTEP_DELIVERY_RETENTION_DAYS", 30)
LOCKSTEP_EVENT_RETENTION_DAYS: int = env.int("LOCKSTEP_EVENT_RETENTION_DAYS", 7)
#: What a killed worker held is taken up again after the first; a create it had sent is given up after the second.
LOCKSTEP_LEASE_SECONDS: int = env.int("LOCKSTEP_LEASE_SECONDS", 120)
LOCKSTEP_SETTLE_SECONDS: int = env.int("LOCKSTEP_SETTLE_SECONDS", 60)
LOCKSTEP_REVIEW_LEASE_SECONDS: int = env.int("LOCKSTEP_REVIEW_LEASE_SECONDS", 300)
LOCKSTEP_WEBHOOK_MAX_BYTES: int = env.int("LOCKSTEP_WEBHOOK_MAX_BYTES", 1024 * 1024)
LOCKSTEP_WEBHOOK_TOLERANCE_SECONDS: int = env.int("LOCKSTEP_WEBHOOK_TOLERANCE_SECONDS", 300)
LOCKSTEP_RESPONSE_MAX_BYTES: int = env.int("LOCKSTEP_RESPONSE_MAX_BYTES", 10 * 1024 * 1024)

# --- Metrics: neither set, nobody may ask -----------------------------------------------------------------------

LOCKSTEP_METRICS_TOKEN: str = env.str("LOCKSTEP_METRICS_TOKEN", "")
LOCKSTEP_METRICS_ALLOW = networks(
    "LOCKSTEP_METRICS_ALLOW",
    env.list("LOCKSTEP_METRICS_ALLOW", []),
)

# --- Logs --------------------------------------------------------------------------------------------------------

LOG_LEVEL: str = env.str("LOG_LEVEL", "INFO").upper()
LOG_FORMAT: str = env.str("LOG_FORMAT", "human" if EMBEDDED or DEBUG else "json")
if LOG_FORMAT not in ("json", "human"):
    raise ImproperlyConfigured("LOG_FORMAT must be json or human.")
if LOG_LEVEL not in ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"):
    raise ImproperlyConfigured("LOG_LEVEL must be DEBUG, INFO, WARNING, ERROR or CRITICAL.")
configure_structlog()
SYSLOG_HOST: str = env.str("SYSLOG_HOST", "")
SYSLOG_PORT: int = env.int("SYSLOG_PORT", 514)
LOGGING = logging_config(form=LOG_FORMAT, level=LOG_LEVEL, syslog=syslog_address(SYSLOG_HOST, SYSLOG_PORT))
DJANGO_STRUCTLOG_CELERY_ENABLED = True
DJANGO_STRUCTLOG_IP_LOGGING_ENABLED = False
DJANGO_STRUCTLOG_STATUS_START_LOG_LEVEL = logging.DEBUG  # the line at the end says it all
