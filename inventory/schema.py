"""What an inventory document may say: its keys, and what each of them accepts (docs/inventory.md)."""

import re
from collections.abc import Callable
from datetime import date
from typing import Annotated, Any, NotRequired
from uuid import UUID

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.validators import RegexValidator
from django.db.models import Model, TextChoices
from pydantic import (
    AfterValidator,
    BeforeValidator,
    ConfigDict,
    GetPydanticSchema,
    StringConstraints,
    ValidationInfo,
    with_config,
)
from pydantic_core import core_schema
from typing_extensions import TypedDict  # Pydantic needs this one before Python 3.12.

from accounts.models import Organization
from agentmessage.ids import HYPHENATED_UUID, parse_uuid
from agentmessage.validators import validate_https_url, validate_label, validate_name
from brands.models import Brand, IdentityStatus, validate_tcr_brand_id
from campaigns.models import Campaign, CampaignStatus, CarrierStatus, Usecase, validate_tcr_campaign_id
from phone_numbers.e164 import to_e164
from phone_numbers.models import NumberState, NumberType

NOT_A_UUID = "is not a UUID, which has 36 characters in the hyphenated form"
NOT_A_DATE = "is not a date like 2027-01-31"
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")

# What values are accepted. The message of an error continues the value: `"x" is not a UUID`.


def _checked(validate: Callable[[str], None]) -> AfterValidator:
    """Call a Django validator."""

    def check(text: str) -> str:
        try:
            validate(text)
        except ValidationError as error:
            raise ValueError(error.message) from error
        return text

    return AfterValidator(check)


def _one_of(choices: type[TextChoices]) -> GetPydanticSchema:
    """Accept the values of a model's field, and return them as plain strings."""
    return GetPydanticSchema(lambda _type, _handler: core_schema.literal_schema(choices.values))


def _name(longest: int) -> AfterValidator:
    def check(text: str) -> None:
        if len(text) > longest:
            raise ValidationError(f"must have at most {longest} characters")
        validate_name(text)

    return _checked(check)


def _uuid(value: object) -> UUID:
    if (found := parse_uuid(value)) is None:
        raise ValueError(NOT_A_UUID)
    return found


def _number(text: str, info: ValidationInfo) -> str:
    try:
        return to_e164(text, number_type=info.data.get("number_type"))
    except ValidationError as error:
        raise ValueError(error.message) from error


def _account(name: str) -> str:
    if name not in settings.CARRIERS:
        raise ValueError(f"must be one of {', '.join(settings.CARRIERS)}")
    return name


def _no_campaign_in_stock(campaign_id: str, info: ValidationInfo) -> str:
    if info.data.get("state") == NumberState.AVAILABLE:
        raise ValueError("must be null: an AVAILABLE number has no campaign")
    return campaign_id


def _date(value: object) -> date:
    if not isinstance(value, str) or not _DATE.fullmatch(value):
        raise ValueError(NOT_A_DATE)
    try:
        return date.fromisoformat(value)
    except ValueError:
        raise ValueError(NOT_A_DATE) from None


def _with_campaign(propagated: bool, info: ValidationInfo) -> bool:
    if propagated and info.data.get("campaign_id") is None:
        raise ValueError("needs a campaign_id, the campaign that the carrier has the number on")
    return propagated


Id = Annotated[UUID, BeforeValidator(_uuid)]
# The same as text in lower case, which is all that COPY needs: it takes a fifth of the time.
TextId = Annotated[str, StringConstraints(pattern=f"^{HYPHENATED_UUID}$", to_lower=True)]
validate_slug = RegexValidator(r"\A[a-z0-9][a-z0-9-]{0,62}\Z", "must be 1 to 63 of a-z, 0-9 and -, not starting with -")
Slug = Annotated[str, _checked(validate_slug)]
TcrBrandId = Annotated[str, _checked(validate_tcr_brand_id)]
TcrCampaignId = Annotated[str, _checked(validate_tcr_campaign_id)]
Number = Annotated[str, AfterValidator(_number)]
Label = Annotated[str, _checked(validate_label)]
Carrier = Annotated[str, AfterValidator(_account)]
Url = Annotated[str, _checked(validate_https_url)]


# What entries have. An optional key that is left out is not in the entry: it keeps what is stored.

_EXACT = ConfigDict(extra="forbid", strict=True)


@with_config(_EXACT)
class BrandEntry(TypedDict):
    """A brand of an organization."""

    id: Id
    name: Annotated[str, _name(255)]
    identity_status: NotRequired[Annotated[str, _one_of(IdentityStatus)] | None]
    tcr_brand_id: NotRequired[TcrBrandId | None]


@with_config(_EXACT)
class CampaignEntry(TypedDict):
    """A campaign of a brand of the same organization."""

    id: Id
    brand_id: Id
    name: Annotated[str, _name(255)]
    usecase: Annotated[str, _one_of(Usecase)]
    status: Annotated[str, _one_of(CampaignStatus)]
    tcr_campaign_id: NotRequired[TcrCampaignId | None]
    carrier_status: NotRequired[Annotated[str, _one_of(CarrierStatus)]]
    expiration_date: NotRequired[Annotated[date, BeforeValidator(_date)] | None]
    number_pool: NotRequired[bool]


@with_config(_EXACT)
class PhoneNumberEntry(TypedDict):
    """A number of an organization, or in stock. The type comes before the number, which has to agree with it."""

    id: TextId
    number_type: Annotated[str, _one_of(NumberType)]
    number: Number
    state: Annotated[str, _one_of(NumberState)]
    carrier: NotRequired[Carrier]
    label: NotRequired[Label | None]
    inbound_url: NotRequired[Url | None]
    status_url: NotRequired[Url | None]
    campaign_id: NotRequired[Annotated[TextId, AfterValidator(_no_campaign_in_stock)] | None]
    propagated: NotRequired[Annotated[bool, AfterValidator(_with_campaign)]]


@with_config(_EXACT)
class OrganizationEntry(TypedDict):
    """An organization with its brands, campaigns and numbers."""

    id: Id
    name: Annotated[str, _name(200)]
    slug: Slug
    brands: NotRequired[list[BrandEntry]]
    campaigns: NotRequired[list[CampaignEntry]]
    phone_numbers: NotRequired[list[PhoneNumberEntry]]


@with_config(_EXACT)
class Document(TypedDict):
    """A whole document."""

    organizations: list[OrganizationEntry]


KINDS: dict[str, Any] = {
    "organizations": OrganizationEntry,
    "brands": BrandEntry,
    "campaigns": CampaignEntry,
    "phone_numbers": PhoneNumberEntry,
}
# The kinds that are few and go by the ORM, in the order in which they depend on each other, and their rows by ID.
MODELS: dict[str, type[Model]] = {"organizations": Organization, "brands": Brand, "campaigns": Campaign}
Stored = dict[str, dict[UUID, Any]]
# Keys whose values no two entries of a document may share, and keys whose values no two of an organization may share.
UNIQUE = (
    ("organizations", "id"),
    ("organizations", "slug"),
    ("brands", "id"),
    ("campaigns", "id"),
    ("phone_numbers", "id"),
    ("phone_numbers", "number"),
)
UNIQUE_IN_ORGANIZATION = (("brands", "tcr_brand_id"), ("campaigns", "tcr_campaign_id"))
