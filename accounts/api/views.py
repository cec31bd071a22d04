"""/v1/api-keys and /v1/api-keys/{id}"""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from django.http import HttpResponse
from rest_framework.request import Request

from accounts.api import serializers
from accounts.api.base import TenantView
from accounts.models import ApiKey
from accounts.scopes import Scope
from accounts.services import create_api_key, revoke_api_key
from agentmessage.api.bodies import read_object
from agentmessage.api.envelope import success
from agentmessage.api.fields import path_uuid
from agentmessage.api.operations import documented
from agentmessage.api.pagination import PAGE_PARAMETERS, QuerySetRows, list_page
from agentmessage.api.query import Query
from agentmessage.errors import InvalidInput, ValidationFailed

_FIELDS = ("label", "scopes", "expires_at")
# RFC 3339, section 5.6. `fromisoformat` alone takes weeks, dates without separators and times without seconds too.
_MOMENT = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]+)?(Z|[+-][0-9]{2}:[0-9]{2})",
    re.IGNORECASE | re.ASCII,
)


def render_api_key(key: ApiKey) -> dict[str, Any]:
    """What /v1 shows of a key: never the key."""
    return {
        "id": key.id,
        "label": key.label,
        "prefix": key.prefix,
        "scopes": key.scopes,
        "created_at": key.created_at,
        "last_used_at": key.last_used_at,
        "expires_at": key.expires_at,
        "revoked_at": key.revoked_at,
    }


class ApiKeysView(TenantView):
    """The organization's keys."""

    scopes = {"GET": Scope.APIKEYS_READ, "POST": Scope.APIKEYS_WRITE}

    @documented(serializers.LIST_API_KEYS)
    def get(self, request: Request) -> HttpResponse:
        """A page of them, newest first; revoked and expired ones too."""
        query = Query(request, known=PAGE_PARAMETERS)
        return list_page(
            QuerySetRows(ApiKey.objects.filter(organization_id=self.organization_id)), query, render_api_key
        )

    @documented(serializers.CREATE_API_KEY)
    def post(self, request: Request) -> HttpResponse:
        """Create a key. The answer is the one time that it is shown."""
        body = read_object(request)
        label, scopes, expires_at = _read(body)
        key, plain = create_api_key(
            organization_id=self.organization_id,
            label=label,
            scopes=scopes,
            expires_at=expires_at,
            granted_by=self.api_key,
        )
        return success(render_api_key(key) | {"key": plain}, status=201)


class ApiKeyView(TenantView):
    """One key."""

    scopes = {"DELETE": Scope.APIKEYS_WRITE}

    @documented(serializers.REVOKE_API_KEY)
    def delete(self, request: Request, api_key_id: str) -> HttpResponse:
        """Revoke it, from the next request on. One that is revoked already stays as it is."""
        key = revoke_api_key(organization_id=self.organization_id, api_key_id=path_uuid(api_key_id))
        return success(render_api_key(key))


def _read(body: Mapping[str, Any]) -> tuple[str, list[str], datetime | None]:
    for name in body:
        if name not in _FIELDS:
            # A misspelt expires_at that was ignored would make a key that never ends.
            raise InvalidInput(f"unknown field {name!r}; the fields are {', '.join(_FIELDS)}")
    wrong = {}
    label, scopes, expiry = body.get("label"), body.get("scopes"), body.get("expires_at")
    if not isinstance(label, str):
        wrong["label"] = "must be a string" if "label" in body else "is required"
    if not isinstance(scopes, list) or not all(isinstance(scope, str) for scope in scopes):
        wrong["scopes"] = "must be a list of strings" if "scopes" in body else "is required"
    expires_at = _read_moment(expiry)
    if expiry is not None and expires_at is None:
        wrong["expires_at"] = "must be a time in RFC 3339, with its offset, or null"
    if wrong:
        raise ValidationFailed(details=wrong)
    return label, scopes, expires_at  # type: ignore[return-value]  # Looked at above.


def _read_moment(value: object) -> datetime | None:
    if not isinstance(value, str) or not _MOMENT.fullmatch(value):
        return None
    try:
        return datetime.fromisoformat(value.upper()).astimezone(UTC)
    except (ValueError, OverflowError):
        return None
