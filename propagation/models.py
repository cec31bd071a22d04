"""Orders to the carrier, what it says of numbers and campaigns, and the rate at which workers may call it."""

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from accounts.models import Organization
from agentmessage.ids import uuid7
from campaigns.models import Campaign
from phone_numbers.models import PhoneNumber


class CarrierOrder(models.Model):
    """One order to the carrier: attach numbers to one campaign, or detach them.

    The carrier is given the ID, which is committed before the carrier is called. The numbers are those of the
    attachments that are `submitted` under it.
    """

    ACTIONS = [("attach", "attach"), ("detach", "detach")]

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    organization = models.ForeignKey(Organization, on_delete=models.PROTECT, related_name="+", db_index=False)
    # The account, by its name in CARRIERS.
    carrier = models.CharField(max_length=20)
    action = models.CharField(max_length=6, choices=ACTIONS)
    campaign = models.ForeignKey(
        Campaign, on_delete=models.PROTECT, related_name="+", null=True, db_constraint=False, db_index=False
    )
    carrier_order_id = models.CharField(max_length=64, null=True)
    created_at = models.DateTimeField()
    # Committed right before the carrier is called: from then on the order may exist there.
    sent_at = models.DateTimeField(null=True)
    # When a worker next sends or polls it. A worker that takes the order moves this ahead: its lease.
    next_poll_at = models.DateTimeField(null=True)
    # Whether next_poll_at is the end of a lease, and whether the carrier has announced news since the lease began.
    is_leased = models.BooleanField(default=True, db_default=True)
    has_news = models.BooleanField(default=False, db_default=False)
    ended_at = models.DateTimeField(null=True)
    # How many of its numbers succeeded and failed, once it has ended.
    succeeded = models.PositiveIntegerField(default=0, db_default=0)
    failed = models.PositiveIntegerField(default=0, db_default=0)

    class Meta:
        ordering = ["-created_at", "-id"]
        indexes = [
            models.Index(
                fields=["carrier", "next_poll_at", "id"],
                name="propagation_order_open",
                condition=Q(ended_at__isnull=True),
            ),
            models.Index(
                fields=["carrier_order_id"],
                name="propagation_order_of_carrier",
                condition=Q(carrier_order_id__isnull=False),
            ),
            models.Index(fields=["ended_at"], name="propagation_order_ended", condition=Q(ended_at__isnull=False)),
        ]
        constraints = [
            models.UniqueConstraint(fields=["organization", "id"], name="propagation_carrierorder_organization_id"),
            models.CheckConstraint(
                condition=Q(action="attach", campaign__isnull=False) | Q(action="detach", campaign__isnull=True),
                name="propagation_carrierorder_action_campaign",
            ),
            models.CheckConstraint(
                condition=Q(next_poll_at__isnull=False, ended_at__isnull=True)
                | Q(next_poll_at__isnull=True, ended_at__isnull=False),
                name="propagation_carrierorder_open_or_ended",
            ),
        ]

    def __str__(self) -> str:
        return str(self.id)


class CarrierRateLimit(models.Model):
    """When the next request to an account may go out, for all workers together (docs/adr/0010).

    The table is UNLOGGED: after a crash of the database the limit starts over, which costs one second's requests.
    """

    # The account's, or what is limited apart: "main/campaigns".
    name = models.CharField(max_length=40, primary_key=True)
    next_at = models.DateTimeField()
    # Until when the carrier has asked for no requests at all.
    paused_until = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return self.name


class CarrierReading(models.Model):
    """One reading of what the carrier has, for reconciliation or for sync: how far it is, and what came of it.

    It is read in pieces by jobs and commands, of which any may die; the next one continues.
    """

    class Subject(models.TextChoices):
        """What is read. News: the campaigns that the carrier has announced within an hour."""

        NUMBERS = "numbers"
        CAMPAIGNS = "campaigns"
        NEWS = "news"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    # The account.
    carrier = models.CharField(max_length=20)
    subject = models.CharField(max_length=9, choices=Subject.choices)
    # NULL: of all organizations.
    organization = models.ForeignKey(
        Organization, on_delete=models.CASCADE, related_name="+", null=True, db_index=False
    )
    is_dry_run = models.BooleanField(default=False)
    started_at = models.DateTimeField(db_default=Now())
    # Where to continue in the carrier's list. NULL: the list has been read, or there is none.
    position = models.PositiveBigIntegerField(default=0, null=True)
    # The last row that was looked up. Rows without an answer are looked up twice.
    last_id = models.UUIDField(null=True)
    is_second_pass = models.BooleanField(default=False)
    read_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)
    # Numbers on pages that were skipped, and rows for which the carrier gave no usable answer.
    skipped = models.PositiveIntegerField(default=0)
    unreadable = models.PositiveIntegerField(default=0)
    # How many were compared, differed, and were left because they were more than the limit.
    compared = models.PositiveIntegerField(default=0)
    drifted = models.PositiveIntegerField(default=0)
    left = models.PositiveIntegerField(default=0)

    class Meta:
        ordering = ["-started_at"]
        indexes = [models.Index(fields=["subject", "-started_at"], name="propagation_reading_newest")]

    def __str__(self) -> str:
        return str(self.id)


class CarrierAnswer(models.Model):
    """What the carrier said of one number (the TCR ID of its campaign) or campaign (its status) in a reading.

    Deleted when the reading ends. The rows are many and short-lived, so the foreign keys have no constraints.
    """

    id = models.BigAutoField(primary_key=True)
    reading = models.ForeignKey(CarrierReading, on_delete=models.CASCADE, related_name="answers", db_index=False)
    phone_number = models.ForeignKey(
        PhoneNumber, on_delete=models.DO_NOTHING, related_name="+", null=True, db_constraint=False, db_index=False
    )
    campaign = models.ForeignKey(
        Campaign, on_delete=models.DO_NOTHING, related_name="+", null=True, db_constraint=False, db_index=False
    )
    # NULL: on no campaign.
    answer = models.CharField(max_length=64, null=True)
    # A campaign's status by network ID, where the carrier says.
    networks = models.JSONField(default=dict, db_default={})
    # The carrier said something, but not this.
    is_known = models.BooleanField(default=True)
    # It was drift, and has been recorded.
    is_corrected = models.BooleanField(default=False, db_default=False)
    # From before the carrier was asked, by the database's clock: what changed here since is not compared.
    asked_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["reading", "phone_number"], name="propagation_answer_number"),
            models.UniqueConstraint(fields=["reading", "campaign"], name="propagation_answer_campaign"),
        ]

    def __str__(self) -> str:
        return str(self.answer)
