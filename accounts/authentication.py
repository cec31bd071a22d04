"""`Authorization: Bearer am_live_…` (RFC 6750, section 2.1)."""

from rest_framework.authentication import BaseAuthentication
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request

from accounts.models import ApiKey
from accounts.services import find_usable_key


class ApiKeyAuthentication(BaseAuthentication):
    """Puts the key into `request.auth`. There is no user: the caller is the organization's key."""

    def authenticate(self, request: Request) -> tuple[None, ApiKey]:
        """The key of the request. Raises AuthenticationFailed in the same words whatever is wrong."""
        # Of META, which is there already: `headers` would be made of all of it.
        match request.META.get("HTTP_AUTHORIZATION", "").split():
            case [scheme, token] if scheme.lower() == "bearer":
                key = find_usable_key(token)
            case _:
                key = None
        if key is None:
            raise AuthenticationFailed
        return None, key

    def authenticate_header(self, request: Request) -> str:
        """The scheme that `WWW-Authenticate` names."""
        return "Bearer"
