"""Attach a campaign to a number: the heart of the service."""

from uuid import UUID

from django.db import transaction

from accounts.actors import Actor
from agentmessage.errors import NotFound
from brands.errors import BrandNotVerified
from campaigns.errors import CampaignNotActive
from campaigns.models import Campaign
from campaigns.queries import get_campaign_with_brand
from phone_numbers.errors import NumberNotAssigned
from phone_numbers.models import PhoneNumber
from phone_numbers.services.assignment import move_to_campaign
from phone_numbers.services.locking import lock_phone_number


def attach_campaign(
    *, organization_id: UUID, phone_number_id: UUID | None, campaign_id: UUID, actor: Actor
) -> PhoneNumber:
    """The number, attached to the campaign.

    Attaching the campaign that is already on it changes nothing; another one replaces it in the same moment.
    `phone_number_id` is None where the caller's id was no UUID, so that it fails as rule 5 and hides no rule before it.

    Raises NotFound, CampaignNotActive, BrandNotVerified, NumberNotAssigned: rules 2 to 6 of the product's page
    "Attach a campaign to a phone number", in its order.
    """
    with transaction.atomic(durable=True):
        return apply_attach(
            organization_id=organization_id, phone_number_id=phone_number_id, campaign_id=campaign_id, actor=actor
        )


def apply_attach(
    *, organization_id: UUID, phone_number_id: UUID | None, campaign_id: UUID, actor: Actor
) -> PhoneNumber:
    """`attach_campaign` inside a transaction that the caller has opened. Raises the same."""
    # Campaign and brand are not locked. An expiry that commits after this read is "attached first, expired after", an
    # order that could have been; what the carrier is told is checked again when it is told (docs/adr/0002).
    campaign = check_campaign(get_campaign_with_brand(organization_id=organization_id, campaign_id=campaign_id))
    phone_number = check_phone_number(
        lock_phone_number(organization_id=organization_id, phone_number_id=phone_number_id)
    )

    if phone_number.campaign_id != campaign.id:
        move_to_campaign(phone_number, campaign=campaign, actor=actor)
    return phone_number


def check_campaign(campaign: Campaign | None) -> Campaign:
    """Rules 2 to 4, of one attach and of many: the campaign if it takes numbers.

    None is a campaign that the organization does not have. Raises NotFound, CampaignNotActive, BrandNotVerified.
    """
    if campaign is None:
        raise NotFound
    if not campaign.is_active:
        raise CampaignNotActive
    if not campaign.brand.is_verified:
        raise BrandNotVerified
    return campaign


def check_phone_number(phone_number: PhoneNumber | None) -> PhoneNumber:
    """Rules 5 and 6, of one attach and of many: the locked number if it takes a campaign.

    None is a number that the organization does not have. Raises NotFound, NumberNotAssigned.
    """
    if phone_number is None:
        raise NotFound
    if not phone_number.is_assigned:
        raise NumberNotAssigned
    return phone_number
