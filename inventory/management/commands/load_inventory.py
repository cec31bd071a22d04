"""`manage.py load_inventory`: organizations, brands, campaigns and phone numbers from one file."""

import sys
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import Error as AnyDatabaseError

from accounts.actors import Actor
from inventory.load import load_inventory
from inventory.management.progress import progress_bar
from inventory.merge import InventoryCounts
from inventory.reading import InventoryRefused


class Command(BaseCommand):
    """Load a document, all of it or nothing. Summary and progress go to standard error."""

    help = (
        "Load an inventory: one JSON document with organizations, their brands, campaigns and phone numbers, or a "
        "CSV of phone numbers. "
        "Rows are created or updated by ID, all or nothing; loading the same document again changes nothing. "
        "docs/inventory.md documents the format."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", metavar="FILE", help="the document or CSV, or - for standard input")
        parser.add_argument("--dry-run", action="store_true", help="the same checks and counts, nothing written")

    def handle(self, *, file: str, **options: Any) -> None:
        is_dry = options["dry_run"]
        actor = Actor.for_command("load_inventory")
        try:
            with progress_bar() as report:
                counts = load_inventory(document=_read(file), actor=actor, report=report, dry_run=is_dry)
        except InventoryRefused as refused:
            raise CommandError(_explain(file, refused)) from refused
        except AnyDatabaseError as error:
            raise CommandError(
                f"The database refused: {_first_line(error)}. A load is all or nothing and safe to run again."
            ) from error
        if options["verbosity"] > 0:
            self.stderr.write(_summary(counts), style_func=str)
            if is_dry:
                self.stderr.write("A dry run: nothing was written.", style_func=str)


def _read(file: str) -> bytes:
    try:
        return sys.stdin.buffer.read() if file == "-" else Path(file).read_bytes()
    except OSError as error:
        raise CommandError(f"{file}: {error.strerror}") from error
    except ValueError as error:  # A NUL in the path.
        raise CommandError(f"FILE is not a path: {error}") from error


def _explain(file: str, refused: InventoryRefused) -> str:
    """Return the problems, one per line, or the one message about the whole document."""
    if refused.details is None:
        name = "standard input" if file == "-" else file
        return f"{name}: {refused.message}. Nothing was changed."
    lines = [f"{place}: {message}" for place, message in refused.details.items()]
    if refused.hidden:
        lines.append(f"… and {refused.hidden:,} more.")
    return "\n".join([*lines, "Nothing was changed."])


def _first_line(error: AnyDatabaseError) -> str:
    return str(error).partition("\n")[0]


def _summary(counts: InventoryCounts) -> str:
    kinds = {
        "organizations": counts.organizations,
        "brands": counts.brands,
        "campaigns": counts.campaigns,
        "phone numbers": counts.phone_numbers,
    }
    lines = [f"{'':15}{'created':>10}{'updated':>10}{'unchanged':>10}"]
    lines += [f"{name:15}{of.created:>10,}{of.updated:>10,}{of.unchanged:>10,}" for name, of in kinds.items()]
    lines.append(f"{counts.attached:,} attached to a campaign, {counts.detached:,} detached")
    if counts.is_empty:
        lines.append("The document has no organizations, so there was nothing to load.")
    return "\n".join(lines)
