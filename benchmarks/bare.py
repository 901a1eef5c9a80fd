"""The least a webhook receiver in Django can do, as the peer: no middleware, verify an HMAC, insert a row, answer."""

from __future__ import annotations

import hashlib
import hmac
import os

import dj_database_url
import django
from django.conf import settings
from django.core.wsgi import get_wsgi_application
from django.db import connection
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.urls import path

SECRET = b"benchmarks-only"
TABLE = (
    "CREATE TABLE bare_delivery (id bigserial PRIMARY KEY, event text, body bytea, received_at timestamptz)"
)

if not settings.configured:
    database = dict(dj_database_url.parse(os.environ["DATABASE_URL"]))
    database["OPTIONS"] = {"pool": {"min_size": 1, "max_size": 10, "timeout": 20}}
    settings.configure(
        SECRET_KEY="bare",
        ALLOWED_HOSTS=["*"],
        ROOT_URLCONF=__name__,
        MIDDLEWARE=[],
        DATABASES={"default": database},
        USE_TZ=True,
    )
    django.setup()


def receive(request: HttpRequest) -> HttpResponse:
    body = request.body
    signature = hmac.new(SECRET, body, hashlib.sha256).hexdigest()
    if not hmac.compare_digest(signature, request.headers.get("X-Signature", "")):
        return JsonResponse({"success": False}, status=401)
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO bare_delivery (event, body, received_at) VALUES (%s, %s, now()) RETURNING id",
            ["task.updated", body],
        )
        (delivery_id,) = cursor.fetchone()
    answer = JsonResponse({"success": True, "delivery_id": delivery_id})
    answer["Content-Length"] = str(len(answer.content))  # else gunicorn sends it in chunks
    return answer


urlpatterns = [path("receive", receive)]
application = get_wsgi_application()
