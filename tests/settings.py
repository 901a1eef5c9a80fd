"""The product's own settings, with the environment of a test run.

``TEST_DATABASE_URL`` and ``REDIS_URL`` choose real servers (bin/test gives both); without them a SQLite file of its
own, memory in place of Redis, and a queue that only notes what was sent.
"""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile

_folder = tempfile.mkdtemp(prefix="lockstep-test-")
atexit.register(shutil.rmtree, _folder, ignore_errors=True)

if os.environ.get("REDIS_URL", "").startswith("redis://"):
    # Each process of a parallel run has four logical databases of its own.
    _worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0")[2:])
    os.environ["REDIS_URL"] = f"{os.environ['REDIS_URL'].rsplit('/', 1)[0]}/{4 * (_worker % 4)}"
_url = os.environ.get("TEST_DATABASE_URL") or f"sqlite:///{_folder}/main.sqlite3"
os.environ |= {
    "LOCKSTEP_DATA_DIR": _folder,
    "SECRET_KEY": "tests-only-" + "k" * 50,
    "FERNET_KEYS": "dGVzdHMtb25seS10ZXN0cy1vbmx5LXRlc3RzLTEyMzQ=",
    "LOCKSTEP_DEMO_PASSWORD": "tests-only",
    "DATABASE_URL": _url,
    "LOCKSTEP_DB_POOL": "0",  # a pool would keep the test database from being dropped
    "LOCKSTEP_HTTPS": "false",
    "LOCKSTEP_ALLOW_HTTP": "true",
    "LOCKSTEP_ALLOW_PRIVATE_NETWORK": "true",
    "LOCKSTEP_API_RATE_USER": "1000000/min",  # tests share names and addresses
    "LOCKSTEP_API_RATE_ANON": "1000000/min",
    "LOG_LEVEL": os.environ.get("LOG_LEVEL", "WARNING"),
    "LOG_FORMAT": "human",
    "WEBHOOK_BASE_URL": "https://hub.example.test",
}

from config.settings import *  # noqa: E402, F403
from config.settings import CACHES, CELERY_BROKER_TRANSPORT_OPTIONS, CHANNEL_LAYERS, DATABASES, STORAGES  # noqa: E402

if "sqlite" in DATABASES["default"]["ENGINE"]:
    # A file, not memory: several threads then meet the same locks as in the product.
    DATABASES["default"]["TEST"] = {"NAME": f"{_folder}/test.sqlite3"}

elif os.environ.get("TEST_DATABASE_TEMPLATE"):
    DATABASES["default"]["TEST"] = {"TEMPLATE": os.environ["TEST_DATABASE_TEMPLATE"]}

if not os.environ.get("REDIS_URL"):
    CACHES["default"] = {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}
    CHANNEL_LAYERS["default"] = {"BACKEND": "channels.layers.InMemoryChannelLayer"}
    CELERY_BROKER_URL = "memory://"
    CELERY_BROKER_TRANSPORT_OPTIONS.clear()

STORAGES["staticfiles"] = {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
WHITENOISE_USE_FINDERS = True
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
ALLOWED_HOSTS = ["*"]
EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
