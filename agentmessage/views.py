"""Endpoints that belong to no app."""

from django.http import HttpRequest, HttpResponse, JsonResponse


def healthz(request: HttpRequest) -> HttpResponse:  # noqa: ARG001  (Django's signature)
    """Return 200 while the process serves. It checks nothing else, so that a database outage restarts no process."""
    return JsonResponse({"status": "ok"})
