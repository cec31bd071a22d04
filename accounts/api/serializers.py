"""What /v1 takes and shows of API keys."""

import re
from datetime import UTC, datetime
from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from accounts.models import Scope
from agentmessage.api.requests import RequestBody, StrictField
from agentmessage.validators import LABEL_LENGTH

# RFC 3339, section 5.6. `fromisoformat` alone takes weeks, dates without separators and times without seconds too.
_MOMENT = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]+)?(Z|[+-][0-9]{2}:[0-9]{2})",
    re.IGNORECASE | re.ASCII,
)


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
    """A new key, with its secret. It is shown only once."""

    key = serializers.CharField(help_text="The full key. Store it now: it cannot be retrieved again.")


# What `validate_label` refuses everywhere, and what does not count as visible, in the words of JSON Schema.
_CONTROL = r"\u0000-\u001f\u007f-\u009f\u2028\u2029"
_INVISIBLE = r"\s\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufeff"


@extend_schema_field(
    {
        "type": "string",
        "minLength": 1,
        "maxLength": LABEL_LENGTH,
        "pattern": f"^[^{_CONTROL}]*[^{_CONTROL}{_INVISIBLE}][^{_CONTROL}]*$",
    }
)
class _LabelField(StrictField):
    """Not blank."""

    default_error_messages = {"invalid": "must be a string"}
    kind = str


@extend_schema_field(
    {"type": "array", "items": {"type": "string", "enum": Scope.values}, "minItems": 1, "uniqueItems": True}
)
class _ScopesField(StrictField):
    """At least one, none twice."""

    default_error_messages = {"invalid": "must be a list of strings"}

    def to_internal_value(self, data: Any) -> list[str]:
        if not isinstance(data, list) or not all(isinstance(scope, str) for scope in data):
            self.fail("invalid")
        return data


@extend_schema_field({"type": "string", "format": "date-time"})
class _MomentField(StrictField):
    """A time in RFC 3339."""

    default_error_messages = {"invalid": "must be a time in RFC 3339, with its offset, or null"}

    def to_internal_value(self, data: Any) -> datetime:
        if not isinstance(data, str) or not _MOMENT.fullmatch(data):
            self.fail("invalid")
        try:
            return datetime.fromisoformat(data.upper()).astimezone(UTC)
        except (ValueError, OverflowError):
            self.fail("invalid")


class ApiKeyRequestSerializer(RequestBody):
    """The API key to create."""

    label = _LabelField(help_text="A name of your choice.")  # type: ignore[assignment]  # As above.
    scopes = _ScopesField(help_text="The scopes of the key; each must be a scope of the calling key.")
    expires_at = _MomentField(
        required=False,
        allow_null=True,
        help_text="A future time, no later than the calling key's expiry. Default: the calling key's expiry. null: "
        "never expires, which requires a calling key that never expires.",
    )
