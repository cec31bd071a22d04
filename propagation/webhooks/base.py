"""What both webhooks share: POST only, a bounded body, errors in the envelope."""

from collections.abc import Callable, Mapping
from functools import wraps
from typing import TypeVar

from django.conf import settings
from django.db import Error
from django.http import HttpRequest, HttpResponse
from django.http.request import UnreadablePostError
from django.views.decorators.csrf import csrf_exempt
from rest_framework.exceptions import Throttled

from agentmessage.api.errors import PayloadTooLarge, refuse, render_exception
from agentmessage.clients import WrongSecrets
from agentmessage.errors import DomainError, ErrorCode, InvalidInput

Key = TypeVar("Key")
wrong_credentials = WrongSecrets("carrier")


class Unauthorized(DomainError):
    """The sender has not proved that it is the carrier."""

    code = ErrorCode.UNAUTHORIZED


def webhook(
    *, key: Callable[[], Key | None], challenge: str | None = None
) -> Callable[[Callable[[HttpRequest, Key], HttpResponse]], Callable[[HttpRequest], HttpResponse]]:
    """Decorate a view that a carrier POSTs to and that checks it by `key`; 404 while no key is configured.

    `challenge` is the WWW-Authenticate of its 401. Wrong credentials are limited per client network: 429. If the
    database is unavailable it answers 503: carriers then retry.
    """

    def decorate(view: Callable[[HttpRequest, Key], HttpResponse]) -> Callable[[HttpRequest], HttpResponse]:
        @csrf_exempt
        @wraps(view)
        def answer(request: HttpRequest) -> HttpResponse:
            present = key()
            if present is None:
                return _error_response(request, ErrorCode.NOT_FOUND)
            if request.method != "POST":
                return _error_response(request, ErrorCode.METHOD_NOT_ALLOWED, {"Allow": "POST"})
            try:
                return _limited(view, request, present)
            except Unauthorized as error:
                return _error_response(request, error.code, {"WWW-Authenticate": challenge} if challenge else {})
            except (DomainError, Throttled, Error) as error:
                return render_exception(error, {"request": request})

        return answer

    return decorate


def _limited(view: Callable[[HttpRequest, Key], HttpResponse], request: HttpRequest, key: Key) -> HttpResponse:
    """Call the view. Raises Throttled if the client has sent too many wrong credentials, and what the view raises."""
    usage = wrong_credentials.block(request)
    try:
        if usage is None:
            return view(request, key)
    except Unauthorized:
        usage = wrong_credentials.count(request)
        if usage is None or not usage.is_over:
            raise
    raise Throttled(wait=usage.reset)


def read_body(request: HttpRequest) -> bytes:
    """Read the body. Raises PayloadTooLarge for one over MAX_BODY_BYTES, InvalidInput for one that ends too soon."""
    try:
        body: bytes = request.read(settings.MAX_BODY_BYTES + 1)
    except UnreadablePostError as error:
        raise InvalidInput("the body ended too soon") from error
    if len(body) > settings.MAX_BODY_BYTES:
        raise PayloadTooLarge
    return body


def _error_response(request: HttpRequest, code: ErrorCode, headers: Mapping[str, str] | None = None) -> HttpResponse:
    response = refuse(request, code)
    for name, value in (headers or {}).items():
        response[name] = value
    return response
