"""`manage.py import_from_carrier`: brands, campaigns and numbers of a carrier account into an organization."""

import json
from argparse import ArgumentTypeError
from dataclasses import asdict
from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import Error as AnyDatabaseError

from carriers.base import CarrierRefused, CarrierUnavailable, ListUnavailable
from inventory.carrier_pages import ListKeepsChanging
from inventory.importing import ImportRefused, ImportReport, account_brands, import_from_carrier
from inventory.management.progress import progress_bar
from inventory.reading import InventoryRefused
from inventory.schema import validate_slug
from propagation.management.arguments import add_account
from propagation.services.calling import carrier_of

_SHOWN = 20
_KINDS = ("brands", "campaigns", "phone_numbers")


class Command(BaseCommand):
    """Exit 0: all is imported; 1: some rows were left as they are, or nothing was changed; 2: a wrong argument."""

    help = (
        "Import brands, their campaigns and numbers from a carrier account. Without --brand, list its brands. Numbers "
        "that the carrier has on a campaign arrive as propagated, and nothing is sent to the carrier. It may be "
        "interrupted and run again: it continues where it stopped. Importing again changes nothing."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--organization", type=_slug, required=True, metavar="SLUG", help="created if there is none"
        )
        add_account(parser)
        parser.add_argument("--brand", action="append", metavar="TCR_ID", help="a brand to import; may be repeated")
        parser.add_argument(
            "--with-unassigned",
            action="store_true",
            help="import the numbers on no campaign too, though the account has brands of other organizations",
        )
        parser.add_argument("--dry-run", action="store_true", help="the same report; nothing is written")
        parser.add_argument("--json", action="store_true", help="print one JSON object instead of text")

    def handle(self, **options: Any) -> None:
        """Raises CommandError if nothing was changed, and with what can be done."""
        try:
            if not options["brand"]:
                self._list_brands(options)
                return
            with progress_bar() as show:
                report = import_from_carrier(
                    carrier=carrier_of(options["account"]),
                    slug=options["organization"],
                    tcr_brand_ids=dict.fromkeys(options["brand"]),
                    with_unassigned=options["with_unassigned"],
                    dry_run=options["dry_run"],
                    show=show,
                )
        except ListUnavailable as error:
            raise CommandError(
                "The carrier has no lists of brands and numbers for this account. Telnyx has them, and Bandwidth's "
                "version 2 for accounts with the campaign management role."
            ) from error
        except (CarrierRefused, CarrierUnavailable, ListKeepsChanging) as error:
            raise CommandError(f"{error} Nothing was changed. Run it again to continue.") from error
        except ImportRefused as error:
            raise CommandError(f"{error} Nothing was changed.") from error
        except InventoryRefused as error:
            problems = [f"{place}: {message}" for place, message in (error.details or {}).items()]
            raise CommandError("\n".join([*problems, "Nothing was changed. Run it again."])) from error
        except AnyDatabaseError as error:
            line = str(error).partition("\n")[0]
            raise CommandError(f"The database refused: {line}. Nothing was changed. Run it again.") from error
        if options["json"]:
            self._write_json(report, options)
        else:
            self._write_words(report, options)
        if report.conflicts:
            raise SystemExit(1)

    def _list_brands(self, options: dict[str, Any]) -> None:
        brands = account_brands(carrier_of(options["account"]), options["organization"])
        if options["json"]:
            self.stdout.write(json.dumps({"brands": [{**asdict(one), "organization": slug} for one, slug in brands]}))
            return
        for brand, slug in brands:
            holder = "" if slug is None else f"  in {slug}"
            self.stdout.write(f"{brand.tcr_brand_id:13}{brand.identity_status or '-':17}{brand.name or '-'}{holder}")
        self.stdout.write(f"{len(brands):,} brands. Name those to import: --brand TCR_ID" if brands else "No brands.")

    def _write_json(self, report: ImportReport, options: dict[str, Any]) -> None:
        head = {"organization": options["organization"], "account": options["account"], "dry_run": options["dry_run"]}
        self.stdout.write(json.dumps({**head, **asdict(report)}))

    def _write_words(self, report: ImportReport, options: dict[str, Any]) -> None:
        lines = [f"{'':15}{'new':>10}{'changed':>10}{'unchanged':>10}"]
        for kind in _KINDS:
            counts = getattr(report, kind)
            name = kind.replace("_", " ")
            lines.append(f"{name:15}{counts.created:>10,}{counts.updated:>10,}{counts.unchanged:>10,}")
        lines.append(f"{report.attached:,} numbers are on a campaign at the carrier already, and arrive as propagated")
        lines += [f"conflict: {one.kind} {one.name}: {one.reason}" for one in report.conflicts[:_SHOWN]]
        if len(report.conflicts) > _SHOWN:
            lines.append(f"… and {len(report.conflicts) - _SHOWN:,} more; --json has them all.")
        left = {
            "of other brands or organizations": report.elsewhere,
            "on no campaign (--with-unassigned imports them)": report.unassigned,
            "that cannot be read": report.unreadable,
        }
        lines += [f"left: {count:,} numbers {which}" for which, count in left.items() if count]
        if options["dry_run"]:
            lines.append("Dry run: nothing was written. What was read is kept for an hour, for the import itself.")
        self.stdout.write("\n".join(lines))


def _slug(text: str) -> str:
    """Accept what a new organization may have as its slug. Raises ArgumentTypeError."""
    try:
        validate_slug(text)
    except ValidationError as error:
        raise ArgumentTypeError(error.message) from error
    return text
