"""Django's middleware for people with a browser. Requests below /v1 pass by it: they carry a key, no cookie, and the
stack costs 40 µs each."""

from django.contrib.auth.middleware import AuthenticationMiddleware as _AuthenticationMiddleware
from django.contrib.messages.middleware import MessageMiddleware as _MessageMiddleware
from django.contrib.sessions.middleware import SessionMiddleware as _SessionMiddleware
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.middleware.clickjacking import XFrameOptionsMiddleware as _XFrameOptionsMiddleware
from django.middleware.common import CommonMiddleware as _CommonMiddleware
from django.middleware.csrf import CsrfViewMiddleware as _CsrfViewMiddleware
from django.middleware.security import SecurityMiddleware as _SecurityMiddleware
from django.utils.deprecation import MiddlewareMixin

from agentmessage.api.paths import is_api_path


class _NotBelowV1(MiddlewareMixin):
    """Steps aside for the API."""

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        if is_api_path(request.path_info):
            return self.get_response(request)  # type: ignore[return-value]  # As above.
        return super().__call__(request)  # type: ignore[return-value]  # As above.


class SecurityMiddleware(_NotBelowV1, _SecurityMiddleware):
    """See the module."""


class SessionMiddleware(_NotBelowV1, _SessionMiddleware):
    """See the module."""


class CommonMiddleware(_NotBelowV1, _CommonMiddleware):
    """See the module."""


class CsrfViewMiddleware(_NotBelowV1, _CsrfViewMiddleware):
    """See the module."""


class AuthenticationMiddleware(_NotBelowV1, _AuthenticationMiddleware):
    """See the module."""


class MessageMiddleware(_NotBelowV1, _MessageMiddleware):
    """See the module."""


class XFrameOptionsMiddleware(_NotBelowV1, _XFrameOptionsMiddleware):
    """See the module."""
