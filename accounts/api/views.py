"""/v1/api-keys and /v1/api-keys/{id}."""

from django.http import HttpResponse
from rest_framework.request import Request

from accounts.api.base import TenantView
from accounts.api.serializers import ApiKeyRequestSerializer, ApiKeySerializer, NewApiKeySerializer
from accounts.models import ApiKey, Scope
from accounts.services import create_api_key, revoke_api_key
from agentmessage.api.envelope import success
from agentmessage.api.pagination import PageQuery
from agentmessage.api.requests import path_uuid
from agentmessage.api.views import Operation


class ApiKeysView(TenantView):
    """The organization's keys."""

    scopes = {"GET": Scope.APIKEYS_READ, "POST": Scope.APIKEYS_WRITE}
    tag = "API keys"

    @Operation("listApiKeys", query=PageQuery(), answer=ApiKeySerializer, returns="A page of keys.")
    def get(self, request: Request) -> HttpResponse:
        """List API keys.

        The keys of your organization, newest first; revoked and expired ones too.
        """
        return self.paginated(ApiKey.objects.filter(organization_id=self.organization_id), ApiKeySerializer)

    @Operation(
        "createApiKey",
        body=ApiKeyRequestSerializer(),
        answer=NewApiKeySerializer,
        returns="The new key.",
        status=201,
    )
    def post(self, request: Request) -> HttpResponse:
        """Create an API key.

        A new key for your organization. A key can grant only its own scopes, and no later expiry than its own.
        The full key is returned only in this response.
        """
        key, plain = create_api_key(
            organization_id=self.organization_id,
            label=self.body["label"],
            scopes=self.body["scopes"],
            expires_at=self.body.get("expires_at", self.api_key.expires_at),
            granted_by=self.api_key,
        )
        return success(ApiKeySerializer(key).data | {"key": plain}, status=201)


class ApiKeyView(TenantView):
    """One key."""

    scopes = {"DELETE": Scope.APIKEYS_WRITE}
    tag = "API keys"
    path_id = "The ID of an API key of your organization."

    @Operation("revokeApiKey", answer=ApiKeySerializer, returns="The key, revoked.")
    def delete(self, request: Request, api_key_id: str) -> HttpResponse:
        """Revoke an API key.

        The key is refused from the next request on. Revoking a revoked key changes nothing and returns 200.
        """
        key = revoke_api_key(organization_id=self.organization_id, api_key_id=path_uuid(api_key_id))
        return success(ApiKeySerializer(key).data)
