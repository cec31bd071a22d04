"""Warn of what a move would cost: a preview collects its moves here and gets messages. Nothing is locked."""

from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from django.db import models
from django.db.models import Count, Q
from django.db.models.functions import Now

from campaigns.models import Campaign
from phone_numbers.models import NumberType, PhoneNumber
from phone_numbers.services.bulk_attach import Outcome, RowResult
from phone_numbers.services.locking import matching_phone_numbers

# T-Mobile charges for a campaign without a number in a rolling 60 days.
FEE_SOURCE = "https://www.bandwidth.com/support/en/articles/12823101"
_OFTEN_DAYS, _OFTEN_MOVES = 30, 3


class WarningCode(models.TextChoices):
    """What a preview warns of, in the order in which warnings are listed."""

    LAST_NUMBER_LEAVES = "LAST_NUMBER_LEAVES"
    CAMPAIGN_NUMBER_LIMIT = "CAMPAIGN_NUMBER_LIMIT"
    NUMBER_TYPE_NOT_ELIGIBLE = "NUMBER_TYPE_NOT_ELIGIBLE"
    MOVED_OFTEN = "MOVED_OFTEN"


@dataclass(frozen=True, slots=True)
class MoveWarning:
    """One consequence of the moves that the rules allow but that may cost money."""

    code: WarningCode
    message: str
    numbers: int
    """How many of the numbers it is about."""
    campaign_id: UUID | None = None


Previewed = tuple[UUID | str, UUID | None, UUID | None]
"""A number, by ID or as it is stored, and the campaigns from which and to which it would go. None is no campaign."""


def previewed(results: Iterable[tuple[UUID | str, UUID | None, RowResult]]) -> list[Previewed]:
    """Return the moves among the results of a dry run, each given with its number and its target."""
    return [
        (name, result.previous_campaign_id, target)
        for name, target, result in results
        if result.outcome is Outcome.ATTACHED
    ]


class MoveWarnings:
    """The moves of one preview, added batch by batch, and what they would lead to."""

    def __init__(self, organization_id: UUID | None) -> None:
        self._organization_id = organization_id
        self.moves: Counter[tuple[UUID | None, UUID | None]] = Counter()
        self._often = self._not_local = 0

    def add(self, moves: Collection[Previewed]) -> None:
        """Add moves that the preview has found possible."""
        self.moves.update((origin, target) for _, origin, target in moves)
        names = {name for name, _, target in moves if target is not None}
        if not names:
            return
        numbers = matching_phone_numbers(organization_id=self._organization_id, names=names).order_by()
        lately = Q(attachments__created_at__gt=Now() - timedelta(days=_OFTEN_DAYS), attachments__campaign__isnull=False)
        moved = numbers.filter(lately).values("id").annotate(moves=Count("id"))
        self._often += moved.filter(moves__gte=_OFTEN_MOVES - 1).count()
        self._not_local += numbers.exclude(number_type=NumberType.LOCAL).count()

    def found(self) -> list[MoveWarning]:
        """Return the warnings of everything that was added, by code and then by the campaign's name."""
        order = list(WarningCode)
        return sorted(self._found(), key=lambda warning: order.index(warning.code))

    def _found(self) -> Iterator[MoveWarning]:
        change: Counter[UUID] = Counter()
        for (origin, target), count in self.moves.items():
            if origin is not None:
                change[origin] -= count
            if target is not None:
                change[target] += count
        within = Q(organization_id=self._organization_id)
        campaigns = Campaign.objects.filter(within, id__in=change).order_by("name", "id")
        on = PhoneNumber.objects.filter(within, campaign_id__in=change)
        before = dict(on.order_by().values_list("campaign_id").annotate(n=Count("id")))
        for campaign in campaigns:
            had, moved = before.get(campaign.id, 0), change[campaign.id]
            if had + moved <= 0 < had:
                yield MoveWarning(
                    WarningCode.LAST_NUMBER_LEAVES,
                    f"The last number leaves {campaign.name}. T-Mobile charges 250 dollars for a campaign that has "
                    f"no number for 60 days ({FEE_SOURCE}).",
                    -moved,
                    campaign.id,
                )
            limit = campaign.number_limit
            if limit is not None and moved > 0 and had + moved > limit:
                yield MoveWarning(
                    WarningCode.CAMPAIGN_NUMBER_LIMIT,
                    f"{campaign.name} would have {had + moved:,} numbers; carriers allow {limit:,} without a "
                    "number pool.",
                    had + moved - limit,
                    campaign.id,
                )
        if self._not_local:
            yield MoveWarning(
                WarningCode.NUMBER_TYPE_NOT_ELIGIBLE,
                f"{_are(self._not_local)} not local: only local numbers send under a 10DLC campaign.",
                self._not_local,
            )
        if self._often:
            yield MoveWarning(
                WarningCode.MOVED_OFTEN,
                f"{_are(self._often)} attached for the third time in {_OFTEN_DAYS} days. T-Mobile may charge 1,000 "
                f"dollars for program evasion, unauthorized number replacement included ({FEE_SOURCE}).",
                self._often,
            )


def _are(count: int) -> str:
    return "1 number is" if count == 1 else f"{count:,} numbers are"
