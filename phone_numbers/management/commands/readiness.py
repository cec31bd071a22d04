"""`manage.py readiness`: say whether a number can send now, and what is in the way."""

import json
import sys
from dataclasses import asdict
from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.core.serializers.json import DjangoJSONEncoder

from agentmessage.errors import NotFound
from phone_numbers.e164 import to_e164
from phone_numbers.models import PhoneNumber
from phone_numbers.readiness import read_readiness

_EXIT_CODES = {True: 0, False: 3, None: 4}


class Command(BaseCommand):
    """The exit code is the answer: 0 can send, 3 cannot, 4 unknown; 1 for a number that does not exist."""

    help = "Report whether a number can send now. Exits with 0 (it can), 3 (it cannot) or 4 (not known)."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("number", help="a phone number in any common notation, or a short code")
        parser.add_argument("--json", action="store_true", help="print one JSON object, as the API does")

    def handle(self, **options: Any) -> None:
        try:
            readiness = read_readiness(PhoneNumber.objects.all(), number=to_e164(options["number"]))
        except ValidationError as error:
            raise CommandError(f'"{options["number"]}" {error.message}.') from None
        except NotFound:
            raise CommandError(f"There is no number {options['number']}.") from None
        if options["json"]:
            shown = asdict(readiness)
            for blocker in shown["blockers"]:
                del blocker["is_certain"]
            self.stdout.write(json.dumps(shown, cls=DjangoJSONEncoder))
        else:
            self.stdout.write(readiness.summary)
            for blocker in readiness.blockers:
                retry = f" Next attempt: {blocker.retry_at:%Y-%m-%d %H:%M:%S} UTC." if blocker.retry_at else ""
                self.stdout.write(f"- {blocker.code}: {blocker.message} {blocker.resolution}{retry}")
        sys.exit(_EXIT_CODES[readiness.can_send])
