"""`manage.py abandon_order`: close an order that the carrier never finishes."""

from typing import Any
from uuid import UUID

from django.core.management.base import BaseCommand, CommandError, CommandParser

from propagation.models import CarrierOrder
from propagation.services.housekeeping import abandon_order
from propagation.services.record import LeaseLost


class Command(BaseCommand):
    """Close one order."""

    help = (
        "Close an open order. Its numbers fail with ORDER_EXPIRED and can be retried; first check them at the carrier."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("order_id", type=UUID, metavar="ORDER_ID", help="the order, as in the admin or the log")
        parser.add_argument("--reason", default="", metavar="TEXT", help="shown with the failure")

    def handle(self, **options: Any) -> None:
        """Raises CommandError for an order that is unknown or closed."""
        order_id = options["order_id"]
        try:
            abandon_order(order_id=order_id, reason=options["reason"])
        except LeaseLost:
            raise CommandError(f"No open order has the ID {order_id}.") from None
        failed = CarrierOrder.objects.values_list("failed", flat=True).get(id=order_id)
        self.stdout.write(f"abandoned; {failed:,} of its numbers failed and can be retried")
