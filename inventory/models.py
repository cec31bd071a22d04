"""What an import has read from a carrier account and has not applied yet."""

from django.db import models


class CarrierPage(models.Model):
    """One page of one of an account's lists. Deleted once it has been applied, or is too old to be."""

    class Listing(models.TextChoices):
        """The lists that are long."""

        ASSIGNMENTS = "assignments"
        NUMBERS = "numbers"

    id = models.BigAutoField(primary_key=True)
    # The account.
    carrier = models.CharField(max_length=20)
    listing = models.CharField(max_length=11, choices=Listing.choices)
    position = models.PositiveBigIntegerField()
    # NULL: it is the last page.
    next_position = models.PositiveBigIntegerField(null=True)
    # Number, campaign and state of each record that could be read.
    records = models.JSONField()
    unreadable = models.PositiveIntegerField()
    # How many records the whole list had.
    total = models.PositiveIntegerField()
    # From before the carrier was asked, by the database's clock.
    read_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["carrier", "listing", "position"], name="inventory_carrierpage_once")
        ]

    def __str__(self) -> str:
        return f"{self.carrier}: {self.listing} from {self.position}"
