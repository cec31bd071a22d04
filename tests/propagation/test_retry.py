"""A failed propagation, once more: through the API, the admin and the command."""

from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.test import Client

from accounts.models import Scope
from carriers.simulated.faults import Faults
from carriers.simulated.server import SimulatorServer
from phone_numbers.failures import FailureCode
from phone_numbers.models import PhoneNumber
from phone_numbers.services.release import release_phone_number
from tests.support.api import ApiClient, assert_refused
from tests.support.factories import PhoneNumberFactory, make_key
from tests.support.operators import operate, outcomes
from tests.support.propagation import (
    ACTOR,
    Worker,
    attach,
    detach,
    entries,
    fail_attachment,
    fail_propagation,
    line_option_status,
)
from tests.support.worlds import World


def _retry(api: ApiClient, phone_number: PhoneNumber) -> Any:
    return api.client.post(f"/v1/phone-numbers/{phone_number.id}/campaign/retry", content_type="application/json")


def test_it_is_sent_again_and_arrives(world: World, api: ApiClient, worker: Worker, simulator: SimulatorServer) -> None:
    simulator.faults = Faults(failures=1)
    simulator.chance.reason = lambda: "rejected"  # type: ignore[method-assign]  # This lot and no other.
    attach(world.phone_number, world.campaign)
    worker.run()
    assert line_option_status(world.phone_number) == "failed"
    _key, plain = make_key(world.organization, Scope.NUMBERS_READ)
    told = ApiClient(plain).client.get(f"/v1/phone-numbers/{world.phone_number.id}/campaign").json()["data"]
    assert told["failure"] == {
        "code": "REJECTED",
        "carrier_code": "rejected",
        "message": "The campaign does not take this number.",
        "retried_automatically": False,
        "can_retry": True,
        "resolution": "The carrier does not accept this number on this campaign. Read its message, then attach another "
        "campaign.",
    }
    simulator.faults = Faults()
    before = world.phone_number.updated_at
    response = _retry(api, world.phone_number)
    data = response.json()["data"]
    assert (data["status"], data["attempts"], data["failure"]) == ("pending", 0, None)
    assert data["next_attempt_at"] is not None
    assert line_option_status(world.phone_number) == "pending"
    assert world.phone_number.updated_at > before
    worker.run()
    assert line_option_status(world.phone_number) == "propagated"


def test_a_failed_detach_is_removing_again(world: World, api: ApiClient, worker: Worker) -> None:
    attach(world.phone_number, world.campaign)
    worker.run()
    detached = detach(world.phone_number)
    assert detached.current_attachment_id is not None
    fail_attachment(detached.current_attachment_id)
    assert line_option_status(world.phone_number) == "failed"
    _retry(api, world.phone_number)
    assert line_option_status(world.phone_number) == "removing"
    worker.run()
    assert line_option_status(world.phone_number) is None


def test_what_has_not_failed_is_left_alone(world: World, api: ApiClient, worker: Worker) -> None:
    assert_refused(_retry(api, world.phone_number), 409, "NOT_FAILED", "propagation has not failed")
    attach(world.phone_number, world.campaign)
    before = entries(world.phone_number)
    assert_refused(_retry(api, world.phone_number), 409, "NOT_FAILED", "propagation has not failed")
    assert entries(world.phone_number) == before
    worker.run()
    assert_refused(_retry(api, world.phone_number), 409, "NOT_FAILED", "propagation has not failed")


def test_another_organizations_failure_cannot_be_retried(world: World, api: ApiClient) -> None:
    fail_propagation(world.stranger.phone_number, world.stranger.campaign)
    assert_refused(_retry(api, world.stranger.phone_number), 404, "NOT_FOUND", "not found")
    assert line_option_status(world.stranger.phone_number) == "failed"


def test_operators_send_again_what_they_select(world: World, admin_client: Client) -> None:
    fail_propagation(world.phone_number, world.campaign)
    fine = PhoneNumberFactory.create(organization=world.organization)
    attach(fine, world.campaign)
    response = operate(admin_client, "retry_selected", world.phone_number, fine)
    assert outcomes(response) == [
        (world.phone_number.number, "sent again", ""),
        (fine.number, "left alone", "Its propagation has not failed."),
    ]
    assert line_option_status(world.phone_number) == "pending"


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ([], {"one", "two", "strangers", "released"}),
        (["--organization", "ORGANIZATION"], {"one", "two", "released"}),
        (["--code", "NOT_CONFIGURED"], {"two"}),
        (["--campaign", "CAMPAIGN"], {"one"}),
        (["--number", "NUMBER"], {"one"}),
        (["--organization", "ORGANIZATION", "--code", "NOT_CONFIGURED", "--dry-run"], set()),
    ],
)
def test_the_command_retries_the_chosen_failures(world: World, arguments: list[str], expected: set[str]) -> None:
    two, released = PhoneNumberFactory.create_batch(2, organization=world.organization)
    numbers = {"one": world.phone_number, "two": two, "strangers": world.stranger.phone_number, "released": released}
    fail_propagation(world.phone_number, world.campaign)
    fail_propagation(two, world.other_campaign, FailureCode.NOT_CONFIGURED)
    fail_propagation(world.stranger.phone_number, world.stranger.campaign)
    attach(released, world.other_campaign)
    gone = release_phone_number(organization_id=world.organization.id, phone_number_id=released.id, actor=ACTOR)
    assert gone.current_attachment_id is not None
    fail_attachment(gone.current_attachment_id)
    words = {
        "ORGANIZATION": world.organization.slug,
        "CAMPAIGN": str(world.campaign.id),
        "NUMBER": world.phone_number.number,
    }
    said = StringIO()
    call_command("retry_propagation", *[words.get(word, word) for word in arguments], stdout=said)
    assert {name for name, number in numbers.items() if line_option_status(number) != "failed"} == expected
    assert said.getvalue() == ("1 would be retried\n" if "--dry-run" in arguments else f"{len(expected)} retried\n")


def test_the_command_says_what_it_does_not_know(world: World) -> None:
    with pytest.raises(CommandError, match="no organization with the slug 'missing'"):
        call_command("retry_propagation", "--organization", "missing")
    with pytest.raises(CommandError, match="must be the id"):
        call_command("retry_propagation", "--campaign", "reminders")
