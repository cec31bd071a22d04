"""The use cases of API keys, one function each.

A key is `am_live_` and 43 letters and digits. The secret has 256 random bits, so storing a fast digest is safe:
there is nothing to guess that a slow one would protect.
"""

import hashlib
import secrets
import string
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import CharField, Q
from django.db.models.functions import Now
from django.utils import timezone

from accounts.models import ApiKey, Scope
from agentmessage.db.prepared import CompiledQueryset, Param
from agentmessage.errors import MissingScope, NotFound, ValidationFailed, shown
from agentmessage.validators import validate_label

# `last_used_at` is updated at most this often.
USE_INTERVAL = timedelta(minutes=1)
_KEY = CompiledQueryset(lambda: ApiKey.objects.filter(digest=Param("digest", CharField())).order_by())

_MARK = "am_live_"
_ALPHABET = string.ascii_letters + string.digits
_SECRET_LENGTH = 43
_PREFIX_LENGTH = len(_MARK) + 8


@dataclass(frozen=True, slots=True, repr=False)
class NewKey:
    """A key at the one moment when its plain text is known."""

    plain: str

    @property
    def prefix(self) -> str:
        """The part that stays readable; it leaves 208 bits secret."""
        return self.plain[:_PREFIX_LENGTH]

    @property
    def digest(self) -> bytes:
        """What is stored of the key."""
        return digest_of(self.plain)


def generate_key() -> NewKey:
    """Generate a key from the operating system's random source."""
    return NewKey(_MARK + "".join(secrets.choice(_ALPHABET) for _ in range(_SECRET_LENGTH)))


def digest_of(plain: str) -> bytes:
    """Return the SHA-256 of the whole key."""
    return hashlib.sha256(plain.encode()).digest()


def create_api_key(
    *,
    organization_id: UUID,
    label: str,
    scopes: Sequence[str],
    expires_at: datetime | None = None,
    granted_by: ApiKey | None = None,
) -> tuple[ApiKey, str]:
    """Create a key and return it with its plain text, which cannot be shown again.

    Args:
        organization_id: The organization that owns the key.
        label: The owner's name for it.
        scopes: At least one scope.
        expires_at: When it stops working; None: never.
        granted_by: The key that asks for the new one. It can only grant scopes that it has itself, and no longer life.

    Raises:
        ValidationFailed: The label is not one, a scope is unknown or repeated, the expiry has passed, or the key would
            outlive `granted_by`.
        MissingScope: `granted_by` lacks one of the scopes.
    """
    if refused := dict(_errors(label, scopes, expires_at)):
        raise ValidationFailed(details=refused)
    if granted_by is not None and not set(scopes) <= set(granted_by.scopes):
        raise MissingScope
    if granted_by is not None and granted_by.expires_at is not None:
        latest = granted_by.expires_at
        if expires_at is None or expires_at > latest:
            raise ValidationFailed(
                details={"expires_at": f"must not be later than your own key's, {latest:%Y-%m-%dT%H:%M:%SZ}"}
            )
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


def _errors(label: str, scopes: Sequence[str], expires_at: datetime | None) -> Iterator[tuple[str, str]]:
    """Yield a message about each field of a new key that cannot be accepted."""
    try:
        validate_label(label)
    except ValidationError as error:
        yield "label", f"{shown(label)} {error.message}"
    if not scopes:
        yield "scopes", "must name at least one scope"
    for index, scope in enumerate(scopes):
        if scope not in Scope.values:
            yield "scopes", f"{shown(scope)} is not one of {', '.join(Scope.values)}"
        elif scope in scopes[:index]:
            yield "scopes", f"{shown(scope)} is repeated"
    if expires_at is not None and expires_at <= timezone.now():
        yield "expires_at", f"{shown(expires_at.isoformat())} is not in the future"


def revoke_api_key(*, organization_id: UUID, api_key_id: UUID) -> ApiKey:
    """Revoke a key, effective with the next request. A key that was revoked before keeps its time. Raises NotFound."""
    with transaction.atomic(durable=True):
        # The lock makes the first of two concurrent revocations win.
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
    """Return the key for its plain text, or None if it is unknown, revoked or expired.

    The row is read from the database on every call, so a revocation takes effect at once. Records the use at most once
    a minute.
    """
    now = timezone.now()
    key = _KEY.first(digest=digest_of(plain))
    if key is None or not key.is_usable(at=now):
        return None
    if key.last_used_at is None or now - key.last_used_at >= USE_INTERVAL:
        _record_use(key)
    return key


def _record_use(key: ApiKey) -> None:
    # SKIP LOCKED: another request that is writing this row writes the same value, so there is no need to wait.
    # The filter repeats the interval: another request may have just written it, or this machine's clock may run ahead.
    unrecorded = Q(last_used_at__isnull=True) | Q(last_used_at__lte=Now() - USE_INTERVAL)
    free = ApiKey.objects.select_for_update(no_key=True, skip_locked=True).filter(unrecorded, id=key.id)
    with transaction.atomic():
        ApiKey.objects.filter(id__in=free.values("id")).update(last_used_at=Now())
