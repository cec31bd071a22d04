"""Bulk operations of the admin: what was confirmed is what is done, and workers do what is large."""

import csv
import io
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.messages import get_messages
from django.db import connection, transaction
from django.db.models import F
from django.test import Client

from accounts.models import Operator
from campaigns.models import CampaignStatus
from phone_numbers import tasks
from phone_numbers.bulk_operations import BulkOperation, BulkOperationRow
from phone_numbers.models import CampaignAttachment, NumberState, PhoneNumber
from phone_numbers.services import bulk_operations, operator_jobs
from phone_numbers.services.locking import lock_phone_number
from tests.support.factories import CampaignFactory, PhoneNumberFactory
from tests.support.operators import confirm, operate, outcomes, page, run_action, sign_in
from tests.support.propagation import attach, detach, fail_propagation
from tests.support.worlds import Tenant, World

if TYPE_CHECKING:
    from django.test.client import _MonkeyPatchedWSGIResponse as Answer

CHANGELIST = "/admin/numbers/phonenumber/"
CHANGED_MEANWHILE = "Changed meanwhile: the number is no longer where you saw it."
LARGE = 501


def _begin(client: Client, query: str, action: str = "attach_selected") -> "Answer":
    """Run an action on all that the query finds."""
    ticked = [str(PhoneNumber.objects.values_list("id", flat=True)[0])]
    return client.post(CHANGELIST + query, {"action": action, "select_across": "1", "_selected_action": ticked})


def _everything() -> tuple[list[Any], list[Any]]:
    return list(PhoneNumber.objects.order_by("id").values()), list(CampaignAttachment.objects.values())


def _work() -> None:
    """All batches, as the task runs them."""
    while bulk_operations.run_batch(lock_seconds=1):
        pass


def _csv(client: Client, response: "Answer") -> list[list[str]]:
    answer = client.get(response.context["csv"])
    assert answer["Content-Type"] == "text/csv; charset=utf-8"
    assert answer["Content-Disposition"] == 'attachment; filename="not-done.csv"'
    return list(csv.reader(io.StringIO(answer.content.decode(), newline="")))


def _make(tenant: Tenant, count: int, **fields: Any) -> None:
    """Many numbers in one statement."""
    PhoneNumber.objects.bulk_create(
        PhoneNumberFactory.build_batch(count, organization=tenant.organization, label="batch", **fields)
    )


@pytest.fixture
def many(world: World) -> list[PhoneNumber]:
    """More numbers than a page of the list has, of which three cannot be attached and two are attached already."""
    numbers: list[PhoneNumber] = PhoneNumberFactory.create_batch(150, organization=world.organization, label="batch")
    PhoneNumber.objects.filter(id__in=[number.id for number in numbers[:3]]).update(state=NumberState.PENDING)
    PhoneNumber.objects.filter(id__in=[number.id for number in numbers[3:5]]).update(
        campaign=world.campaign, carrier_line_option_status="pending"
    )
    return numbers


def test_all_that_a_filter_finds(
    world: World, many: list[PhoneNumber], admin_client: Client, admin_user: Operator
) -> None:
    before = _everything()
    address = _begin(admin_client, "?q=batch")["Location"]
    ask = admin_client.get(address)
    assert (ask.status_code, ask.context["count"]) == (200, 150)
    assert "See what becomes of 150 numbers" in ask.content.decode()

    campaign = str(world.campaign.id)
    preview = admin_client.post(address, {"campaign": campaign}, follow=True)
    assert preview.context["summary"] == "145 would be attached, 2 unchanged, 3 failed"
    assert preview.context["reasons"]["rows"] == [["The number is not assigned.", "3"]]
    assert "Attach to 145 numbers" in preview.content.decode()
    assert _everything() == before
    assert not LogEntry.objects.exists()

    done = admin_client.post(address, {"campaign": campaign, "confirm": "yes"}, follow=True)
    assert done.context["summary"] == "145 attached, 2 unchanged, 3 failed"
    expected = [(number.number, "failed", "The number is not assigned.") for number in many[:3]]
    assert outcomes(done) == expected
    assert _csv(admin_client, done) == [["number", "outcome", "message"], *map(list, expected)]
    assert PhoneNumber.objects.filter(campaign=world.campaign).count() == 147
    assert set(CampaignAttachment.objects.values_list("actor_kind", "actor_id", "request_id")) == {
        ("operator", str(admin_user.pk), BulkOperation.objects.get().request_id)
    }
    logged = LogEntry.objects.filter(content_type__model="phonenumber")
    assert set(logged.values_list("object_id", flat=True)) == {str(number.id) for number in many[5:]}
    assert set(logged.values_list("change_message", flat=True)) == {f"Attach a campaign: {world.campaign.name}."}
    assert LogEntry.objects.filter(content_type__model="bulkoperation").count() == 1
    world.phone_number.refresh_from_db()
    assert world.phone_number.campaign_id is None, "the filter did not find it"


def test_a_preview_of_one_attaches_one(world: World, admin_client: Client) -> None:
    """Numbers that come in, or become assigned, after the preview are left alone."""
    PhoneNumberFactory.create_batch(3, organization=world.organization, porting=True)
    query = f"?organization__id__exact={world.organization.id}"
    address = _begin(admin_client, query)["Location"]
    preview = admin_client.post(address, {"campaign": str(world.campaign.id)}, follow=True)
    assert preview.context["summary"] == "1 would be attached, 3 failed"
    PhoneNumberFactory.create_batch(50, organization=world.organization)
    PhoneNumber.objects.filter(state=NumberState.PENDING).update(state=NumberState.ASSIGNED)
    done = admin_client.post(address, {"campaign": str(world.campaign.id), "confirm": "yes"}, follow=True)
    assert done.context["summary"] == "1 attached, 3 failed"
    assert list(PhoneNumber.objects.filter(campaign=world.campaign)) == [world.phone_number]


@pytest.mark.parametrize("action", ["attach_selected", "detach_selected", "release_selected", "retry_selected"])
def test_a_number_that_changed_meanwhile_is_left_alone(action: str, world: World, admin_client: Client) -> None:
    """One was moved by its customer, one was sold to another organization, one went back where it was seen."""
    moved, sold, back = numbers = PhoneNumberFactory.create_batch(3, organization=world.organization)
    for number in numbers:
        fail_propagation(number, world.campaign)
    third = CampaignFactory.create(brand=world.brand)
    fields = {"campaign": str(world.other_campaign.id)} if action == "attach_selected" else {}
    begun = run_action(admin_client, PhoneNumber, action, *numbers)
    if fields:
        admin_client.post(begun["Location"], fields)
    attach(moved, third)
    detach(sold)
    PhoneNumber.objects.filter(id=sold.id).update(organization=world.stranger.organization)
    attach(back, third)
    attach(back, world.campaign)
    before = [PhoneNumber.objects.filter(id=number.id).values().get() for number in numbers]
    done = admin_client.post(begun["Location"], fields | {"confirm": "yes"}, follow=True)
    reasons = [why for _number, outcome, why in outcomes(done) if outcome in ("failed", "left alone")]
    assert reasons[:2] == [CHANGED_MEANWHILE] * 2
    after = [PhoneNumber.objects.filter(id=number.id).values().get() for number in numbers]
    assert after[:2] == before[:2]
    # It has another attachment now, which has not failed.
    assert (after[2] == before[2]) is (action == "retry_selected")


def test_a_campaign_other_than_the_previewed_one_is_not_attached(world: World, admin_client: Client) -> None:
    """Two tabs: the second previews another campaign, and the first confirms."""
    before = _everything()
    address = run_action(admin_client, PhoneNumber, "attach_selected", world.phone_number)["Location"]
    admin_client.post(address, {"campaign": str(world.campaign.id)})
    admin_client.post(address, {"campaign": str(world.other_campaign.id)})
    refused = admin_client.post(address, {"campaign": str(world.campaign.id), "confirm": "yes"}, follow=True)
    (message,) = refused.context["messages"]
    assert str(message) == "Nothing was done: the operation has changed since you opened it. Review it again."
    assert _everything() == before
    fields = {"campaign": str(world.other_campaign.id), "confirm": "yes"}
    assert admin_client.post(address, fields, follow=True).context["summary"] == "1 attached"
    admin_client.post(address, fields)
    assert CampaignAttachment.objects.count() == 1, "confirmed twice, done once"


def test_a_filter_that_the_move_itself_empties(world: World, many: list[PhoneNumber], admin_client: Client) -> None:
    """Everything on one campaign goes to another, though the filter finds nothing of it afterwards."""
    PhoneNumber.objects.filter(state=NumberState.ASSIGNED, label="batch").update(
        campaign=world.campaign, carrier_line_option_status="pending"
    )
    begun = _begin(admin_client, f"?campaign={world.campaign.id}")
    done = confirm(admin_client, begun, campaign=str(world.other_campaign.id))
    assert done.context["summary"] == "147 attached"
    assert done.context["failed_count"] == 0
    assert not PhoneNumber.objects.filter(campaign=world.campaign).exists()


def test_only_what_is_ticked(world: World, many: list[PhoneNumber], admin_client: Client) -> None:
    done = operate(admin_client, "attach_selected", world.phone_number, many[0], campaign=str(world.campaign.id))
    assert done.context["summary"] == "1 attached, 1 failed"
    assert CampaignAttachment.objects.count() == 1


def test_what_cannot_be_chosen(world: World, many: list[PhoneNumber], admin_client: Client) -> None:
    before = _everything()
    world.other_campaign.status = CampaignStatus.EXPIRED
    world.other_campaign.save()
    refused = confirm(admin_client, _begin(admin_client, "?q=batch"), campaign=str(world.stranger.campaign.id))
    assert "campaign" in refused.context["form"].errors
    expired = confirm(admin_client, _begin(admin_client, "?q=batch"), campaign=str(world.other_campaign.id))
    assert expired.context["summary"] == "150 failed"
    assert len(_csv(admin_client, expired)) == 151
    assert (expired.context["shown"], expired.context["failed_count"]) == (100, 150)

    mixed = _begin(admin_client, "")
    assert (mixed.status_code, mixed["Location"]) == (302, CHANGELIST)
    assert [str(message) for message in get_messages(mixed.wsgi_request)] == [
        "The numbers belong to several organizations: choose numbers of one organization."
    ]
    assert _everything() == before


def test_a_viewer_changes_nothing(world: World, many: list[PhoneNumber], admin_client: Client) -> None:
    before = _everything()
    viewer = sign_in("view_phonenumber", "view_bulkoperation")
    _begin(viewer, "?q=batch")
    assert not BulkOperation.objects.exists()
    address = _begin(admin_client, "?q=batch", "detach_selected")["Location"]
    colleague = sign_in("view_phonenumber", "change_phonenumber")
    assert colleague.get(address).status_code == 403, "only the operator's own"
    assert colleague.get(address.replace("change/", "not-done.csv")).status_code == 403
    assert "Detach 150" not in viewer.get(address).content.decode()
    assert (
        BulkOperation.objects.get().get_action_display()
        in viewer.get(page(BulkOperation, "changelist")).content.decode()
    )
    for client in (viewer, colleague):
        assert client.post(address, {"confirm": "yes"}).status_code == 403
    assert admin_client.get(page(BulkOperation, "change", uuid4())).status_code == 404
    assert _everything() == before


# Workers


def test_more_than_a_page_runs_at_once_is_run_by_workers(
    world: World, admin_client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bulk_operations, "_BATCH", 200)
    _make(world, LARGE - 1)
    _make(world, 1, state=NumberState.PENDING)
    address = _begin(admin_client, "?q=batch")["Location"]
    campaign = {"campaign": str(world.campaign.id)}
    waiting = admin_client.post(address, campaign, follow=True)
    assert waiting.context["summary"] == "501 to go"
    assert '<meta http-equiv="refresh" content="2">' in waiting.content.decode()
    assert not PhoneNumber.objects.filter(campaign=world.campaign).exists()

    _work()
    preview = admin_client.get(address)
    assert preview.context["summary"] == "500 would be attached, 1 failed"
    assert "Attach to 500 numbers" in preview.content.decode()
    assert "http-equiv" not in preview.content.decode()
    assert not CampaignAttachment.objects.exists()

    admin_client.post(address, campaign | {"confirm": "yes"})
    assert not CampaignAttachment.objects.exists()
    assert bulk_operations.run_batch(lock_seconds=1)
    partly = admin_client.get(address)
    assert (partly.context["summary"], partly.context["percent"]) == ("200 attached, 301 to go", 39)
    _work()
    done = admin_client.get(address)
    assert done.context["summary"] == "500 attached, 1 failed"
    assert len(_csv(admin_client, done)) == 2
    assert PhoneNumber.objects.filter(campaign=world.campaign).count() == CampaignAttachment.objects.count() == 500
    assert LogEntry.objects.filter(content_type__model="phonenumber").count() == 500
    operation = BulkOperation.objects.get()
    assert operation.started_at is not None
    assert operation.finished_at is not None
    assert not bulk_operations.run_batch(lock_seconds=1), "nothing is left"


@pytest.mark.parametrize(
    ("action", "word", "attached", "state"),
    [("detach_selected", "detached", 0, "ASSIGNED"), ("release_selected", "released", 0, "QUARANTINED")],
)
def test_other_large_operations_are_run_by_workers(
    action: str, word: str, attached: int, state: str, world: World, admin_client: Client
) -> None:
    _make(world, LARGE, campaign=world.campaign, carrier_line_option_status="pending")
    address = _begin(admin_client, "?q=batch", action)["Location"]
    _work()
    admin_client.post(address, {"confirm": "yes"})
    assert PhoneNumber.objects.filter(campaign=world.campaign).count() == LARGE
    _work()
    assert admin_client.get(address).context["summary"] == f"501 {word}"
    assert PhoneNumber.objects.filter(campaign=world.campaign).count() == attached
    assert PhoneNumber.objects.filter(label="batch", state=state).count() == LARGE


def test_an_operation_whose_worker_loses_the_database_goes_on(
    transactional_db: None, admin_client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The broken batch leaves nothing behind, and the next job goes on after the batch before it."""
    world = World()
    monkeypatch.setattr(bulk_operations, "_BATCH", 200)
    _make(world, LARGE)
    address = _begin(admin_client, "?q=batch")["Location"]
    admin_client.post(address, {"campaign": str(world.campaign.id)})
    _work()
    admin_client.post(address, {"campaign": str(world.campaign.id), "confirm": "yes"})
    write_log, calls = bulk_operations._log_changed, iter([False, True, False, False])

    def log_changed(*arguments: Any) -> None:
        write_log(*arguments)
        if next(calls):
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_terminate_backend(pg_backend_pid())")

    monkeypatch.setattr(bulk_operations, "_log_changed", log_changed)
    with pytest.raises(Exception, match="terminating connection"):
        tasks.bulk_operations(timestamp=0)
    connection.close()
    assert CampaignAttachment.objects.count() == 200
    assert admin_client.get(address).context["summary"] == "200 attached, 301 to go"
    tasks.bulk_operations(timestamp=0)
    assert admin_client.get(address).context["summary"] == "501 attached"
    assert CampaignAttachment.objects.count() == LARGE
    assert LogEntry.objects.filter(content_type__model="phonenumber").count() == LARGE


def test_errors_that_repeat_stop_an_operation_until_its_operator_continues_it(
    world: World, admin_client: Client
) -> None:
    _make(world, LARGE, campaign=world.campaign, carrier_line_option_status="pending")
    address = _begin(admin_client, "?q=batch", "detach_selected")["Location"]
    _work()
    admin_client.post(address, {"confirm": "yes"})
    with connection.cursor() as cursor:
        cursor.execute(
            "ALTER TABLE numbers_campaignattachment ADD CONSTRAINT never CHECK (actor_kind <> 'operator') NOT VALID"
        )
    for _ in range(operator_jobs._MAX_ERRORS):
        assert BulkOperation.objects.get().phase == "running"
        with pytest.raises(Exception, match="never"):
            _work()
    _work()
    stopped = admin_client.get(address)
    assert stopped.context["summary"] == "501 not tried"
    assert _csv(admin_client, stopped)[1][1:] == ["not tried", ""]
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE numbers_campaignattachment DROP CONSTRAINT never")
    admin_client.post(address, {"continue": "yes"})
    _work()
    assert admin_client.get(address).context["summary"] == "501 detached"


def test_two_workers_share_and_do_nothing_twice(transactional_db: None, admin_client: Client) -> None:
    """While one worker is at an operation, another finds nothing to do; operations take turns."""
    world = World()
    first = run_action(admin_client, PhoneNumber, "detach_selected", world.phone_number)["Location"]
    second = run_action(admin_client, PhoneNumber, "detach_selected", world.stranger.phone_number)["Location"]
    BulkOperation.objects.update(phase="running", started_at=F("created_at"))
    with transaction.atomic():
        held = BulkOperation.objects.select_for_update().earliest("updated_at")

        def other_worker() -> list[bool]:
            try:
                return [bulk_operations.run_batch(lock_seconds=1) for _ in range(2)]
            finally:
                connection.close()

        with ThreadPoolExecutor(1) as pool:
            assert pool.submit(other_worker).result() == [True, False]
        held.refresh_from_db()
        assert held.phase == "running"
    _work()
    assert [admin_client.get(address).context["summary"] for address in (first, second)] == ["1 had none"] * 2


def test_a_number_that_is_held_is_busy(transactional_db: None, admin_client: Client) -> None:
    """A page does not wait for it longer than a moment."""
    world = World()
    begun = run_action(admin_client, PhoneNumber, "release_selected", world.phone_number)["Location"]
    with transaction.atomic():
        lock_phone_number(organization_id=world.organization.id, phone_number_id=world.phone_number.id)

        def confirm_it() -> Any:
            try:
                return admin_client.post(begun, {"confirm": "yes"}, follow=True)
            finally:
                connection.close()

        with ThreadPoolExecutor(1) as pool:
            done = pool.submit(confirm_it).result()
    assert outcomes(done) == [
        (world.phone_number.number, "busy", "Another transaction is changing the number now: try it again.")
    ]


def test_old_operations_are_deleted(world: World, admin_client: Client) -> None:
    phases = ["choosing", "previewed", "running", "stopped", "finished"]
    for phase in phases:
        run_action(admin_client, PhoneNumber, "detach_selected", world.phone_number)
        BulkOperation.objects.filter(id=BulkOperation.objects.latest("id").id).update(phase=phase)

    def left_after(**age: int) -> set[str]:
        BulkOperation.objects.update(updated_at=F("updated_at") - timedelta(**age))
        operator_jobs.delete_old_jobs(BulkOperation)
        return set(BulkOperation.objects.values_list("phase", flat=True))

    assert left_after(hours=23) == set(phases)
    assert left_after(hours=2) == {"running", "stopped", "finished"}
    assert left_after(days=30) == {"running"}
    assert set(BulkOperationRow.objects.values_list("operation__phase", flat=True)) == {"running"}
