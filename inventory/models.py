"""What waits to be applied: pages of a carrier account, files that operators upload, and the numbers of a load."""

from django.db import models

from accounts.models import Organization
from campaigns.models import Campaign
from phone_numbers.bulk_operations import OperatorJob
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


class InventoryImport(OperatorJob):
    """A file that an operator has uploaded: its preview, and, once confirmed, what it did."""

    file_name = models.CharField("file", max_length=255)
    # Emptied once it has been imported.
    document = models.BinaryField()
    # Of the preview; empty if that cannot be confirmed.
    digest = models.CharField(max_length=64, default="")
    # Created, updated, unchanged and refused entries by kind, and the attached and detached numbers.
    counts = models.JSONField(default=dict)
    # What is wrong with the file as a whole.
    problem = models.TextField(default="")
    # The preview replaces one that was confirmed.
    is_outdated = models.BooleanField(default=False)

    class Meta(OperatorJob.Meta):
        verbose_name = "import"

    def __str__(self) -> str:
        return self.file_name


class ImportRow(models.Model):
    """What the preview shows of a file: everything that is refused, and the first changes."""

    id = models.BigAutoField(primary_key=True)
    job = models.ForeignKey(InventoryImport, on_delete=models.CASCADE, related_name="rows")
    is_refused = models.BooleanField()
    place = models.TextField()
    name = models.TextField(default="")
    # Why it is refused, or the old and the new values.
    message = models.TextField()

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return self.place
