"""The base view of every endpoint below /v1: the key, its scopes, its rate limit and its organization."""

from collections.abc import Mapping
from typing import Any, ClassVar, Protocol
from uuid import UUID

from django.conf import settings
from django.http.response import HttpResponseBase
from rest_framework.authentication import BaseAuthentication
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.permissions import BasePermission
from rest_framework.request import Request
from rest_framework.throttling import BaseThrottle

from accounts.actors import Actor
from accounts.models import ApiKey, Scope
from accounts.services import find_usable_key
from agentmessage.api.envelope import request_id_of
from agentmessage.api.views import ApiView
from agentmessage.clients import WrongSecrets
from agentmessage.counter import Usage, count_hit
from agentmessage.rates import Rate

wrong_keys = WrongSecrets("v1")


class ApiKeyAuthentication(BaseAuthentication):
    """`Authorization: Bearer am_live_…` (RFC 6750, section 2.1).

    The key becomes `request.auth`. There is no user: the caller is the organization's key.
    """

    def authenticate(self, request: Request) -> tuple[None, ApiKey]:
        """Return the request's key. Raises AuthenticationFailed with one message for every reason."""
        # META exists already; `request.headers` would be built from all of it.
        match request.META.get("HTTP_AUTHORIZATION", "").split():
            case [scheme, token] if scheme.lower() == "bearer":
                key = find_usable_key(token)
            case _:
                key = None
        if key is None:
            raise AuthenticationFailed
        return None, key

    def authenticate_header(self, request: Request) -> str:
        """Return the scheme for `WWW-Authenticate`."""
        return "Bearer"


class KeyThrottle(BaseThrottle):
    """Limit the requests of a key to THROTTLE_RATE, and the wrong keys of a network to THROTTLE_UNAUTHORIZED_RATE.

    It authenticates the request, so that wrong keys are counted. One class has both limits because DRF asks all
    throttle classes of a view even if the first refuses, and a key from a blocked network must not be looked up.
    """

    usage: Usage | None = None

    def allow_request(self, request: Request, view: Any) -> bool:
        """Count the request, and leave its usage in `view.usage`. Raises AuthenticationFailed."""
        self.usage = view.usage = wrong_keys.block(request)
        if self.usage is not None:
            return False
        try:
            key: Any = request.auth
        except AuthenticationFailed:
            self.usage = view.usage = wrong_keys.count(request)
            if self.usage is None or not self.usage.is_over:
                raise
            return False
        rate: Rate | None = settings.THROTTLE_RATE
        if rate is None:
            return True
        self.usage = view.usage = count_hit(f"key:{key.id}", rate)
        return not self.usage.is_over

    def wait(self) -> float | None:
        """Return the seconds until the window ends, for `Retry-After`."""
        return None if self.usage is None else self.usage.reset


class Scoped(Protocol):
    """A view that names the scope of each of its methods."""

    scopes: Mapping[str, Scope]


class HasScope(BasePermission):
    """Require the scope that the view's `scopes` names for the method."""

    def has_permission(self, request: Request, view: Scoped) -> bool:  # type: ignore[override]  # Our views have scopes.
        """Whether the key has the scope. A method that the view lacks passes: it is 405, not 403."""
        # HEAD is GET without the body.
        method = "GET" if request.method == "HEAD" else request.method
        scope = view.scopes.get(method or "")
        key = request.auth
        return isinstance(key, ApiKey) and (scope is None or key.has_scope(scope))


class TenantView(ApiView):
    """One resource of the caller's organization. A subclass names the scope of each of its methods in `scopes`."""

    authentication_classes = (ApiKeyAuthentication,)
    throttle_classes = (KeyThrottle,)
    permission_classes = (HasScope,)
    scopes: ClassVar[Mapping[str, Scope]]
    usage: Usage | None = None

    def finalize_response(self, request: Request, response: HttpResponseBase, *args: Any, **kwargs: Any) -> Any:
        """Add the rate limit's headers to every response."""
        final = super().finalize_response(request, response, *args, **kwargs)  # type: ignore[arg-type]  # DRF takes plain responses.
        if self.usage is not None:
            final["RateLimit-Limit"] = str(self.usage.rate.limit)
            final["RateLimit-Remaining"] = str(self.usage.remaining)
            final["RateLimit-Reset"] = str(self.usage.reset)
        return final

    @property
    def api_key(self) -> ApiKey:
        """The key that authenticated the request."""
        key = self.request.auth
        assert isinstance(key, ApiKey)  # noqa: S101  (The request would have ended in `initial`.)
        return key

    @property
    def organization_id(self) -> UUID:
        """The organization that every lookup is limited to."""
        return self.api_key.organization_id

    @property
    def actor(self) -> Actor:
        """The cause of changes, for history."""
        return Actor.for_api_key(self.api_key, request_id=request_id_of(self.request))
