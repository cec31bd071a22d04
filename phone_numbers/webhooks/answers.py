"""The few answers that a carrier's webhook can get. A carrier reads only the status."""

from django.conf import settings
from django.http import HttpRequest, HttpResponse, JsonResponse


def taken() -> HttpResponse:
    """It has been heard."""
    return HttpResponse(status=204)


def refused(status: int, message: str) -> JsonResponse:
    """Why not."""
    return JsonResponse({"success": False, "error": {"message": message}}, status=status)


def body_of(request: HttpRequest) -> bytes | None:
    """The body; None if it is larger than the service takes."""
    length = request.META.get("CONTENT_LENGTH") or "0"
    if not length.isdigit() or int(length) > settings.MAX_BODY_BYTES:
        return None
    return request.read(settings.MAX_BODY_BYTES)
