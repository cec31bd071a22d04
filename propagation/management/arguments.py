"""Arguments that commands share."""

from django.conf import settings
from django.core.management.base import CommandParser

from accounts.management.arguments import organization


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


def add_comparison(parser: CommandParser, *, of: str) -> None:
    """Add the arguments of a command that compares numbers or campaigns with the carrier, and corrects the drift."""
    parser.add_argument("--organization", type=organization, metavar="SLUG", help="only of this organization")
    add_account(parser)
    parser.add_argument("--dry-run", action="store_true", help="the same report, without correcting anything")
    parser.add_argument("--json", action="store_true", help="print one JSON object instead of text")
    parser.add_argument(
        "--force",
        action="store_true",
        help=f"correct the drift even if more than 5%% of an organization's {of} or 2%% of all differ",
    )
