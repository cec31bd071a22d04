"""Bulk attach: the results of a series of single attaches, in a fixed number of statements."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from accounts.actors import Actor
from agentmessage.errors import DomainError
from brands.models import IdentityStatus
from campaigns.models import CampaignStatus, CarrierStatus
from phone_numbers.models import CampaignAttachment, NumberState, PhoneNumber
from phone_numbers.services.attach import attach_campaign
from phone_numbers.services.bulk_attach import (
    Row,
    RowResult,
    bulk_attach,
    bulk_attach_to_campaign,
)
from tests.support.factories import BrandFactory, CampaignFactory, PhoneNumberFactory
from tests.support.waiting import DEADLINE
from tests.support.worlds import Tenant, World

ACTOR = Actor.for_command("test")

Outcomes = list[tuple[str, str | None]]


def _outcomes(results: list[RowResult]) -> Outcomes:
    return [(result.outcome.value, result.error.code.value if result.error else None) for result in results]


# One rule


@dataclass
class Plan:
    """A random world and a random batch, before there are rows."""

    campaigns: list[tuple[bool, CampaignStatus, CarrierStatus, IdentityStatus | None]]
    numbers: list[tuple[bool, NumberState, int | None]]
    batch: list[tuple[int, int]]


@st.composite
def plans(draw: st.DrawFn) -> Plan:
    """Mostly what goes through, so that the interesting things happen, and some of everything else."""
    mine = st.sampled_from([True, True, True, False])
    campaigns = draw(
        st.lists(
            st.tuples(
                mine,
                st.sampled_from([CampaignStatus.ACTIVE] * 3 + list(CampaignStatus)),
                st.sampled_from(CarrierStatus),
                st.sampled_from([IdentityStatus.VERIFIED] * 3 + [*IdentityStatus, None]),
            ),
            min_size=1,
            max_size=4,
        )
    )
    states = [NumberState.ASSIGNED] * 3 + [NumberState.PENDING, NumberState.QUARANTINED]
    current = st.none() | st.integers(0, len(campaigns) - 1)
    numbers = draw(st.lists(st.tuples(mine, st.sampled_from(states), current), min_size=1, max_size=4))
    # One past the end is a campaign, or a number, that does not exist.
    pairs = st.tuples(st.integers(0, len(numbers)), st.integers(0, len(campaigns)))
    batch = draw(st.lists(pairs, min_size=1, max_size=8))
    # A number may be repeated, but with one campaign only.
    first = dict(reversed(batch))
    return Plan(campaigns, numbers, [pair for pair in batch if first[pair[0]] == pair[1]])


def _build(plan: Plan) -> tuple[UUID, list[Row]]:
    us, them = Tenant(), Tenant()
    campaigns = []
    for mine, status, carrier_status, identity_status in plan.campaigns:
        organization = (us if mine else them).organization
        brand = BrandFactory.create(organization=organization, identity_status=identity_status)
        campaigns.append(CampaignFactory.create(brand=brand, status=status, carrier_status=carrier_status))
    numbers = []
    for mine, state, current in plan.numbers:
        organization = (us if mine else them).organization
        campaign = campaigns[current] if current is not None else None
        if campaign is not None and campaign.organization_id != organization.id:
            campaign = None
        numbers.append(
            PhoneNumberFactory.create(
                organization=organization,
                state=state,
                campaign=campaign,
                carrier_line_option_status=campaign and "propagated",
                carrier_line_option_propagated_at=campaign and datetime.fromisoformat("2026-01-01T00:00:00Z"),
            )
        )
    number_ids = [number.id for number in numbers] + [uuid4()]
    campaign_ids = [campaign.id for campaign in campaigns] + [uuid4()]
    return us.organization.id, [Row(number_ids[number], campaign_ids[campaign]) for number, campaign in plan.batch]


def _what_is_written() -> tuple[list[Any], list[Any]]:
    """Every number and the whole history, but for moments and ids of history, which no two runs share."""
    order = list(CampaignAttachment.objects.order_by("created_at", "id").values_list("id", flat=True))
    moments: dict[UUID, list[datetime]] = {}
    history = []
    for entry in CampaignAttachment.objects.order_by("phone_number_id", "created_at"):
        moments.setdefault(entry.phone_number_id, []).append(entry.created_at)
        history.append(
            (
                entry.organization_id, entry.phone_number_id, entry.previous_campaign_id, entry.campaign_id,
                entry.actor_kind, entry.actor_id, entry.request_id, entry.status, entry.attempts,
                entry.next_attempt_at == entry.created_at if entry.next_attempt_at else None,
            )
        )  # fmt: skip
    numbers = []
    for number in PhoneNumber.objects.order_by("id"):
        entries = moments.get(number.id, [])
        assert entries == sorted(set(entries)), "the history of a number is in order"
        numbers.append(
            (
                number.id, number.organization_id, number.state, number.campaign_id, number.carrier_line_option_status,
                number.carrier_line_option_propagated_at,
                number.current_attachment_id is not None and number.current_attachment_id in order,
                bool(entries) and number.updated_at == entries[-1],
            )
        )  # fmt: skip
    return numbers, history


def _one_by_one(organization_id: UUID, rows: list[Row]) -> Outcomes:
    outcomes: Outcomes = []
    for row in rows:
        before = CampaignAttachment.objects.count()
        try:
            assert isinstance(row.phone_number, UUID)
            assert row.campaign_id is not None
            attach_campaign(
                organization_id=organization_id,
                phone_number_id=row.phone_number,
                campaign_id=row.campaign_id,
                actor=ACTOR,
                durable=False,
            )
        except DomainError as error:
            outcomes.append(("failed", error.code.value))
        else:
            outcomes.append(("attached" if CampaignAttachment.objects.count() > before else "unchanged", None))
    return outcomes


@contextmanager
def _undone() -> Iterator[None]:
    """Roll back what is written inside. Not `atomic`, in which the services would not open their own transaction."""
    savepoint = transaction.savepoint()
    yield
    transaction.savepoint_rollback(savepoint)


def _tried(run: Callable[[], Outcomes]) -> tuple[Outcomes, Any]:
    with _undone():
        return run(), _what_is_written()


property_test = settings(
    max_examples=60,
    # The database is set up once, and each example rolls back what it wrote.
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


@property_test
@given(plan=plans())
def test_bulk_gives_what_a_series_of_single_attaches_gives(db: None, plan: Plan) -> None:
    with _undone():
        organization_id, rows = _build(plan)
        single = _tried(lambda: _one_by_one(organization_id, rows))
        before = _what_is_written()

        def bulk(*, dry_run: bool) -> Callable[[], Outcomes]:
            return lambda: _outcomes(
                bulk_attach(
                    organization_id=organization_id, rows=rows, actor=ACTOR, lock_seconds=DEADLINE, dry_run=dry_run
                )
            )

        assert _tried(bulk(dry_run=False)) == single
        assert _tried(bulk(dry_run=True)) == (single[0], before)


@property_test
@given(plan=plans())
def test_one_campaign_for_many_numbers_gives_the_same_or_with_atomic_all_or_nothing(db: None, plan: Plan) -> None:
    with _undone():
        organization_id, rows = _build(plan)
        rows = [Row(row.phone_number, rows[0].campaign_id) for row in rows]
        single = _tried(lambda: _one_by_one(organization_id, rows))
        before = _what_is_written()

        def bulk(**options: bool) -> Callable[[], Outcomes]:
            def run() -> Outcomes:
                try:
                    results = bulk_attach_to_campaign(
                        organization_id=organization_id,
                        campaign_id=rows[0].campaign_id,
                        phone_number_ids=[row.phone_number for row in rows if isinstance(row.phone_number, UUID)],
                        actor=ACTOR,
                        **options,
                    )
                except DomainError as error:
                    return [("failed", error.code.value)] * len(rows)
                return _outcomes(results)

            return run

        assert _tried(bulk()) == single
        assert _tried(bulk(dry_run=True)) == (single[0], before)
        atomic = _tried(bulk(atomic=True))
        if any(outcome == "failed" for outcome, _ in single[0]):
            undone = {row.phone_number for row, ended in zip(rows, single[0], strict=True) if ended[0] == "attached"}
            reported = [
                ("rolled_back", None) if row.phone_number in undone else ended
                for row, ended in zip(rows, single[0], strict=True)
            ]
            assert atomic == (reported, before)
        else:
            assert atomic == single


# What it costs


def test_the_number_of_statements_does_not_depend_on_the_number_of_rows(world: World) -> None:
    counts = []
    for size in (1, 50):
        numbers = PhoneNumberFactory.create_batch(size, organization=world.organization)
        with CaptureQueriesContext(connection) as captured:
            results = bulk_attach_to_campaign(
                organization_id=world.organization.id,
                campaign_id=world.campaign.id,
                phone_number_ids=[number.id for number in numbers],
                actor=ACTOR,
            )
        assert _outcomes(results) == [("attached", None)] * size
        counts.append(len(captured))
        rows = [
            Row(number.id, campaign.id)
            for number, campaign in zip(numbers, [world.other_campaign, world.campaign] * size, strict=False)
        ]
        with CaptureQueriesContext(connection) as captured:
            bulk_attach(organization_id=world.organization.id, rows=rows, actor=ACTOR, lock_seconds=DEADLINE)
        counts.append(len(captured))
    # Time limit, campaign, numbers, COPY and UPDATE, between the two of the savepoint that a test has in place of a
    # transaction; three more where the wait for locks has a limit of its own.
    assert counts == [7, 10, 7, 10]


def test_numbers_go_by_what_they_are_called(world: World) -> None:
    number = world.phone_number
    rows = [Row(number.number, world.campaign.id), Row(number.id, world.campaign.id), Row("+19990001111", uuid4())]
    results = bulk_attach(organization_id=world.organization.id, rows=rows, actor=ACTOR, lock_seconds=DEADLINE)
    assert _outcomes(results) == [("attached", None), ("unchanged", None), ("failed", "NOT_FOUND")]
    rows = [Row(world.stranger.phone_number.number, world.campaign.id)]
    results = bulk_attach(organization_id=world.organization.id, rows=rows, actor=ACTOR, lock_seconds=DEADLINE)
    assert _outcomes(results) == [("failed", "NOT_FOUND")]


def test_a_number_with_two_campaigns_is_a_mistake_of_the_caller(world: World) -> None:
    rows = [Row(world.phone_number.id, campaign.id) for campaign in (world.campaign, world.other_campaign)]
    with pytest.raises(ValueError, match="two campaigns"):
        bulk_attach(organization_id=world.organization.id, rows=rows, actor=ACTOR, lock_seconds=DEADLINE)
    assert not CampaignAttachment.objects.exists()
