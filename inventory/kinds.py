"""The four kinds of entries, and their keys."""

from dataclasses import dataclass

from brands.models import IdentityStatus
from campaigns.models import CampaignStatus, CarrierStatus, Usecase
from inventory.fields import Field, choice, https_url, pattern, string, text, uuid
from phone_numbers.models import NumberState, NumberType


@dataclass(frozen=True, slots=True)
class Kind:
    """Entries of one sort. `unique` are the keys whose values no two entries of the document may share."""

    name: str
    fields: tuple[Field, ...]
    unique: tuple[str, ...]
    # Keys whose values no two entries of one organization may share.
    unique_in_organization: tuple[str, ...] = ()

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns of a row: where it stands, whose it is, the values, and which optional ones were given."""
        return (
            "organization_index",
            "entry_index",
            "organization_id",
            *(field.key for field in self.fields),
            *(f"{field.key}_given" for field in self.fields if not field.is_required),
        )


ORGANIZATIONS = Kind(
    "organizations",
    (
        Field("id", uuid),
        Field("name", text(longest=200)),
        Field("slug", pattern("[a-z0-9][a-z0-9-]{0,62}", "must be 1 to 63 of a-z, 0-9 and -, not starting with -")),
    ),
    unique=("id", "slug"),
)

BRANDS = Kind(
    "brands",
    (
        Field("id", uuid),
        Field("name", text(longest=255)),
        Field("identity_status", choice(IdentityStatus), is_required=False, is_nullable=True),
        Field(
            "tcr_brand_id",
            pattern("B[A-Z0-9]{6}", "must be B and six capitals or digits"),
            is_required=False,
            is_nullable=True,
        ),
    ),
    unique=("id",),
    unique_in_organization=("tcr_brand_id",),
)

CAMPAIGNS = Kind(
    "campaigns",
    (
        Field("id", uuid),
        Field("brand_id", uuid),
        Field("name", text(longest=255)),
        Field("usecase", choice(Usecase)),
        Field("status", choice(CampaignStatus)),
        Field(
            "tcr_campaign_id",
            pattern("C[A-Z0-9]{6}", "must be C and six capitals or digits"),
            is_required=False,
            is_nullable=True,
        ),
        Field("carrier_status", choice(CarrierStatus), is_required=False),
    ),
    unique=("id",),
    unique_in_organization=("tcr_campaign_id",),
)

PHONE_NUMBERS = Kind(
    "phone_numbers",
    (
        Field("id", uuid),
        Field("number", string),
        Field("number_type", choice(NumberType)),
        Field("state", choice(NumberState)),
        Field("label", text(longest=100), is_required=False, is_nullable=True),
        Field("inbound_url", https_url(longest=2048), is_required=False, is_nullable=True),
        Field("status_url", https_url(longest=2048), is_required=False, is_nullable=True),
        Field("campaign_id", uuid, is_required=False, is_nullable=True),
    ),
    unique=("id", "number"),
)

# In the order in which they depend on each other.
OF_AN_ORGANIZATION = (BRANDS, CAMPAIGNS, PHONE_NUMBERS)
ALL = (ORGANIZATIONS, *OF_AN_ORGANIZATION)
