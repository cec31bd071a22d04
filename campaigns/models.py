"""10DLC campaigns, in TCR's words."""

from django.conf import settings
from django.core.validators import RegexValidator
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from accounts.models import Organization
from agentmessage.ids import uuid7
from agentmessage.validators import validate_name
from brands.models import Brand

# Seven capitals and digits in TCR's own form; carriers import IDs of up to twelve.
TCR_CAMPAIGN_ID = "C[A-Z0-9]{6,11}"
validate_tcr_campaign_id = RegexValidator(rf"\A{TCR_CAMPAIGN_ID}\Z", "must be C and 6 to 11 capitals or digits")


class CampaignStatus(models.TextChoices):
    """The campaign's status with TCR."""

    PENDING = "PENDING"
    ACTIVE = "ACTIVE"
    REJECTED = "REJECTED"
    EXPIRED = "EXPIRED"


class CarrierStatus(models.TextChoices):
    """Whether the carrier side takes the campaign's traffic; apart from its status with TCR."""

    PENDING = "PENDING"
    APPROVED = "APPROVED"
    REJECTED = "REJECTED"
    SUSPENDED = "SUSPENDED"


class Usecase(models.TextChoices):
    """TCR's use cases, standard ones first."""

    TWO_FA = "2FA", "2FA"
    ACCOUNT_NOTIFICATION = "ACCOUNT_NOTIFICATION"
    CUSTOMER_CARE = "CUSTOMER_CARE"
    DELIVERY_NOTIFICATION = "DELIVERY_NOTIFICATION"
    FRAUD_ALERT = "FRAUD_ALERT"
    HIGHER_EDUCATION = "HIGHER_EDUCATION"
    LOW_VOLUME = "LOW_VOLUME"
    MARKETING = "MARKETING"
    MIXED = "MIXED"
    POLLING_VOTING = "POLLING_VOTING"
    PUBLIC_SERVICE_ANNOUNCEMENT = "PUBLIC_SERVICE_ANNOUNCEMENT"
    SECURITY_ALERT = "SECURITY_ALERT"
    AGENTS_FRANCHISES = "AGENTS_FRANCHISES"
    CARRIER_EXEMPT = "CARRIER_EXEMPT"
    CHARITY = "CHARITY"
    EMERGENCY = "EMERGENCY"
    K12_EDUCATION = "K12_EDUCATION"
    M2M = "M2M"
    POLITICAL = "POLITICAL"
    PROXY = "PROXY"
    SOCIAL = "SOCIAL"
    SOLE_PROPRIETOR = "SOLE_PROPRIETOR"
    SWEEPSTAKE = "SWEEPSTAKE"
    TRIAL = "TRIAL"
    UCAAS_HIGH = "UCAAS_HIGH"
    UCAAS_LOW = "UCAAS_LOW"


class Campaign(models.Model):
    """What one brand of an organization is registered to send.

    `status` is TCR's word and decides whether numbers can be attached; `carrier_status` is the carrier's, and decides
    only when the carrier is notified of them. An operator's suspension overrides it without replacing it: what the
    carrier decides meanwhile holds once the suspension ends.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    organization = models.ForeignKey(Organization, on_delete=models.PROTECT, related_name="campaigns", db_index=False)
    # The composite foreign key (organization, brand) of the first migration replaces the simple one.
    brand = models.ForeignKey(Brand, on_delete=models.PROTECT, related_name="campaigns", db_constraint=False)
    name = models.CharField(max_length=255, validators=[validate_name])
    usecase = models.CharField("use case", max_length=40, choices=Usecase.choices)
    description = models.TextField(blank=True, default="")
    tcr_campaign_id = models.CharField(
        "TCR campaign id", max_length=12, null=True, blank=True, validators=[validate_tcr_campaign_id]
    )
    status = models.CharField(max_length=10, choices=CampaignStatus.choices, default=CampaignStatus.PENDING)
    carrier_status = models.CharField(max_length=10, choices=CarrierStatus.choices, default=CarrierStatus.PENDING)
    # The carrier's word by network ID, where it says; `carriers.base.CampaignApproval` derives `carrier_status`.
    mno_metadata = models.JSONField("status by network", default=dict, db_default={}, editable=False)
    # An operator's suspension is in force while it has a reason, whatever `carrier_status` becomes.
    suspension_reason = models.CharField(max_length=500, blank=True, default="", db_default="")
    suspended_until = models.DateTimeField(null=True, blank=True)
    suspended_by = models.CharField(max_length=150, blank=True, default="", db_default="", editable=False)
    suspended_at = models.DateTimeField(null=True, blank=True, editable=False)
    expiration_date = models.DateField(null=True, blank=True)
    number_pool = models.BooleanField(
        default=False, help_text="The carriers have approved a number pool, so the campaign has no limit of numbers."
    )
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    updated_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        ordering = ["name", "id"]
        indexes = [
            models.Index(fields=["organization", "-created_at", "-id"], name="campaigns_campaign_newest"),
        ]
        constraints = [
            models.UniqueConstraint(fields=["organization", "id"], name="campaigns_campaign_organization_id"),
            models.UniqueConstraint(
                fields=["organization", "tcr_campaign_id"],
                name="campaigns_campaign_tcr_campaign_id_once",
                violation_error_message="The organization has a campaign of this id already.",
            ),
            models.CheckConstraint(
                condition=~Q(name=""),
                name="campaigns_campaign_name_not_empty",
                violation_error_message="A campaign has a name.",
            ),
            models.CheckConstraint(
                condition=Q(usecase__in=Usecase.values),
                name="campaigns_campaign_usecase_known",
                violation_error_message="TCR has no such use case.",
            ),
            models.CheckConstraint(
                condition=Q(status__in=CampaignStatus.values),
                name="campaigns_campaign_status_known",
                violation_error_message="TCR has no such status.",
            ),
            models.CheckConstraint(
                condition=Q(carrier_status__in=CarrierStatus.values),
                name="campaigns_campaign_carrier_status_known",
                violation_error_message="There is no such status.",
            ),
            models.CheckConstraint(
                condition=Q(tcr_campaign_id__regex=rf"^{TCR_CAMPAIGN_ID}$"),
                name="campaigns_campaign_tcr_campaign_id_form",
                violation_error_message="C and 6 to 11 capitals or digits, as in CABC123.",
            ),
            models.CheckConstraint(
                condition=~Q(suspension_reason="") | Q(suspended_until__isnull=True),
                name="campaigns_campaign_suspension_reason",
                violation_error_message="A suspension that ends has a reason.",
            ),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def is_active(self) -> bool:
        """Whether the campaign may take numbers (rule 3 of the attach)."""
        return self.status == CampaignStatus.ACTIVE

    @property
    def number_limit(self) -> int | None:
        """The most numbers that carriers allow on the campaign; None: no limit.

        A sole proprietor's campaign has one number. T-Mobile allows 49 without a number pool.
        """
        if self.usecase == Usecase.SOLE_PROPRIETOR:
            return 1
        return None if self.number_pool else int(settings.CAMPAIGN_NUMBER_LIMIT)

    @property
    def effective_carrier_status(self) -> str:
        """What holds for the campaign's numbers: an operator's suspension, or else the carrier's word."""
        return CarrierStatus.SUSPENDED if self.suspension_reason else self.carrier_status

    @property
    def is_carrier_approved(self) -> bool:
        """Whether the carrier can be notified of the campaign's numbers now."""
        return self.effective_carrier_status == CarrierStatus.APPROVED

    @property
    def awaits_carrier(self) -> bool:
        """Whether the carrier has yet to decide on the campaign: its numbers wait for that."""
        return self.effective_carrier_status == CarrierStatus.PENDING
