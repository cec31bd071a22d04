"""A phone number, and the append-only history of the campaigns it has been attached to."""

from django.conf import settings
from django.contrib.postgres.indexes import BrinIndex, GinIndex, OpClass
from django.db import models
from django.db.models import F, Func, Q, Value
from django.db.models.functions import Coalesce, Concat, Now, Upper

from accounts.actors import ActorKind
from accounts.models import Organization
from agentmessage.ids import uuid7
from agentmessage.validators import LABEL_LENGTH, REASON_LENGTH, URL_LENGTH, validate_https_url, validate_label
from campaigns.models import Campaign
from phone_numbers.bulk_operations import BulkOperation  # noqa: F401  (Django finds an app's models here.)
from phone_numbers.failures import WAIT_FOR_CAMPAIGN

ACCOUNT_LENGTH = 20
DEFAULT_ACCOUNT = "default"


def only_account() -> str:
    """Return the carrier account that a new number has: the only one, or the one named "default" of several."""
    only, *others = settings.CARRIERS
    return DEFAULT_ACCOUNT if others else only


# What a search covers. No label has a line break, so nothing is found half in the number and half in the label.
SEARCHED = Upper(Concat(F("number"), Value("\n"), Coalesce(F("label"), Value("")), output_field=models.TextField()))


class NumberType(models.TextChoices):
    """What kind of number it is."""

    LOCAL = "local"
    TOLL_FREE = "toll_free"
    SHORT_CODE = "short_code"


class NumberState(models.TextChoices):
    """Where the number is in its life."""

    AVAILABLE = "AVAILABLE", "available: in stock, no organization"
    PENDING = "PENDING", "pending: ordered or porting in"
    ASSIGNED = "ASSIGNED", "assigned"
    QUARANTINED = "QUARANTINED", "quarantined: released, cooling down"
    LOST = "LOST", "lost: ported out or disconnected at the carrier"


class LineOptionStatus(models.TextChoices):
    """What is known of the carrier's side of a number's campaign. NULL: nothing for the carrier to know."""

    PENDING = "pending"
    PROPAGATED = "propagated"
    FAILED = "failed"
    REMOVING = "removing"


class AttachmentStatus(models.TextChoices):
    """How far the carrier's side of one attach or detach has come."""

    PENDING = "pending"
    SUBMITTED = "submitted"
    PROPAGATED = "propagated"
    FAILED = "failed"
    SUPERSEDED = "superseded"


class PhoneNumber(models.Model):
    """One number, and the campaign it sends under at this moment.

    `campaign` changes only through `phone_numbers.services`: every change writes a `CampaignAttachment` too.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    organization = models.ForeignKey(
        Organization,
        on_delete=models.PROTECT,
        related_name="phone_numbers",
        null=True,
        blank=True,
        db_index=False,
    )
    number = models.CharField(max_length=16, help_text="E.164, or the digits of a short code")
    number_type = models.CharField(max_length=10, choices=NumberType.choices, default=NumberType.LOCAL)
    state = models.CharField(max_length=11, choices=NumberState.choices, default=NumberState.AVAILABLE)
    label = models.CharField(max_length=LABEL_LENGTH, null=True, blank=True, validators=[validate_label])
    # Not a URLField: its forms repair what they are given, and the API would refuse the same text.
    inbound_url = models.CharField(
        "inbound URL", max_length=URL_LENGTH, null=True, blank=True, validators=[validate_https_url]
    )
    status_url = models.CharField(
        "status URL", max_length=URL_LENGTH, null=True, blank=True, validators=[validate_https_url]
    )
    carrier = models.CharField(
        max_length=ACCOUNT_LENGTH,
        default=only_account,
        db_default=DEFAULT_ACCOUNT,
        help_text="The account that has it, by its name in CARRIERS. It changes only without a campaign: detach first.",
    )
    # The composite foreign key (organization, campaign) in constraints.sql replaces the simple one.
    campaign = models.ForeignKey(
        Campaign,
        on_delete=models.PROTECT,
        related_name="phone_numbers",
        null=True,
        blank=True,
        db_constraint=False,
        db_index=False,
    )
    carrier_line_option_status = models.CharField(
        max_length=10, choices=LineOptionStatus.choices, null=True, blank=True
    )
    carrier_line_option_propagated_at = models.DateTimeField(null=True, blank=True)
    current_attachment = models.ForeignKey(
        "CampaignAttachment",
        on_delete=models.PROTECT,
        related_name="+",
        null=True,
        blank=True,
        db_constraint=False,
        db_index=False,
    )
    sms_enabled = models.BooleanField("SMS enabled", default=True)
    mms_enabled = models.BooleanField("MMS enabled", default=True)
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    updated_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        ordering = ["-created_at", "-id"]
        indexes = [
            models.Index(
                fields=["organization", "-created_at", "-id"],
                name="numbers_phonenumber_newest",
                condition=Q(state=NumberState.ASSIGNED),
            ),
            models.Index(
                fields=["organization", "campaign", "-created_at", "-id"], name="numbers_phonenumber_campaign"
            ),
            # For lists of the rarer kinds, which a walk along the newest would find too seldom.
            models.Index(
                fields=["organization", "number_type", "-created_at", "-id"],
                name="numbers_phonenumber_type",
                condition=Q(state=NumberState.ASSIGNED) & ~Q(number_type=NumberType.LOCAL),
            ),
            # Status first: an organization's list needs both, and the console's counts need the status alone.
            models.Index(
                fields=["carrier_line_option_status", "organization", "-created_at", "-id"],
                name="numbers_phonenumber_status",
            ),
            # With the organization in it (btree_gin), a search costs what the organization's own numbers cost.
            GinIndex(F("organization"), OpClass(SEARCHED, name="gin_trgm_ops"), name="numbers_phonenumber_find"),
        ]
        constraints = [
            models.UniqueConstraint(fields=["organization", "id"], name="numbers_phonenumber_organization_id"),
            # One index for uniqueness and for what begins with some digits; `unique=True` makes two (docs/adr/0015).
            models.UniqueConstraint(
                fields=["number"], name="numbers_phonenumber_number_key", opclasses=["varchar_pattern_ops"]
            ),
            models.CheckConstraint(
                condition=Q(number__regex=r"^\+[1-9][0-9]{6,14}$")
                | Q(number_type=NumberType.SHORT_CODE, number__regex=r"^[1-9][0-9]{4,5}$"),
                name="numbers_phonenumber_number_e164",
                violation_error_message="E.164, as in +19195550100: a plus and 7 to 15 digits. "
                "A short code has 5 or 6 digits and that type.",
            ),
            models.CheckConstraint(
                condition=Q(number_type__in=NumberType.values),
                name="numbers_phonenumber_number_type_known",
                violation_error_message="There is no such type.",
            ),
            models.CheckConstraint(
                condition=Q(state__in=NumberState.values),
                name="numbers_phonenumber_state_known",
                violation_error_message="There is no such state.",
            ),
            models.CheckConstraint(
                condition=Q(state=NumberState.AVAILABLE, organization__isnull=True)
                | Q(state__in=[NumberState.PENDING, NumberState.ASSIGNED], organization__isnull=False)
                | Q(state__in=[NumberState.QUARANTINED, NumberState.LOST]),
                name="numbers_phonenumber_state_organization",
                violation_error_message="An available number has no organization; a pending or assigned one has.",
            ),
            # A composite foreign key does not check a row whose organization is NULL, so this does.
            models.CheckConstraint(
                condition=Q(campaign__isnull=True) | Q(organization__isnull=False),
                name="numbers_phonenumber_campaign_organization",
            ),
            models.CheckConstraint(
                condition=Q(
                    campaign__isnull=False,
                    carrier_line_option_status__isnull=False,
                    carrier_line_option_status__in=[
                        LineOptionStatus.PENDING,
                        LineOptionStatus.PROPAGATED,
                        LineOptionStatus.FAILED,
                    ],
                )
                | Q(campaign__isnull=True, carrier_line_option_status__isnull=True)
                | Q(
                    campaign__isnull=True,
                    carrier_line_option_status__isnull=False,
                    carrier_line_option_status__in=[LineOptionStatus.REMOVING, LineOptionStatus.FAILED],
                ),
                name="numbers_phonenumber_campaign_status",
            ),
            models.CheckConstraint(
                condition=Q(carrier_line_option_propagated_at__isnull=True)
                | Q(
                    carrier_line_option_status__isnull=False,
                    carrier_line_option_status=LineOptionStatus.PROPAGATED,
                ),
                name="numbers_phonenumber_propagated_at",
            ),
        ]

    def __str__(self) -> str:
        return self.number

    @property
    def is_assigned(self) -> bool:
        """Whether the number is in an organization's use (rule 6 of the attach)."""
        return self.state == NumberState.ASSIGNED

    @property
    def may_change_account(self) -> bool:
        """Whether nothing binds the number to its account: no campaign, and nothing on its way, as the trigger asks."""
        is_bound = Func(F("id"), function="numbers_phonenumber_is_bound", output_field=models.BooleanField())
        return not PhoneNumber.objects.filter(is_bound, id=self.id).exists()


class CampaignAttachment(models.Model):
    """One attach or detach: an entry of history, and of the outbox from which the carrier is notified.

    A row says who moved the number from which campaign to which, and when; that part never changes and is never
    deleted, which triggers in constraints.sql enforce. The carrier's side of the row is written as it comes about.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    organization = models.ForeignKey(Organization, on_delete=models.PROTECT, related_name="+", db_index=False)
    phone_number = models.ForeignKey(PhoneNumber, on_delete=models.PROTECT, related_name="attachments", db_index=False)
    # The number's account when it was recorded: it is the one to notify.
    carrier = models.CharField(max_length=ACCOUNT_LENGTH, default=only_account, db_default=DEFAULT_ACCOUNT)
    # NULL: the number was detached.
    campaign = models.ForeignKey(
        Campaign, on_delete=models.PROTECT, related_name="+", null=True, db_constraint=False, db_index=False
    )
    previous_campaign = models.ForeignKey(
        Campaign, on_delete=models.PROTECT, related_name="departures", null=True, db_constraint=False, db_index=False
    )
    actor_kind = models.CharField(max_length=10, choices=ActorKind.choices)
    actor_id = models.CharField(max_length=100)
    request_id = models.CharField(max_length=26, null=True)
    # Why, in the words of who did it.
    reason = models.CharField(max_length=REASON_LENGTH, null=True)
    # All moves of one bulk operation, command or bulk request, which can be undone together.
    batch_id = models.UUIDField(null=True)
    created_at = models.DateTimeField()

    status = models.CharField(max_length=10, choices=AttachmentStatus.choices, default=AttachmentStatus.PENDING)
    attempts = models.PositiveIntegerField(default=0)
    # NULL: nothing is due; the row waits for its campaign's approval or for its order, or has come to its end.
    next_attempt_at = models.DateTimeField(null=True)
    # The carrier order that the row was last part of. Orders are deleted after a while; their IDs stay here.
    order_id = models.UUIDField(null=True)
    # When a retry, an approval or reconciliation last made the row pending again: maximum ages count from here.
    resumed_at = models.DateTimeField(null=True)
    submitted_at = models.DateTimeField(null=True)
    propagated_at = models.DateTimeField(null=True)
    failure_code = models.CharField(max_length=40, null=True)
    failure_carrier_code = models.CharField(max_length=40, null=True)
    failure_message = models.TextField(null=True)
    # How far the carrier is with each network, in its own words, where it says.
    carrier_steps = models.JSONField(null=True)

    class Meta:
        ordering = ["-created_at", "-id"]
        indexes = [
            models.Index(fields=["phone_number", "-created_at", "-id"], name="numbers_attachment_newest"),
            # By organization, so that claims can take turns among them.
            models.Index(
                fields=["carrier", "organization", "next_attempt_at", "id"],
                name="numbers_attachment_due",
                condition=Q(next_attempt_at__isnull=False),
            ),
            # Of ended orders, too: the page of an order shows its numbers.
            models.Index(fields=["order_id"], name="numbers_attachment_of_order", condition=Q(order_id__isnull=False)),
            models.Index(
                fields=["batch_id", "id"], name="numbers_attachment_batch", condition=Q(batch_id__isnull=False)
            ),
            # What the approval of a campaign makes due.
            models.Index(
                fields=["campaign", "id"],
                name="numbers_attachment_waiting",
                condition=Q(next_attempt_at__isnull=True)
                & (
                    Q(status=AttachmentStatus.PENDING)
                    | Q(status=AttachmentStatus.FAILED, failure_code__in=WAIT_FOR_CAMPAIGN)
                ),
            ),
            models.Index(
                fields=["failure_code", "id"],
                name="numbers_attachment_failed",
                condition=Q(status=AttachmentStatus.FAILED),
            ),
            # A request's ID begins with its time, as the rows do on disk: a small index for what is searched rarely.
            BrinIndex(fields=["request_id"], name="numbers_attachment_request", pages_per_range=32, autosummarize=True),
            # When a number last left a campaign, which dates how long the campaign has had none.
            models.Index(
                fields=["previous_campaign", "created_at"],
                name="numbers_attachment_departure",
                condition=Q(previous_campaign__isnull=False),
            ),
        ]
        # No UNIQUE (organization, id) as elsewhere: nothing refers to history by it, and it is a tenth of its size.
        constraints = [
            models.UniqueConstraint(fields=["phone_number", "id"], name="numbers_campaignattachment_number_id"),
            models.CheckConstraint(
                condition=Q(actor_kind__in=ActorKind.values),
                name="numbers_campaignattachment_actor_kind_known",
            ),
            models.CheckConstraint(
                condition=Q(status__in=AttachmentStatus.values),
                name="numbers_campaignattachment_status_known",
            ),
            # Two orders at once for one number could take effect in either order.
            models.UniqueConstraint(
                fields=["phone_number"],
                condition=Q(status=AttachmentStatus.SUBMITTED),
                name="numbers_campaignattachment_one_in_flight",
            ),
            models.CheckConstraint(
                condition=~Q(status=AttachmentStatus.SUBMITTED)
                | Q(order_id__isnull=False, next_attempt_at__isnull=True),
                name="numbers_campaignattachment_submitted_in_order",
            ),
            # Reconciliation may take a number off a campaign that only the carrier knows, which may lose any.
            models.CheckConstraint(
                condition=Q(campaign__isnull=False)
                | Q(previous_campaign__isnull=False)
                | Q(actor_kind__in=[ActorKind.WORKER, ActorKind.COMMAND, ActorKind.CARRIER]),
                name="numbers_campaignattachment_says_something",
            ),
            models.CheckConstraint(
                condition=Q(campaign__isnull=True)
                | Q(previous_campaign__isnull=True)
                | ~Q(campaign=F("previous_campaign")),
                name="numbers_campaignattachment_is_a_move",
            ),
        ]

    def __str__(self) -> str:
        return f"{'detach' if self.campaign_id is None else 'attach'} of {self.created_at:%Y-%m-%d %H:%M:%S}"
