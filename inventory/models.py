"""What is not applied yet: pages that an import has read from a carrier account, and the numbers of a load."""

from django.db import models

from accounts.models import Organization
from campaigns.models import Campaign
from phone_numbers.models import PhoneNumber


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


class StagedPhoneNumber(models.Model):
    """A number of the document that is being loaded: a row of a temporary table, which `staging` makes and fills.

    Only what is compared by querysets has a field. The rows that the document refers to need not exist.
    """

    position = models.IntegerField(primary_key=True)
    organization_index = models.IntegerField()
    entry_index = models.IntegerField()
    organization = models.ForeignKey(Organization, models.DO_NOTHING, related_name="+", db_constraint=False)
    phone_number = models.ForeignKey(
        PhoneNumber, models.DO_NOTHING, related_name="+", db_constraint=False, db_column="id"
    )
    # The row with this number, which may be that of another ID.
    holder = models.ForeignKey(
        PhoneNumber,
        models.DO_NOTHING,
        related_name="+",
        db_constraint=False,
        db_column="number",
        to_field="number",
    )
    number_type = models.TextField()
    carrier = models.TextField(null=True)
    campaign = models.ForeignKey(Campaign, models.DO_NOTHING, related_name="+", db_constraint=False, null=True)
    propagated = models.BooleanField()

    class Meta:
        managed = False
        db_table = "inventory_phone_numbers"
        default_permissions = ()

    def __str__(self) -> str:
        return self.holder_id
