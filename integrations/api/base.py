"""What every endpoint stands on: the tenant, the role, the page size, and the idempotency key.

A view that forgets its tenant does not exist: ``get_queryset`` is scoped here and cannot be overridden, and a
method whose action is not named needs a manager.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any, ClassVar, final

from django.core.exceptions import ImproperlyConfigured
from django.core.exceptions import ValidationError as DjangoValidationError
from django.db.models import QuerySet
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter
from rest_framework.exceptions import NotFound, PermissionDenied, ValidationError
from rest_framework.generics import GenericAPIView
from rest_framework.pagination import BasePagination, CursorPagination
from rest_framework.permissions import IsAuthenticated
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import ViewSetMixin

from integrations.correlation import correlation_id
from integrations.models import StoredAnswer
from integrations.services.idempotency import KeyReused, UnderWay, answer_begin, answer_keep
from workspace.access import HEADER, Action, may, tenant_for_request
from workspace.models import OriginKind, Tenant
from workspace.services import Origin

from .problems import Problem, handler

MAX_LIMIT = 200
SAFE = ("GET", "HEAD", "OPTIONS")
KEY_HEADER = "Idempotency-Key"

TENANT_PARAMETER = OpenApiParameter(
    HEADER, OpenApiTypes.UUID, OpenApiParameter.HEADER, description="May be left out with one membership."
)
KEY_PARAMETER = OpenApiParameter(
    KEY_HEADER,
    OpenApiTypes.STR,
    OpenApiParameter.HEADER,
    description="Repeating the request with the same key within a day answers the same and does nothing twice.",
)


class LimitedCursor(CursorPagination):
    """Cursor pages, newest first by id; ``limit`` up to 200."""

    page_size = 50
    page_size_query_param = "limit"
    max_page_size = MAX_LIMIT
    ordering: Any = "-id"

    def get_page_size(self, request: Request) -> int:
        raw = request.query_params.get("limit")
        if raw is None:
            return int(self.page_size)
        if not (raw.isascii() and raw.isdigit() and len(raw) <= 4 and 1 <= int(raw) <= MAX_LIMIT):
            raise ValidationError({"limit": [f"This must be a whole number from 1 to {MAX_LIMIT}."]})
        return int(raw)

    def paginate_queryset(self, queryset: Any, request: Request, view: Any = None) -> Any:
        """A cursor is the client's to send: one that holds no id or time of these rows is a 404 like any unreadable one."""
        try:
            return super().paginate_queryset(queryset, request, view)
        except (DjangoValidationError, ValueError, OverflowError):
            if request.query_params.get(self.cursor_query_param) is None:
                raise
            raise NotFound(self.invalid_cursor_message) from None


class TenantView(GenericAPIView[Any]):
    """Base of all API views. ``actions`` names what a method (or a viewset's action) needs, by lower-case name.

    ``tenant_path`` is the lookup from the model to its tenant. Narrow the rows in ``narrowed``.
    """

    actions: ClassVar[Mapping[str, Action]] = {}
    tenant_path: ClassVar[str] = "tenant"
    permission_classes = (IsAuthenticated,)
    pagination_class: type[BasePagination] | None = LimitedCursor
    tenant: Tenant
    _answer: StoredAnswer | None = None

    def get_exception_handler(self) -> Callable[[Exception, dict[str, Any]], Response | None]:
        return handler

    def check_permissions(self, request: Request) -> None:
        super().check_permissions(request)
        self.tenant = tenant_for_request(request)
        if not may(request.user, self.tenant, self.needed(request)):
            raise PermissionDenied("Your role does not allow this.")

    def needed(self, request: Request) -> Action:
        """The action of this request: by the viewset's action, else by method; unnamed writes need a manager."""
        name = getattr(self, "action", None) or (request.method or "").lower()
        default = Action.VIEW if request.method in SAFE else Action.MANAGE
        return self.actions.get(name, default)

    def may(self, action: Action) -> bool:
        return may(self.request.user, self.tenant, action)

    @final
    def get_queryset(self) -> QuerySet[Any]:
        everything: QuerySet[Any] | None = getattr(type(self), "queryset", None)
        if everything is None:
            raise ImproperlyConfigured(f"{type(self).__name__} names no queryset")
        if getattr(self, "swagger_fake_view", False):
            return everything.none()
        return self.narrowed(everything.filter(**{self.tenant_path: self.tenant}))

    def narrowed(self, rows: QuerySet[Any]) -> QuerySet[Any]:
        """Further conditions and joins; the rows are the tenant's already."""
        return rows

    def valid(self, serializer_class: type[Any], **options: Any) -> dict[str, Any]:
        """The request's data, checked for shape. Raises ``ValidationError``."""
        serializer = serializer_class(
            data=self.request.data, context=self.get_serializer_context(), **options
        )
        serializer.is_valid(raise_exception=True)
        data: dict[str, Any] = serializer.validated_data
        return data

    def origin(self) -> Origin:
        """Who writes, for a record's history."""
        return Origin(kind=OriginKind.API, user=self.request.user, correlation_id=correlation_id())  # type: ignore[arg-type]

    def page(self, rows: QuerySet[Any], serializer_class: type[Any], ordering: Any = None) -> Response:
        """A cursor page of rows that are no plain list of this view."""
        paginator = LimitedCursor()
        if ordering is not None:
            paginator.ordering = ordering
        found = paginator.paginate_queryset(rows, self.request, view=self)
        data = serializer_class(found, many=True, context=self.get_serializer_context()).data
        return paginator.get_paginated_response(data)

    # --- idempotency ---------------------------------------------------------------------------------------------

    def dispatch(self, request: Any, *args: Any, **kwargs: Any) -> Any:
        self._answer = None
        return super().dispatch(request, *args, **kwargs)

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        key = request.headers.get(KEY_HEADER)
        if key is None or request.method != "POST":
            return
        if not 1 <= len(key) <= 200:
            raise ValidationError({KEY_HEADER: ["Give 1 to 200 characters."]})
        scope = (str(self.tenant.pk), str(request.user.pk), request.get_full_path(), key)
        try:
            answer = answer_begin(scope=scope, request=request._request.body)
        except KeyReused:
            said = "This key came with another request before; use a new key for a new request."
            raise Problem(422, "idempotency_key_reused", said) from None
        except UnderWay:
            raise Problem(
                409, "idempotency_under_way", "The first request of this key is still being worked on."
            ) from None
        if answer.status is not None:
            raise _Repeated(answer)
        self._answer = answer

    def handle_exception(self, exc: Exception) -> Response:
        if isinstance(exc, _Repeated):
            return Response(
                exc.answer.body, status=exc.answer.status, headers={"Idempotency-Replayed": "true"}
            )
        try:
            return super().handle_exception(exc)
        except Exception:
            if self._answer is not None:
                answer_keep(self._answer, status=500, body=None)
            raise

    def finalize_response(self, request: Request, response: Any, *args: Any, **kwargs: Any) -> Any:
        final_response = super().finalize_response(request, response, *args, **kwargs)
        if self._answer is not None and isinstance(response, Response):
            plain = json.loads(JSONRenderer().render(response.data) or b"null")
            answer_keep(self._answer, status=response.status_code, body=plain)
            self._answer = None
        return final_response


class TenantViewSet(ViewSetMixin, TenantView):
    """A viewset of tenant-scoped rows."""

    def list(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        rows = self.filter_queryset(self.get_queryset())
        page = self.paginate_queryset(rows)
        return self.get_paginated_response(self.get_serializer(page, many=True).data)

    def retrieve(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return Response(self.get_serializer(self.get_object()).data)


class _Repeated(Exception):
    """The answer to this key is known already."""

    def __init__(self, answer: StoredAnswer) -> None:
        super().__init__()
        self.answer = answer
