"""Brands, in TCR's words."""

from django.core.validators import RegexValidator
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from accounts.models import Organization
from agentmessage.ids import uuid7
from agentmessage.validators import validate_name

# Seven capitals and digits in TCR's own form; carriers import IDs of up to twelve.
TCR_BRAND_ID = "B[A-Z0-9]{6,11}"
validate_tcr_brand_id = RegexValidator(rf"\A{TCR_BRAND_ID}\Z", "must be B and 6 to 11 capitals or digits")


class IdentityStatus(models.TextChoices):
    """What TCR says of the brand's identity. Unset while TCR is looking it up."""

    SELF_DECLARED = "SELF_DECLARED"
    UNVERIFIED = "UNVERIFIED"
    VERIFIED = "VERIFIED"
    VETTED_VERIFIED = "VETTED_VERIFIED"


VERIFIED = (IdentityStatus.VERIFIED, IdentityStatus.VETTED_VERIFIED)


class Brand(models.Model):
    """A business that an organization has registered with The Campaign Registry."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    organization = models.ForeignKey(Organization, on_delete=models.PROTECT, related_name="brands", db_index=False)
    name = models.CharField(max_length=255, validators=[validate_name])
    tcr_brand_id = models.CharField(
        "TCR brand id", max_length=12, null=True, blank=True, validators=[validate_tcr_brand_id]
    )
    identity_status = models.CharField(max_length=20, choices=IdentityStatus.choices, null=True, blank=True)
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    updated_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        ordering = ["name", "id"]
        indexes = [
            models.Index(fields=["organization", "-created_at", "-id"], name="brands_brand_newest"),
        ]
        constraints = [
            models.UniqueConstraint(fields=["organization", "id"], name="brands_brand_organization_id"),
            models.UniqueConstraint(
                fields=["organization", "tcr_brand_id"],
                name="brands_brand_tcr_brand_id_once",
                violation_error_message="The organization has a brand of this id already.",
            ),
            models.CheckConstraint(
                condition=~Q(name=""),
                name="brands_brand_name_not_empty",
                violation_error_message="A brand has a name.",
            ),
            models.CheckConstraint(
                condition=Q(identity_status__in=IdentityStatus.values),
                name="brands_brand_identity_status_known",
                violation_error_message="TCR has no such status.",
            ),
            models.CheckConstraint(
                condition=Q(tcr_brand_id__regex=rf"^{TCR_BRAND_ID}$"),
                name="brands_brand_tcr_brand_id_form",
                violation_error_message="B and 6 to 11 capitals or digits, as in BABC123.",
            ),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def is_verified(self) -> bool:
        """Whether campaigns of the brand may take numbers (rule 4 of the attach). Unset is not verified."""
        return self.identity_status in VERIFIED
