"""The view that every endpoint below /v1 is."""

from collections.abc import Mapping
from typing import Any, ClassVar
from uuid import UUID

from django.http import HttpResponse
from rest_framework.request import Request

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

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """Authenticates and authorizes; all but OPTIONS, which says nothing that the documentation does not.

        What DRF does here besides, to choose a renderer and a version, has nothing to choose from.
        """
        if request.method != "OPTIONS":
            self.perform_authentication(request)
            self.check_permissions(request)

    def options(self, request: Any, *args: Any, **kwargs: Any) -> Any:
        """The methods that the resource takes, in `Allow`."""
        response = HttpResponse(status=204)
        del response["Content-Type"]
        return response

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
