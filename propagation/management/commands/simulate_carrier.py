"""`manage.py simulate_carrier`: a simulated carrier on 127.0.0.1."""

from argparse import ArgumentParser
from typing import Any

from django.core.management import BaseCommand, CommandError

from carriers.simulated.__main__ import add_arguments, serve


class Command(BaseCommand):
    """Serve until interrupted."""

    help = (
        "Serve a simulated carrier with configurable faults on 127.0.0.1, for CARRIER_URL=simulated://127.0.0.1:PORT."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        add_arguments(parser)

    def handle(self, *args: object, **options: Any) -> None:
        """Raises CommandError if the port is taken."""
        try:
            serve(options, announce=lambda url: self.stdout.write(f"simulated carrier: CARRIER_URL={url}"))
        except OSError as error:
            raise CommandError(str(error)) from error
