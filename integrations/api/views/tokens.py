"""Log-in of programs: a token for a name and a password. Tokens belong to people, not to tenants."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.contrib.auth import authenticate
from django.http import Http404
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiResponse, extend_schema
from knox.models import AuthToken
from rest_framework.authentication import BaseAuthentication
from rest_framework.permissions import AllowAny, BasePermission, IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from integrations.api.problems import Problem
from integrations.api.serializers.tokens import TokenIn, TokenIssued, TokenListed
from integrations.services.tokens import token_issue, token_revoke, tokens_of

CURRENT = "current"


def token_id_of(request: Request) -> str:
    """The token this request came with; "" if it came with a session."""
    return str(request.auth.token_key) if isinstance(request.auth, AuthToken) else ""


class TokensView(APIView):
    """A POST is judged by its password alone: neither a token nor a session makes further tokens."""

    def get_authenticators(self) -> list[BaseAuthentication]:
        asks_password = self.request is not None and self.request.method == "POST"
        return [] if asks_password else super().get_authenticators()

    def get_permissions(self) -> list[BasePermission]:
        return [AllowAny() if self.request.method == "POST" else IsAuthenticated()]

    @extend_schema(
        tags=["tokens"],
        auth=[],
        request=TokenIn,
        responses={
            201: TokenIssued,
            401: OpenApiResponse(OpenApiTypes.OBJECT, "Name or password is wrong"),
            429: OpenApiResponse(OpenApiTypes.OBJECT, "Too many attempts; Retry-After says how long to wait"),
        },
    )
    def post(self, request: Request) -> Response:
        """A new token for a name and its password, as at the log-in page and throttled like it."""
        asked = TokenIn(data=request.data)
        asked.is_valid(raise_exception=True)
        user = self._user(asked.validated_data)
        token, text = token_issue(user=user, days=asked.validated_data["expires_in_days"])
        body = {"token": text, "token_key": token.token_key, "created": token.created, "expiry": token.expiry}
        return Response(TokenIssued(body).data, status=201, headers={"Cache-Control": "no-store"})

    def _user(self, given: dict[str, Any]) -> Any:
        plain: Any = self.request._request
        user = authenticate(plain, username=given["username"], password=given["password"])
        if getattr(plain, "axes_locked_out", False):
            plain.axes_locked_out = (
                False  # else its middleware puts the page for people in place of this answer
            )
            seconds = round(settings.AXES_COOLOFF_TIME * 3600)
            said = f"Too many failed attempts. Try again in {seconds // 60} minutes."
            raise LockedOut(429, "locked_out", said, wait=seconds)
        if user is None:
            raise Problem(401, "wrong_credentials", "The name or the password is wrong.")
        return user

    @extend_schema(tags=["tokens"], responses=TokenListed(many=True))
    def get(self, request: Request) -> Response:
        """Your tokens that are still valid, newest first."""
        current = token_id_of(request)
        rows = list(tokens_of(request.user))
        for row in rows:
            row.is_current = row.token_key == current
        return Response(TokenListed(rows, many=True).data)


class LockedOut(Problem):
    """A pause after failed attempts; ``wait`` becomes the Retry-After header."""

    def __init__(self, status: int, code: str, detail: str, *, wait: int) -> None:
        super().__init__(status, code, detail)
        self.wait = wait


class TokenView(APIView):
    @extend_schema(tags=["tokens"], responses={204: None})
    def delete(self, request: Request, token_id: str) -> Response:
        """Revoke one of your tokens at once; ``current`` is the one this request came with."""
        wanted = token_id_of(request) if token_id == CURRENT else token_id
        if not token_revoke(user=request.user, token_id=wanted):
            raise Http404("You have no such token.")
        return Response(status=204)
