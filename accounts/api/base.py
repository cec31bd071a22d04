"""The view that every endpoint below /v1 is."""

from collections.abc import Mapping
from typing import ClassVar
from uuid import UUID

from accounts.actors import Actor
from accounts.api.throttling import ThrottledView
from accounts.authentication import ApiKeyAuthentication
from accounts.models import ApiKey
from accounts.permissions import HasScope
from accounts.scopes import Scope
from agentmessage.api.envelope import request_id_of


class TenantView(ThrottledView):
    """One resource of the caller's organization. A subclass names the scope of each of its methods in `scopes`."""

    authentication_classes = (ApiKeyAuthentication,)
    permission_classes = (HasScope,)
    scopes: ClassVar[Mapping[str, Scope]]

    @property
    def api_key(self) -> ApiKey:
        """The key that authenticated the request."""
        key = self.request.auth
        assert isinstance(key, ApiKey)  # noqa: S101  (Authentication has put it there, or the request would have ended.)
        return key

    @property
    def organization_id(self) -> UUID:
        """The organization that everything is looked up in."""
        return self.api_key.organization_id

    @property
    def actor(self) -> Actor:
        """Who history says it was."""
        return Actor.for_api_key(self.api_key, request_id=request_id_of(self.request))
