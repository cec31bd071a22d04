"""Judges a batch of rows by the rules of one attach, in the order sent, as if each came after the one before."""

from collections.abc import Collection, Mapping, Sequence
from uuid import UUID

from agentmessage.errors import DomainError
from agentmessage.ids import uuid7
from campaigns.models import Campaign
from phone_numbers.models import PhoneNumber
from phone_numbers.services.assignment import moment_after
from phone_numbers.services.attach import check_campaign, check_phone_number
from phone_numbers.services.bulk.rows import ATTACHED, BUSY, UNCHANGED, Outcome, Row, RowResult
from phone_numbers.services.bulk.writing import Move


def judge_campaigns(campaign_ids: set[UUID], *, organization_id: UUID) -> dict[UUID, Campaign | DomainError]:
    """Each campaign if it takes numbers, or why it does not: read in one statement, judged once."""
    found = Campaign.objects.select_related("brand").filter(organization_id=organization_id).in_bulk(campaign_ids)
    verdicts: dict[UUID, Campaign | DomainError] = {}
    for campaign_id in campaign_ids:
        try:
            verdicts[campaign_id] = check_campaign(found.get(campaign_id))
        except DomainError as error:
            verdicts[campaign_id] = error
    return verdicts


def judge_rows(
    rows: Sequence[Row],
    *,
    campaigns: Mapping[UUID, Campaign | DomainError],
    numbers: Mapping[UUID | str, PhoneNumber],
    busy: Collection[UUID | str],
) -> tuple[list[RowResult], list[Move]]:
    """What becomes of each row, and the moves that make it so.

    `numbers` are the locked ones, by what the rows call them; each is changed as its rows say, so that a number that
    stands in several rows moves from the one to the next. `busy` are those that somebody else holds.
    """
    results: list[RowResult] = []
    moves: list[Move] = []
    for row in rows:
        campaign = campaigns[row.campaign_id]
        if isinstance(campaign, DomainError):
            results.append(RowResult(Outcome.FAILED, campaign))
            continue
        if row.phone_number in busy:
            results.append(BUSY)
            continue
        try:
            number = check_phone_number(numbers.get(row.phone_number))
        except DomainError as error:
            results.append(RowResult(Outcome.FAILED, error))
            continue
        if number.campaign_id == campaign.id:
            results.append(UNCHANGED)
            continue
        moment = moment_after(number.updated_at)
        moves.append(Move(uuid7(), number.id, number.campaign_id, campaign, moment))
        number.campaign_id = campaign.id
        number.updated_at = moment
        results.append(ATTACHED)
    return results, moves
