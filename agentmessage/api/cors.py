"""Cross-origin requests, for the origins that CORS_ORIGINS names. With none, nothing is done and nothing is said."""

from collections.abc import Callable

from corsheaders.middleware import CorsMiddleware as _CorsMiddleware
from django.conf import settings
from django.core.exceptions import MiddlewareNotUsed
from django.http import HttpRequest
from django.http.response import HttpResponseBase


class CorsMiddleware(_CorsMiddleware):
    """Answers a preflight itself, without a key: a browser sends none with it."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        if not settings.CORS_ALLOWED_ORIGINS:
            raise MiddlewareNotUsed
        super().__init__(get_response)
