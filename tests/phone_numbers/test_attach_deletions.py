"""What is deleted while an attach waits for the number's lock is not found, at every door."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from django.db import connection, transaction
from django.test import Client

from campaigns.models import Campaign
from phone_numbers.models import CampaignAttachment, PhoneNumber
from phone_numbers.services.locking import lock_phone_number
from tests.support.api import ApiClient, assert_refused
from tests.support.attach_command import run_attach
from tests.support.commands import csv_rows
from tests.support.factories import PhoneNumberFactory, make_key
from tests.support.operators import outcomes, run_action, sign_in
from tests.support.waiting import DEADLINE, connections_waiting_for_locks, wait_until
from tests.support.worlds import World

if TYPE_CHECKING:
    from django.test.client import _MonkeyPatchedWSGIResponse as Answer

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def world(transactional_db: None) -> World:
    """A world that other connections see."""
    return World()


@pytest.fixture
def api(world: World) -> ApiClient:
    """A key of the world's organization."""
    return ApiClient(make_key(world.organization)[1])


def _delete_while_waiting(call: Callable[[], Any], *, number: PhoneNumber, delete: Callable[[], object]) -> Any:
    """Run `call`, and commit `delete` in another transaction while `call` waits for the number's lock."""
    locked = threading.Event()

    def hold_and_delete() -> None:
        try:
            with transaction.atomic():
                assert number.organization_id is not None
                lock_phone_number(organization_id=number.organization_id, phone_number_id=number.id)
                locked.set()
                wait_until(connections_waiting_for_locks, "the call waits for the number")
                delete()
        finally:
            locked.set()
            connection.close()

    with ThreadPoolExecutor(1) as pool:
        deletion = pool.submit(hold_and_delete)
        assert locked.wait(DEADLINE)
        result = call()
        deletion.result(DEADLINE)
    return result


def _everything() -> tuple[list[Any], list[Any]]:
    return list(PhoneNumber.objects.order_by("id").values()), list(CampaignAttachment.objects.values())


@contextmanager
def _nothing_written() -> Iterator[None]:
    before = _everything()
    yield
    assert _everything() == before


def _delete_campaign(world: World) -> Callable[[], object]:
    return lambda: Campaign.objects.filter(id=world.campaign.id).delete()


DOORS: dict[str, Callable[[ApiClient, World], "Answer"]] = {
    "attach": lambda api, world: api.attach(world.phone_number.id, world.campaign.id),
    "patch": lambda api, world: api.patch(
        world.phone_number.id, {"campaign_id": str(world.campaign.id), "label": "Front desk"}
    ),
    "bulk": lambda api, world: api.post(
        f"/v1/campaigns/{world.campaign.id}/phone-numbers", {"phone_number_ids": [str(world.phone_number.id)]}
    ),
}


@pytest.mark.parametrize("door", DOORS)
def test_a_deleted_campaign_is_404(door: str, world: World, api: ApiClient) -> None:
    with _nothing_written():
        response = _delete_while_waiting(
            lambda: DOORS[door](api, world), number=world.phone_number, delete=_delete_campaign(world)
        )
        assert_refused(response, 404, "NOT_FOUND", "not found")


@pytest.mark.parametrize("door", ["attach", "patch"])
def test_a_deleted_number_is_404(door: str, world: World, api: ApiClient) -> None:
    response = _delete_while_waiting(
        lambda: DOORS[door](api, world), number=world.phone_number, delete=world.phone_number.delete
    )
    assert_refused(response, 404, "NOT_FOUND", "not found")
    assert not CampaignAttachment.objects.exists()


@pytest.mark.parametrize("atomic", [False, True])
def test_rows_of_a_deleted_campaign_fail_alone(atomic: bool, world: World, tmp_path: Path) -> None:
    other = PhoneNumberFactory.create(organization=world.organization)
    file, report = tmp_path / "in.csv", tmp_path / "out.csv"
    file.write_text(
        f"number,campaign_id\n{world.phone_number.number},{world.campaign.id}\n{other.number},{world.other_campaign.id}\n"
    )
    arguments = ["--organization", world.organization.slug, "--csv", str(file), "--report", str(report)]

    def run() -> int:
        return run_attach(*arguments, *["--atomic"] * atomic).code

    assert _delete_while_waiting(run, number=world.phone_number, delete=_delete_campaign(world)) == 1
    assert [(row["outcome"], row["code"]) for row in csv_rows(report)] == [
        ("failed", "NOT_FOUND"),
        ("rolled_back", "") if atomic else ("attached", ""),
    ]
    assert dict(PhoneNumber.objects.filter(organization=world.organization).values_list("id", "campaign_id")) == {
        world.phone_number.id: None,
        other.id: None if atomic else world.other_campaign.id,
    }


@pytest.mark.parametrize(
    ("deleted", "reason"),
    [
        ("campaign", "The campaign no longer exists."),
        ("number", "Changed meanwhile: the number is no longer where you saw it."),
    ],
)
def test_an_operator_reads_a_message(deleted: str, reason: str, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    operator: Client = sign_in(superuser=True)
    address = run_action(operator, PhoneNumber, "attach_selected", world.phone_number)["Location"]
    form = {"campaign": str(world.campaign.id)}
    operator.post(address, form)
    monkeypatch.setattr("phone_numbers.admin.operations._LOCK_SECONDS", DEADLINE)
    response = _delete_while_waiting(
        lambda: operator.post(address, form | {"confirm": "yes"}, follow=True),
        number=world.phone_number,
        delete=_delete_campaign(world) if deleted == "campaign" else world.phone_number.delete,
    )
    assert response.context["summary"] == "1 failed"
    assert outcomes(response) == [(world.phone_number.number, "failed", reason)]
    assert not CampaignAttachment.objects.exists()
