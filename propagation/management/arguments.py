"""Arguments that commands share."""

from django.conf import settings
from django.core.management.base import CommandParser


def add_account(parser: CommandParser) -> None:
    """Add `--account`, which is required where there are several."""
    accounts = list(settings.CARRIERS)
    is_required = len(accounts) > 1
    parser.add_argument(
        "--account",
        choices=accounts,
        required=is_required,
        default=None if is_required else accounts[0],
        help="the carrier account, by its name in CARRIERS; required if there are several",
    )
