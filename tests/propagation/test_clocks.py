"""The database's clock decides, whatever a machine's own clock says."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from io import StringIO
from uuid import UUID

import pytest
import time_machine
from django.core.management import call_command

from phone_numbers.models import CampaignAttachment, PhoneNumber
from phone_numbers.services.bulk_attach import Row, bulk_attach
from phone_numbers.services.retry import retry_propagation
from phone_numbers.services.update import update_phone_number
from propagation.metrics import collect_propagation
from tests.support.factories import PhoneNumberFactory
from tests.support.inventories import load
from tests.support.propagation import ACTOR, Worker, attach, detach, fail_propagation, line_option_status
from tests.support.worlds import World


def _clock_off_by(difference: timedelta) -> time_machine.travel:
    return time_machine.travel(datetime.now(UTC) + difference, tick=True)


def _attach(world: World) -> None:
    attach(world.phone_number, world.campaign)


def _bulk(world: World) -> None:
    rows: list[Row] = [Row(world.phone_number.id, world.campaign.id)]
    bulk_attach(organization_id=world.organization.id, rows=rows, actor=ACTOR, lock_seconds=5)


def _inventory(world: World) -> None:
    number = {"id": str(world.phone_number.id), "number": world.phone_number.number, "number_type": "local"}
    organization = {"id": str(world.organization.id), "name": "Same", "slug": world.organization.slug}
    number |= {"state": "ASSIGNED", "campaign_id": str(world.campaign.id)}
    load({"organizations": [organization | {"phone_numbers": [number]}]})


def _retry(world: World) -> None:
    retry_propagation(organization_id=world.organization.id, phone_number_id=world.phone_number.id)


@pytest.mark.parametrize("change", [_attach, _bulk, _inventory, _retry])
@pytest.mark.parametrize("days", [1, -1])
def test_what_a_wrong_clock_writes_is_due_at_once(
    world: World, worker: Worker, change: Callable[[World], None], days: int
) -> None:
    if change is _retry:
        fail_propagation(world.phone_number, world.campaign)
    with _clock_off_by(timedelta(days=days)):
        change(world)
    attachment = CampaignAttachment.objects.get()
    assert attachment.next_attempt_at is not None
    for moment in (attachment.next_attempt_at, attachment.created_at, attachment.phone_number.updated_at):
        assert abs(moment - datetime.now(UTC)) < timedelta(hours=1)
    assert worker.claim().claimed == 1


def test_a_number_that_a_wrong_clock_adds_has_the_right_times(world: World) -> None:
    with _clock_off_by(timedelta(days=1)):
        added = PhoneNumberFactory.create(organization=world.organization)
    assert added.created_at == added.updated_at
    assert added.updated_at - datetime.now(UTC) < timedelta(hours=1)
    added.refresh_from_db()
    assert added.updated_at - datetime.now(UTC) < timedelta(hours=1)


def test_ages_are_compared_with_the_databases_clock(world: World) -> None:
    attach(world.phone_number, world.campaign)
    with _clock_off_by(timedelta(days=1)):
        samples = {
            sample.name: sample.value
            for metric in collect_propagation()
            for sample in metric.samples
            if sample.name.endswith("_seconds")
        }
        said = StringIO()
        call_command("propagation_status", stdout=said)
    assert samples
    assert max(samples.values()) < 3600
    assert "day" not in said.getvalue()


def _patch(number_id: UUID, world: World) -> None:
    update_phone_number(
        organization_id=world.organization.id,
        phone_number_id=number_id,
        changes={"label": "another"},
        campaign_id=None,
        actor=ACTOR,
    )


def test_one_wrong_clock_delays_no_later_write(world: World, worker: Worker) -> None:
    with _clock_off_by(timedelta(days=1)):
        attach(world.phone_number, world.campaign)
        _patch(world.phone_number.id, world)
        detach(world.phone_number)
    attached = attach(world.phone_number, world.other_campaign)
    assert attached.updated_at - datetime.now(UTC) < timedelta(hours=1)
    worker.settle()
    assert line_option_status(world.phone_number) == "propagated"


def test_a_time_ahead_in_the_row_moves_history_on_and_delays_nothing(world: World, worker: Worker) -> None:
    ahead = datetime.now(UTC) + timedelta(days=1)
    PhoneNumber.objects.filter(id=world.phone_number.id).update(updated_at=ahead)
    attached = attach(world.phone_number, world.campaign)
    assert attached.updated_at > ahead
    assert worker.claim().claimed == 1


def test_a_workers_wrong_clock_writes_no_wrong_times(world: World, worker: Worker) -> None:
    attach(world.phone_number, world.campaign)
    with _clock_off_by(-timedelta(days=1)):
        worker.run()
    attachment = CampaignAttachment.objects.get()
    assert attachment.submitted_at is not None
    assert attachment.propagated_at is not None
    assert attachment.created_at <= attachment.submitted_at <= attachment.propagated_at


def test_an_answer_shows_the_times_that_are_stored(world: World) -> None:
    attached = attach(world.phone_number, world.campaign)
    stored = PhoneNumber.objects.select_related("current_attachment").get(id=world.phone_number.id)
    assert attached.updated_at == stored.updated_at
    assert stored.current_attachment is not None
    assert stored.current_attachment.created_at == stored.updated_at
