"""The use cases of API keys, one function each."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

from django.db import connection, transaction
from django.utils import timezone

from accounts.errors import MissingScope
from accounts.keys import digest_of, generate_key
from accounts.models import ApiKey
from accounts.scopes import Scope
from agentmessage.db.prepared import fetch_one, instance, select
from agentmessage.errors import InvalidInput, NotFound

# A key's use is written down this often, at most.
USE_INTERVAL = timedelta(minutes=1)
_KEY = select(ApiKey, "digest = %s")


def create_api_key(
    *,
    organization_id: UUID,
    label: str,
    scopes: Sequence[str],
    expires_at: datetime | None = None,
    granted_by: ApiKey | None = None,
) -> tuple[ApiKey, str]:
    """A new key and its plain text, which nothing can show again.

    `granted_by` is the key that asks for it, which can only give scopes that it has. Raises InvalidInput for an empty
    or too long label, for scopes that are unknown, repeated or none at all, and for an expiry that has passed;
    MissingScope.
    """
    if not label.strip() or len(label) > ApiKey.LABEL_LENGTH or "\x00" in label:
        raise InvalidInput(f"label must have 1 to {ApiKey.LABEL_LENGTH} characters")
    if not scopes:
        raise InvalidInput("scopes must name at least one scope")
    for scope in scopes:
        if scope not in Scope.values:
            raise InvalidInput(f"unknown scope {scope!r}; the scopes are {', '.join(Scope.values)}")
    if len(set(scopes)) != len(scopes):
        raise InvalidInput("scopes must not repeat")
    if granted_by is not None and not set(scopes) <= set(granted_by.scopes):
        raise MissingScope
    if expires_at is not None and expires_at <= timezone.now():
        raise InvalidInput("expires_at must lie in the future")
    new = generate_key()
    with transaction.atomic(durable=True):
        key = ApiKey.objects.create(
            organization_id=organization_id,
            label=label,
            prefix=new.prefix,
            digest=new.digest,
            scopes=list(scopes),
            expires_at=expires_at,
        )
    return key, new.plain


def revoke_api_key(*, organization_id: UUID, api_key_id: UUID) -> ApiKey:
    """Ends a key from the next request on. A key that is revoked already stays as it is. Raises NotFound."""
    with transaction.atomic(durable=True):
        # The row is locked so that of two revocations the first one's moment stays.
        key = (
            ApiKey.objects.select_for_update(no_key=True).filter(organization_id=organization_id, id=api_key_id).first()
        )
        if key is None:
            raise NotFound
        if key.revoked_at is None:
            key.revoked_at = timezone.now()
            key.save(update_fields=["revoked_at"])
    return key


def find_usable_key(plain: str) -> ApiKey | None:
    """The key that `plain` spells, if it is neither unknown, revoked nor expired. Read afresh, never cached.

    Once a minute at most, the use is written down.
    """
    now = timezone.now()
    row = fetch_one(_KEY, [digest_of(plain)])
    key = None if row is None else instance(ApiKey, row)
    if key is None or not key.is_usable(at=now):
        return None
    if key.last_used_at is None or now - key.last_used_at >= USE_INTERVAL:
        _record_use(key)
    return key


def _record_use(key: ApiKey) -> None:
    # Where another request is writing the same row, it writes the same thing: nobody waits. Where another has just
    # written it, or this machine's clock runs ahead of the database's, nothing is written.
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE accounts_apikey SET last_used_at = now() WHERE id = ("
            "SELECT id FROM accounts_apikey WHERE id = %s"
            " AND (last_used_at IS NULL OR last_used_at <= now() - make_interval(secs => %s))"
            " FOR NO KEY UPDATE SKIP LOCKED)",
            [key.id, USE_INTERVAL.total_seconds()],
        )
