"""Attach a campaign to a phone number, or detach it: the rules, in their order."""

from collections.abc import Iterable
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models import Count

from accounts.actors import Actor
from agentmessage.errors import (
    BrandNotVerified,
    CampaignNotActive,
    CampaignNumberLimit,
    NotFound,
    NumberNotAssigned,
    NumberTypeNotEligible,
)
from campaigns.models import Campaign
from campaigns.selectors import get_campaign_with_brand, lock_campaigns
from phone_numbers.models import PhoneNumber
from phone_numbers.services.assignment import move_to_campaign
from phone_numbers.services.locking import Precondition, lock_phone_number


def attach_campaign(
    *,
    organization_id: UUID,
    phone_number_id: UUID | None,
    campaign_id: UUID,
    actor: Actor,
    precondition: Precondition | None = None,
    durable: bool = True,
) -> PhoneNumber:
    """Attach a campaign to a phone number.

    Nothing changes if it is attached already. Another campaign is replaced in the same moment.

    Args:
        phone_number_id: None for a malformed ID. It counts as rule 5, so it is checked after rules 1 to 4.
        precondition: Called with the locked number before it changes. What it raises refuses the attach.
        durable: False in a transaction that the caller has opened.

    Returns:
        The current number.

    Raises:
        NotFound, CampaignNotActive, BrandNotVerified, NumberNotAssigned: The first of rules 2 to 6 that is broken.
        NumberTypeNotEligible, CampaignNumberLimit: Rules that the operator may add (ATTACH_NUMBER_TYPES,
            ENFORCE_CAMPAIGN_LIMIT).
    """
    with transaction.atomic(durable=durable):
        # Campaign and brand are not locked. If the campaign expires after this read, that equals an attach just before
        # the expiry, and propagation checks again (docs/adr/0002).
        campaign = check_campaign(get_campaign_with_brand(organization_id=organization_id, campaign_id=campaign_id))
        phone_number = check_phone_number(
            lock_phone_number(organization_id=organization_id, phone_number_id=phone_number_id)
        )
        if precondition is not None:
            precondition(phone_number)

        check_number_type(phone_number)

        if phone_number.campaign_id != campaign.id:
            CampaignRoom([campaign]).move(phone_number, campaign)
            move_to_campaign(phone_number, campaign=campaign, actor=actor)
    return phone_number


def check_campaign(campaign: Campaign | None) -> Campaign:
    """Check rules 2 to 4, for one attach and for many. None is a campaign that the organization does not have."""
    if campaign is None:
        raise NotFound
    if not campaign.is_active:
        raise CampaignNotActive
    if not campaign.brand.is_verified:
        raise BrandNotVerified
    return campaign


def check_phone_number(phone_number: PhoneNumber | None) -> PhoneNumber:
    """Check rules 5 and 6 on a locked number. None is a number that the organization does not have."""
    if phone_number is None:
        raise NotFound
    if not phone_number.is_assigned:
        raise NumberNotAssigned
    return phone_number


def check_number_type(phone_number: PhoneNumber) -> None:
    """Check `ATTACH_NUMBER_TYPES`. Raises NumberTypeNotEligible."""
    if phone_number.number_type not in settings.ATTACH_NUMBER_TYPES:
        raise NumberTypeNotEligible


class CampaignRoom:
    """The places that are left on limited campaigns, as moves of one transaction take and free them.

    Empty unless `ENFORCE_CAMPAIGN_LIMIT` is on. Until the transaction ends, the campaigns are locked, so that the last
    place is taken once. Numbers are locked first, everywhere.
    """

    def __init__(self, campaigns: Iterable[Campaign], *, lock: bool = True) -> None:
        self._left: dict[UUID, int] = {}
        if not settings.ENFORCE_CAMPAIGN_LIMIT:
            return
        limits = {campaign.id: limit for campaign in campaigns if (limit := campaign.number_limit) is not None}
        if not limits:
            return
        if lock:
            lock_campaigns(limits)
        counted = PhoneNumber.objects.filter(campaign_id__in=limits).order_by().values_list("campaign_id")
        taken = dict(counted.annotate(Count("id")))
        self._left = {campaign_id: limit - taken.get(campaign_id, 0) for campaign_id, limit in limits.items()}

    def move(self, phone_number: PhoneNumber, campaign: Campaign) -> None:
        """Take a place on the campaign and free the number's present one. Raises CampaignNumberLimit."""
        if campaign.id in self._left:
            if self._left[campaign.id] <= 0:
                raise CampaignNumberLimit
            self._left[campaign.id] -= 1
        if phone_number.campaign_id in self._left:
            self._left[phone_number.campaign_id] += 1


def detach_campaign(
    *, organization_id: UUID, phone_number_id: UUID, actor: Actor, precondition: Precondition | None = None
) -> tuple[PhoneNumber, bool]:
    """Take a number off its campaign. The carrier is notified afterwards.

    Returns:
        The current number, and whether there was a campaign to detach.

    Raises:
        NotFound, NumberNotAssigned: Rules 5 and 6 of the attach. Then what `precondition` raises.
    """
    with transaction.atomic(durable=True):
        phone_number = check_phone_number(
            lock_phone_number(organization_id=organization_id, phone_number_id=phone_number_id)
        )
        if precondition is not None:
            precondition(phone_number)
        was_attached = phone_number.campaign_id is not None
        if was_attached:
            move_to_campaign(phone_number, campaign=None, actor=actor)
    return phone_number, was_attached
