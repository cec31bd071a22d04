"""`manage.py report_attachments`: say which campaign numbers were on at a time."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TextIO

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError, CommandParser

from accounts.management.arguments import organization
from agentmessage.admin.export import csv_chunks
from console.attachments import HEADER, PastTimeField, as_cells, read_answers
from phone_numbers.e164 import to_e164
from phone_numbers.models import PhoneNumber


class Command(BaseCommand):
    """It reads the same answers as the console's page."""

    help = "Report which campaign numbers were on at a time, who put them there, and what the carrier had confirmed."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("numbers", nargs="*", help="phone numbers in any common notation; all, if none is given")
        parser.add_argument("--as-of", required=True, metavar="TIME", help="ISO 8601; without a zone it is in UTC")
        parser.add_argument("--organization", type=organization, metavar="SLUG", help="what was its own at that time")
        parser.add_argument("--output", type=Path, metavar="FILE.csv", help="instead of standard output")

    def handle(self, **options: Any) -> None:
        try:
            at = PastTimeField().clean(options["as_of"])
        except ValidationError as error:
            raise CommandError(f"--as-of: {' '.join(error.messages)}") from None
        known, owner = _known(options["numbers"]), options["organization"]
        numbers = PhoneNumber.objects.filter(number__in=known) if known else PhoneNumber.objects.all()
        if known and owner is not None:
            own = {answer.phone_number.number for answer in read_answers(numbers, at, organization=owner)}
            if others := sorted(known - own):
                raise CommandError(f"Not with {owner.slug} at that time: {', '.join(others)}.")
        answers = read_answers(numbers, at, organization=owner)
        with _opened(options["output"], self.stdout) as file:
            for chunk in csv_chunks(HEADER, map(as_cells, answers)):
                file.write(chunk)


def _known(written: list[str]) -> set[str]:
    """Return the numbers in E.164. Raises CommandError for one that is not a number, or not here."""
    found = {}
    for text in written:
        try:
            found[to_e164(text)] = text
        except ValidationError as error:
            raise CommandError(f'"{text}" {error.message}.') from None
    here = PhoneNumber.objects.filter(number__in=found).values_list("number", flat=True)
    if missing := sorted(found.keys() - set(here)):
        raise CommandError(f"There is no number {', '.join(missing)}.")
    return set(found)


@contextmanager
def _opened(path: Path | None, stdout: Any) -> Iterator[TextIO]:
    """Open the file, which bears its name only once it is whole."""
    if path is None:
        stdout.ending = ""
        yield stdout
        return
    draft = path.with_name(f"{path.name}.part")
    try:
        with draft.open("w", encoding="utf-8", newline="") as file:
            yield file
        draft.replace(path)
    except OSError as error:
        raise CommandError(f"{path}: {error.strerror}.") from None
