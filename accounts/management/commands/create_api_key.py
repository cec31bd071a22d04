"""`manage.py create_api_key`: a new API key, printed once."""

from argparse import ArgumentTypeError
from datetime import datetime, timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from accounts.management.arguments import organization
from accounts.models import Organization, Scope
from accounts.services import create_api_key
from agentmessage.errors import ValidationFailed
from agentmessage.validators import LABEL_LENGTH

MOST_DAYS = 36_500
_OPTIONS = {"label": "--name", "scopes": "--scope", "expires_at": "--expires-in"}


class Command(BaseCommand):
    """Standard output has only the key, so that a script can read it; messages go to standard error."""

    help = "Create an API key for an organization. The key is printed once, on standard output."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--organization",
            type=organization,
            required=True,
            metavar="SLUG",
            help="the organization that owns the key",
        )
        parser.add_argument("--name", required=True, help=f"what the key is for, at most {LABEL_LENGTH} characters")
        parser.add_argument(
            "--scope",
            required=True,
            action="append",
            dest="scopes",
            metavar="SCOPE",
            help=f"may be given several times: {', '.join(Scope.values)}",
        )
        parser.add_argument(
            "--expires-in", type=days, metavar="DAYS", help=f"1 to {MOST_DAYS} days; without it the key never expires"
        )

    def handle(self, *, organization: Organization, name: str, scopes: list[str], **options: Any) -> None:
        try:
            key, plain = create_api_key(
                organization_id=organization.id,
                label=name,
                scopes=scopes,
                expires_at=_expiry(options["expires_in"]),
            )
        except ValidationFailed as refused:
            details = refused.details or {}
            messages = (f"{_OPTIONS[field]}: {message}." for field, message in details.items())
            raise CommandError("\n".join(messages)) from refused
        self.stdout.write(plain)
        self.stderr.write(
            f"Key {key.prefix}… of {organization.name} ({organization.slug})\n"
            f"  name     {key.label}\n"
            f"  scopes   {' '.join(key.scopes)}\n"
            f"  expires  {key.expires_at.strftime('%Y-%m-%d %H:%M UTC') if key.expires_at else 'never'}\n"
            "The key is shown only once: keep it now.",
            style_func=str,
        )


def days(text: str) -> int:
    """Return a whole number of days. Raises ArgumentTypeError."""
    if text.isascii() and text.isdigit() and len(text) <= len(str(MOST_DAYS)) and 1 <= int(text) <= MOST_DAYS:
        return int(text)
    raise ArgumentTypeError(f"must be a whole number of days from 1 to {MOST_DAYS}")


def _expiry(days_from_now: int | None) -> datetime | None:
    return None if days_from_now is None else timezone.now() + timedelta(days=days_from_now)
