"""The base view of every endpoint below /v1: the key, its scopes, its rate limit and its organization."""

from collections.abc import Mapping
from typing import Any, ClassVar, Protocol
from uuid import UUID

from django.http.response import HttpResponseBase
from rest_framework.authentication import BaseAuthentication
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from accounts.actors import Actor
from accounts.api.throttling import KeyThrottle, rate_limit_headers
from accounts.models import ApiKey, Scope
from accounts.services import find_usable_key
from agentmessage.api.envelope import request_id_of
from agentmessage.api.views import ApiView
from agentmessage.counter import Usage


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
        for name, value in rate_limit_headers(self.usage).items():
            final[name] = value
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
