"""Orders to the carrier, and the rate at which all workers together may call it."""

from django.db import models
from django.db.models import F, Q

from accounts.models import Organization
from agentmessage.ids import uuid7
from campaigns.models import Campaign


class CarrierOrder(models.Model):
    """One order to the carrier: attach numbers to one campaign, or detach them.

    The carrier is given the ID, which is committed before the carrier is called. The numbers are those of the
    attachments that are `submitted` under it.
    """

    ACTIONS = [("attach", "attach"), ("detach", "detach")]

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    organization = models.ForeignKey(Organization, on_delete=models.PROTECT, related_name="+", db_index=False)
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
                F("carrier"),
                F("next_poll_at"),
                F("id"),
                name="propagation_order_open",
                condition=Q(ended_at__isnull=True),
            ),
            models.Index(F("ended_at"), name="propagation_order_ended", condition=Q(ended_at__isnull=False)),
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
    """When the next request to a carrier may go out, for all workers together (docs/adr/0010).

    The table is UNLOGGED: after a crash of the database the limit starts over, which costs one second's requests.
    """

    carrier = models.CharField(max_length=20, primary_key=True)
    next_at = models.DateTimeField()

    def __str__(self) -> str:
        return self.carrier
