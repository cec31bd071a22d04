"""`manage.py revoke_api_key`: a key stops working with the next request."""

import re
from typing import Any
from uuid import UUID

from django.core.management.base import BaseCommand, CommandError, CommandParser

from accounts.models import ApiKey
from accounts.services import NewKey, revoke_api_key
from agentmessage.ids import parse_uuid

# A prefix, or by mistake more of the key.
_KEY = re.compile(r"am_live_[A-Za-z0-9]{8,}", re.ASCII)


class Command(BaseCommand):
    """What was typed is never repeated: it may be a whole key."""

    help = "Revoke an API key, named by its prefix as create_api_key and the admin show it."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("prefix", metavar="PREFIX", help="am_live_ and eight characters")
        parser.add_argument("--id", metavar="UUID", help="which key, if several share the prefix")

    def handle(self, *, prefix: str, id: str | None, **options: Any) -> None:  # noqa: A002  (The option's name.)
        key = _choose(_readable_prefix(prefix), id)
        if key.revoked_at is not None:
            self._say(key, f"was revoked already, at {key.revoked_at:%Y-%m-%d %H:%M:%S} UTC; nothing changed")
            return
        self._say(revoke_api_key(organization_id=key.organization_id, api_key_id=key.id), "is revoked")

    def _say(self, key: ApiKey, what: str) -> None:
        self.stderr.write(f"Key {key.prefix}… ({key.label}) of {key.organization.name} {what}.", style_func=str)


def _readable_prefix(text: str) -> str:
    if not _KEY.fullmatch(text.strip().rstrip("…")):
        raise CommandError("PREFIX must be am_live_ and eight letters or digits.")
    return NewKey(text.strip()).prefix


def _choose(prefix: str, id_text: str | None) -> ApiKey:
    keys = list(ApiKey.objects.filter(prefix=prefix).select_related("organization").order_by("created_at", "id"))
    if not keys:
        raise CommandError(f"There is no key with the prefix {prefix}.")
    if id_text is not None:
        return _with_id(keys, parse_uuid(id_text))
    if len(keys) > 1:
        raise CommandError(
            f"{len(keys)} keys have the prefix {prefix}; name one with --id:\n" + "\n".join(map(_describe, keys))
        )
    return keys[0]


def _with_id(keys: list[ApiKey], key_id: UUID | None) -> ApiKey:
    if key_id is None:
        raise CommandError("--id must be a UUID.")
    for key in keys:
        if key.id == key_id:
            return key
    raise CommandError(f"No key with the prefix {keys[0].prefix} has the id {key_id}.")


def _describe(key: ApiKey) -> str:
    return f"  {key.id}  {key.organization.slug}  {key.label}" + ("  (revoked)" if key.revoked_at else "")
