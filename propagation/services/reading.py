"""Read what the carrier has of numbers and campaigns, in pieces, and store it before anything is compared.

One bad answer costs one row: it is skipped and counted. A reading that was interrupted continues where it stopped.
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from time import sleep
from typing import Any, TypeVar
from uuid import UUID

from django.conf import settings
from django.db import connection, transaction
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.db.models.functions import Now

from agentmessage.db.session import database_now
from campaigns.models import Campaign, CampaignStatus
from carriers.base import (
    AssignmentPage,
    AssignmentState,
    CampaignApproval,
    Carrier,
    CarrierRefused,
    CarrierUnavailable,
    Deadline,
    ListUnavailable,
)
from phone_numbers.models import LineOptionStatus, NumberState, PhoneNumber
from propagation.models import CarrierAnswer, CarrierReading
from propagation.services.calling import RateLimited, wait_for_campaign_lookup
from propagation.services.drift import Extent, run_limit
from propagation.services.record import AttachmentFailure

T = TypeVar("T")

ERRORS_IN_A_ROW = 10
_TRIES = 3
_MAX_PAUSE_SECONDS = 60.0
_BATCH = 1000

# A number that the complete list lacks is on no campaign, unless it is of a type that such lists do not have.
_ADD_UNLISTED = """
INSERT INTO propagation_carrieranswer (reading_id, phone_number_id, answer, is_known, asked_at)
SELECT %(reading)s, p.id, NULL, p.number_type = 'local', %(started_at)s
FROM numbers_phonenumber p
WHERE p.organization_id IS NOT NULL AND p.state <> 'LOST' AND p.carrier = %(account)s
  AND (%(organization)s::uuid IS NULL OR p.organization_id = %(organization)s)
  AND (p.carrier_line_option_status IS NULL AND %(with_detached)s
       OR p.carrier_line_option_status = 'propagated' AND (%(with_attached)s OR p.number_type <> 'local'))
  AND NOT EXISTS (
      SELECT 1 FROM propagation_carrieranswer a WHERE a.reading_id = %(reading)s AND a.phone_number_id = p.id
  )
"""

NOT_LOST = ~Q(state=NumberState.LOST)
Row = tuple[Any, ...]
"""The ID of a number or campaign, then how the carrier names it."""
Answers = Mapping[str, str | CampaignApproval | None]
"""By number or TCR ID. What is absent, the carrier does not say."""


def ignore(_reported: object) -> None:
    """Do nothing with what a run reports."""


class OutOfTime(Exception):
    """The deadline has passed. The reading continues later."""


class TooManyErrors(Exception):
    """So many rows in a row had no answer that it is the carrier, not the rows. The reading continues later."""


class ReadingTaken(Exception):
    """Another process continues this reading."""

    def __init__(self) -> None:
        super().__init__("Another process is doing the same at this moment.")


def open_reading(
    subject: CarrierReading.Subject,
    carrier: Carrier,
    *,
    organization_id: UUID | None = None,
    is_dry_run: bool = False,
    since: datetime | None = None,
    max_age: timedelta = timedelta(days=1),
) -> CarrierReading | None:
    """Return the unfinished reading of this kind, or else a new one; None if one was started at or after `since`.

    An unfinished one that is older than `max_age` is dropped: what it has read is too old.
    """
    of_whom = Q(organization_id=organization_id) if organization_id else Q(organization__isnull=True)
    readings = CarrierReading.objects.filter(of_whom, subject=subject, carrier=carrier.name, is_dry_run=is_dry_run)
    readings.filter(ended_at__isnull=True, started_at__lt=Now() - max_age).delete()
    unfinished = readings.filter(ended_at__isnull=True).first()
    if unfinished is not None:
        return unfinished
    if since is not None and readings.filter(started_at__gte=since).exists():
        return None
    reading = CarrierReading.objects.create(
        subject=subject, carrier=carrier.name, organization_id=organization_id, is_dry_run=is_dry_run
    )
    reading.refresh_from_db()
    return reading


def end_reading(reading: CarrierReading, extent: Extent, *, is_forced: bool) -> None:
    """Record what came of the reading, and delete what it has read; of a dry run, delete everything."""
    if reading.is_dry_run:
        reading.delete()
        return
    with transaction.atomic(durable=True):
        reading.answers.all().delete()
        CarrierReading.objects.filter(id=reading.id).update(
            compared=extent.compared,
            drifted=extent.drifted,
            left=0 if extent.excess is None or is_forced else extent.drifted,
            ended_at=Now(),
        )


class Asker:
    """Calls the carrier for work that has no queue to return to, and keeps count of its errors."""

    def __init__(self, deadline: Deadline | None = None) -> None:
        self._deadline = deadline
        self._errors = 0

    def ask(self, call: Callable[[], T]) -> T:
        """Call, and retry while the carrier is unavailable. To wait for the rate limiter is not an error.

        Raises OutOfTime, CarrierRefused, CarrierUnavailable.
        """
        tries = 0
        while True:
            self.check_time()
            try:
                answer = call()
            except RateLimited as limited:
                self._pause(limited.retry_after or 1.0)
            except CarrierUnavailable as unavailable:
                tries += 1
                if tries == _TRIES:
                    raise
                self._pause(unavailable.retry_after or 2.0 ** (tries - 1))
            else:
                self._errors = 0
                return answer

    def count_error(self, error: CarrierRefused | CarrierUnavailable) -> None:
        """Count one more row in a row that has no answer. Raises TooManyErrors."""
        if isinstance(error, CarrierRefused):
            AttachmentFailure.from_carrier(error.failure).log_for_operator()
        self._errors += 1
        if self._errors == ERRORS_IN_A_ROW:
            raise TooManyErrors(str(error)) from error

    def check_time(self) -> None:
        """Raise OutOfTime if the deadline has passed."""
        if self._deadline is not None and not self._deadline.seconds_left:
            raise OutOfTime

    def _pause(self, seconds: float) -> None:
        left = _MAX_PAUSE_SECONDS if self._deadline is None else self._deadline.seconds_left
        sleep(min(seconds, left, _MAX_PAUSE_SECONDS))


@dataclass(frozen=True)
class Reader:
    """Reads for one reading, until it is complete.

    Every step is committed together with how far it got. `progress` is called with the number of rows it concerned.
    """

    _reading: CarrierReading
    _carrier: Carrier
    _asker: Asker
    _progress: Callable[[int], object] = ignore

    def read(self) -> None:
        """Complete the reading. Raises OutOfTime, TooManyErrors, ReadingTaken."""
        if self._reading.read_at is not None:
            return
        if self._reading.subject == CarrierReading.Subject.NUMBERS:
            self._read_list()
            look_up = partial(self._look_up_some, "phone_number_id", self._campaigns)
            self._look_up_all(_settled(self._reading).values_list("id", "number"), self._carrier.lookup_size, look_up)
        else:
            look_up = partial(self._look_up_some, "campaign_id", self._statuses)
            unread = CarrierAnswer.objects.filter(reading=self._reading, campaign_id=OuterRef("id"))
            self._look_up_all(_decidable(self._reading).filter(~Exists(unread)), 1, look_up)
        self._advance(read_at=database_now())

    def read_campaigns(self, tcr_campaign_ids: Collection[str]) -> None:
        """Read some campaigns, again if need be. Raises OutOfTime, TooManyErrors, ReadingTaken."""
        for row in _decidable(self._reading).filter(tcr_campaign_id__in=tcr_campaign_ids):
            self._look_up_some("campaign_id", self._statuses, [row])

    def _read_list(self) -> None:
        ahead = 0
        while self._reading.position is not None:
            asked_at = database_now()
            position = self._reading.position + ahead * self._carrier.page_step
            try:
                page = self._asker.ask(partial(_first_page, self._carrier, position))
            except ListUnavailable:
                self._advance(position=None)
            except (CarrierRefused, CarrierUnavailable) as error:
                # Skipped only if a later page can be read: numbers that no page has are looked up one by one.
                ahead += 1
                self._asker.count_error(error)
            else:
                skipped, ahead = self._reading.skipped + ahead * self._carrier.page_size, 0
                self._store_page(page, asked_at, skipped)

    def _store_page(self, page: AssignmentPage, asked_at: datetime, skipped: int) -> None:
        listed = {assignment.number: assignment for assignment in page.assignments}
        ours = _of_reading(
            PhoneNumber.objects.filter(
                NOT_LOST, number__in=listed, organization__isnull=False, carrier=self._reading.carrier
            ),
            self._reading,
        )
        answers = []
        for phone_number_id, number in ours.values_list("id", "number"):
            state = listed[number].state
            answers.append(
                CarrierAnswer(
                    phone_number_id=phone_number_id,
                    answer=listed[number].tcr_campaign_id if state is AssignmentState.ASSIGNED else None,
                    is_known=state in (AssignmentState.ASSIGNED, AssignmentState.FAILED),
                )
            )
        with transaction.atomic(durable=True):
            self._store("phone_number_id", answers, asked_at)
            if page.next_position is None:
                self._add_unlisted(skipped)
            self._advance(position=page.next_position, skipped=skipped)
        self._progress(len(page.assignments))

    def _add_unlisted(self, skipped: int) -> None:
        """Store that numbers are on no campaign that the list lacks. The attached among them are looked up first.

        The list may have changed while it was read. They are not looked up if so many are missing that the run stops.
        """
        unlisted = _settled(self._reading).filter(carrier_line_option_status=LineOptionStatus.PROPAGATED).count()
        compared = self._reading.answers.count() + unlisted
        with connection.cursor() as cursor:
            cursor.execute(
                _ADD_UNLISTED,
                {
                    "reading": self._reading.id,
                    "account": self._reading.carrier,
                    "organization": self._reading.organization_id,
                    "started_at": self._reading.started_at,
                    "with_detached": skipped == 0,
                    "with_attached": unlisted > run_limit(compared) + skipped,
                },
            )

    def _look_up_all(
        self,
        rows: QuerySet[Any, Any],
        size: int,
        look_up: Callable[[Sequence[Row]], None],
    ) -> None:
        while True:
            last_id = self._reading.last_id or UUID(int=0)
            batch: list[Row] = list(rows.filter(id__gt=last_id).order_by("id")[:_BATCH])
            for start in range(0, len(batch), size):
                look_up(batch[start : start + size])
            if batch:
                continue
            if self._reading.is_second_pass or not self._reading.unreadable:
                return
            self._advance(last_id=None, is_second_pass=True, unreadable=0)

    def _look_up_some(self, key: str, ask: Callable[[Sequence[Row]], Answers], rows: Sequence[Row]) -> None:
        asked_at = database_now()
        try:
            answers = self._asker.ask(partial(ask, rows))
        except (CarrierRefused, CarrierUnavailable) as error:
            if len(rows) > 1:
                # One of them may be the reason.
                half = len(rows) // 2
                self._look_up_some(key, ask, rows[:half])
                self._look_up_some(key, ask, rows[half:])
                return
            self._advance(last_id=rows[-1][0], unreadable=self._reading.unreadable + 1)
            self._asker.count_error(error)
            return
        with transaction.atomic(durable=True):
            stored = [_answer(key, row_id, answers.get(name), is_known=name in answers) for row_id, name, *_ in rows]
            self._store(key, stored, asked_at)
            self._advance(last_id=rows[-1][0])
        self._progress(len(rows))

    def _campaigns(self, rows: Sequence[Row]) -> Answers:
        return dict(self._carrier.assignments([row[1] for row in rows]))

    def _statuses(self, rows: Sequence[Row]) -> Answers:
        answers: dict[str, CampaignApproval] = {}
        for _id, tcr_campaign_id, tcr_brand_id in rows:
            wait_for_campaign_lookup(self._carrier.name)
            status = self._carrier.campaign_status(tcr_campaign_id, tcr_brand_id=tcr_brand_id)
            if status is not None:
                answers[tcr_campaign_id] = status
        return answers

    def _store(self, key: str, answers: Iterable[CarrierAnswer], asked_at: datetime) -> None:
        rows = list(answers)
        for row in rows:
            row.reading, row.asked_at = self._reading, asked_at
        CarrierAnswer.objects.bulk_create(
            rows,
            update_conflicts=True,
            unique_fields=["reading_id", key],
            update_fields=["answer", "networks", "is_known", "asked_at"],
        )

    def _advance(self, **changes: Any) -> None:
        """Write how far the reading is, unless another process has written it since. Raises ReadingTaken."""
        reading = self._reading
        mine = CarrierReading.objects.filter(
            id=reading.id, read_at=None, position=reading.position, last_id=reading.last_id,
            unreadable=reading.unreadable, is_second_pass=reading.is_second_pass,
        )  # fmt: skip
        if not mine.update(**changes):
            raise ReadingTaken
        for name, value in changes.items():
            setattr(reading, name, value)


def _answer(key: str, row_id: UUID, said: str | CampaignApproval | None, *, is_known: bool) -> CarrierAnswer:
    answer = CarrierAnswer(**{key: row_id}, is_known=is_known)
    if isinstance(said, CampaignApproval):
        answer.answer = said.decision.value
        answer.networks = {network: word.value for network, word in said.networks}
    else:
        answer.answer = said
    return answer


def _first_page(carrier: Carrier, position: int) -> AssignmentPage:
    return next(carrier.assignment_pages(position))


def _of_reading(rows: QuerySet[Any], reading: CarrierReading) -> QuerySet[Any]:
    return rows if reading.organization_id is None else rows.filter(organization_id=reading.organization_id)


def _settled(reading: CarrierReading) -> QuerySet[PhoneNumber]:
    """Return the numbers that are not on their way, and of which this reading has no answer."""
    answers = CarrierAnswer.objects.filter(reading=reading, phone_number_id=OuterRef("id"))
    numbers = PhoneNumber.objects.filter(
        Q(carrier_line_option_status=LineOptionStatus.PROPAGATED) | Q(carrier_line_option_status__isnull=True),
        ~Exists(answers),
        NOT_LOST,
        carrier=reading.carrier,
        organization__isnull=False,
    )
    return _of_reading(numbers, reading)


def _decidable(reading: CarrierReading) -> QuerySet[Campaign, Row]:
    """Return ID, TCR ID and the brand's TCR ID of the campaigns on which the account decides."""
    campaigns = Campaign.objects.filter(status=CampaignStatus.ACTIVE, tcr_campaign_id__isnull=False)
    if len(settings.CARRIERS) > 1:
        # An account knows the campaigns of its numbers.
        numbers = PhoneNumber.objects.filter(organization_id=OuterRef("organization_id"), campaign_id=OuterRef("id"))
        campaigns = campaigns.filter(Exists(numbers.filter(carrier=reading.carrier)))
    return _of_reading(campaigns, reading).values_list("id", "tcr_campaign_id", "brand__tcr_brand_id")
