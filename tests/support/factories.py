"""Worlds for tests, one row at a time. Every number, slug and TCR id is new."""

from typing import Any

import factory
from factory.django import DjangoModelFactory

from accounts.models import ApiKey, Operator, Organization, Scope
from accounts.services import create_api_key
from brands.models import Brand, IdentityStatus
from campaigns.models import Campaign, CampaignStatus, CarrierStatus, Usecase
from phone_numbers.models import LineOptionStatus, NumberState, NumberType, PhoneNumber


class OrganizationFactory(DjangoModelFactory[Organization]):
    """A tenant."""

    class Meta:
        model = Organization

    name = factory.Sequence(lambda n: f"Organization {n}")
    slug = factory.Sequence(lambda n: f"organization-{n}")


class BrandFactory(DjangoModelFactory[Brand]):
    """A verified brand."""

    class Meta:
        model = Brand

    organization = factory.SubFactory(OrganizationFactory)
    name = factory.Sequence(lambda n: f"Brand {n}")
    identity_status = IdentityStatus.VERIFIED


class CampaignFactory(DjangoModelFactory[Campaign]):
    """An active campaign that the carrier has approved, of a verified brand of the same organization."""

    class Meta:
        model = Campaign

    brand = factory.SubFactory(BrandFactory)
    organization = factory.SelfAttribute("brand.organization")
    name = factory.Sequence(lambda n: f"Campaign {n}")
    usecase = Usecase.CUSTOMER_CARE
    status = CampaignStatus.ACTIVE
    carrier_status = CarrierStatus.APPROVED


class PhoneNumberFactory(DjangoModelFactory[PhoneNumber]):
    """An assigned local number with no campaign. With a trait, `in_stock=True`, another one."""

    class Meta:
        model = PhoneNumber

    class Params:
        in_stock = factory.Trait(organization=None, state=NumberState.AVAILABLE)
        porting = factory.Trait(state=NumberState.PENDING)
        quarantined = factory.Trait(state=NumberState.QUARANTINED)
        toll_free = factory.Trait(
            number=factory.Sequence(lambda n: f"+1800{n + 2_000_000:07d}"), number_type=NumberType.TOLL_FREE
        )
        # On `campaign`, which the carrier has confirmed, but without history.
        propagated = factory.Trait(
            organization=factory.SelfAttribute("campaign.organization"),
            carrier_line_option_status=LineOptionStatus.PROPAGATED,
        )

    organization = factory.SubFactory(OrganizationFactory)
    number = factory.Sequence(lambda n: f"+1919{n + 2_000_000:07d}")
    number_type = NumberType.LOCAL
    state = NumberState.ASSIGNED


class OperatorFactory(DjangoModelFactory[Operator]):
    """A superuser of the admin."""

    class Meta:
        model = Operator

    username = factory.Sequence(lambda n: f"operator-{n}")
    is_staff = True
    is_superuser = True


def make_key(organization: Organization, *scopes: Scope, **fields: Any) -> tuple[ApiKey, str]:
    """A key with these scopes (numbers:write if none is named) and its plain text."""
    return create_api_key(
        organization_id=organization.id, label="test", scopes=scopes or (Scope.NUMBERS_WRITE,), **fields
    )
