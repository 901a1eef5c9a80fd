"""The feed by polling: the same events as over the socket, for a client that has none."""

from __future__ import annotations

from django.http import Http404, HttpRequest, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET

from .feed import events_after, last_seq_of
from .rooms import authorise


@never_cache
@require_GET
def feed(request: HttpRequest) -> JsonResponse:
    """``?room=&after=`` → ``{events, last_seq, gap}``; without ``after``, only where the room stands now."""
    if not request.user.is_authenticated:
        return JsonResponse({"error": "not_signed_in", "message": "Sign in first."}, status=401)
    room, after = request.GET.get("room", ""), request.GET.get("after", "")
    if not authorise(request.user, room):
        raise Http404("There is no such room.")
    if not after:
        return JsonResponse({"events": [], "last_seq": last_seq_of(room), "gap": False})
    if not (after.isascii() and after.isdigit() and len(after) <= 18):
        return JsonResponse({"error": "bad_after", "message": "after is a number from 0."}, status=400)
    return JsonResponse(events_after(room, int(after)))
