"""What the OpenAPI document says about API keys. The serializers are never called."""

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from accounts.models import ApiKey
from accounts.scopes import Scope
from agentmessage.api.operations import PAGE, Operation
from agentmessage.errors import ErrorCode

_TAG = "API keys"


class ApiKeySerializer(serializers.Serializer[Any]):
    """A key of your organization, without its secret."""

    id = serializers.UUIDField()
    label = serializers.CharField()  # type: ignore[assignment]  # DRF makes fields no attributes.
    prefix = serializers.CharField(help_text="The readable beginning of the key.")
    scopes = serializers.ListField(child=serializers.ChoiceField(choices=Scope.choices))
    created_at = serializers.DateTimeField()
    last_used_at = serializers.DateTimeField(allow_null=True, help_text="To the minute.")
    expires_at = serializers.DateTimeField(allow_null=True)
    revoked_at = serializers.DateTimeField(allow_null=True)


class NewApiKeySerializer(ApiKeySerializer):
    """A new key, shown whole this one time."""

    key = serializers.CharField(help_text="The key. Keep it now: nothing can show it again.")


@extend_schema_field(
    {
        "type": "string",
        "minLength": 1,
        "maxLength": ApiKey.LABEL_LENGTH,
        "pattern": "^[^\\u0000]*[^\\u0000\\s][^\\u0000]*$",
    }
)
class _Label(serializers.Field[Any, Any, Any, Any]):
    """Not blank."""


@extend_schema_field(
    {"type": "array", "items": {"type": "string", "enum": Scope.values}, "minItems": 1, "uniqueItems": True}
)
class _Scopes(serializers.Field[Any, Any, Any, Any]):
    """At least one, none twice."""


class ApiKeyRequestSerializer(serializers.Serializer[Any]):
    """The key that you want."""

    label = _Label(help_text="Your name for it.")  # type: ignore[assignment]  # As above.
    scopes = _Scopes(help_text="What it may do: scopes that your own key has.")
    expires_at = serializers.DateTimeField(
        required=False, allow_null=True, help_text="A time in the future; null or left out: it does not expire."
    )


LIST_API_KEYS = Operation(
    id="listApiKeys",
    tag=_TAG,
    summary="List API keys",
    description="The keys of your organization, newest first; revoked and expired ones too.",
    query=PAGE,
    answer=ApiKeySerializer,
    is_list=True,
    success_description="A page of keys.",
)
CREATE_API_KEY = Operation(
    id="createApiKey",
    tag=_TAG,
    summary="Create an API key",
    description="A new key for your organization. A key can give the scopes that it has itself, and no others. The "
    "answer shows the key whole, this one time.",
    status=201,
    body=ApiKeyRequestSerializer,
    refuses_unknown_fields=True,
    answer=NewApiKeySerializer,
    success_description="The new key.",
    refusals=(ErrorCode.INVALID_INPUT,),
)
REVOKE_API_KEY = Operation(
    id="revokeApiKey",
    tag=_TAG,
    summary="Revoke an API key",
    description="Ends a key from the next request on. A key that is revoked already stays as it is and answers 200.",
    path_id="The id of a key of your organization.",
    answer=ApiKeySerializer,
    success_description="The key, revoked.",
)
