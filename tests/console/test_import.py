"""The page "Import": upload, preview, confirm; what is refused; who may; and that it imports what was previewed."""

import csv
from io import BytesIO
from typing import TYPE_CHECKING, Any

import orjson
import pytest
from django.contrib.admin.models import LogEntry
from django.core.files.uploadhandler import TemporaryFileUploadHandler
from django.db import connection, transaction
from django.test import Client
from django.urls import reverse

from accounts.groups import ADMINISTRATOR, OPERATOR, VIEWER
from accounts.models import Operator, Organization
from console import imports, uploads
from inventory.imports import run_import
from inventory.models import ImportRow, InventoryImport
from inventory.tasks import delete_inventory_imports, inventory_imports
from phone_numbers.models import CampaignAttachment, PhoneNumber
from phone_numbers.services.operator_jobs import _MAX_ERRORS, delete_old_jobs
from tests.support.factories import PhoneNumberFactory
from tests.support.inventories import Ids, all_rows, small_inventory
from tests.support.operators import browser_of, member_of, page, sign_in
from tests.support.worlds import World

if TYPE_CHECKING:
    from django.test.client import _MonkeyPatchedWSGIResponse as Answer

ADD = "/admin/inventory/inventoryimport/add/"
HEADER = "organization,number,label\n"


def upload(client: Client, content: str | bytes | dict[str, Any], name: str = "numbers.csv") -> "Answer":
    """Upload a file. Returns the answer, which leads to the preview, or shows the form with what is wrong."""
    if isinstance(content, dict):
        content = orjson.dumps(content)
    file = BytesIO(content if isinstance(content, bytes) else content.encode())
    file.name = name
    return client.post(ADD, {"file": file})


def preview(client: Client, content: str | bytes | dict[str, Any]) -> "Answer":
    """Upload a file, and return the page of its preview."""
    return client.get(upload(client, content)["Location"])


def confirm(client: Client, seen: "Answer", **fields: str) -> "Answer":
    """Confirm what a page shows, and return the page afterwards."""
    address = seen.request["PATH_INFO"]
    digest = seen.context["job"].digest
    assert client.post(address, {"digest": digest} | fields).status_code == 302
    return client.get(address)


def counts(seen: "Answer") -> dict[str, list[str]]:
    """New, changed, unchanged and refused entries, by kind."""
    return {row[0]: row[1:] for row in seen.context["counts"]["rows"]}


def said(seen: "Answer") -> list[str]:
    """The messages on top of the page."""
    return [str(message) for message in seen.context["messages"]]


def test_a_csv_is_previewed_row_by_row_and_confirmed(world: World, admin_client: Client, admin_user: Operator) -> None:
    slug, number = world.organization.slug, world.phone_number
    same = PhoneNumberFactory.create(organization=world.organization, label="Same")
    before = all_rows()
    new = f"new: organization: {world.organization}; number type: local; state: ASSIGNED; carrier: default"
    content = f"{HEADER}{slug},(312) 555-0101,New\n{slug},{number.number},Front desk\n{slug},{same.number},Same\n"
    seen = preview(admin_client, content)
    assert counts(seen) == {"Phone numbers": ["1", "1", "1", "0"]}
    assert seen.context["changes"]["rows"] == [
        ["line 2", "+13125550101", f"{new}; label: New"],
        ["line 3", number.number, "label: none → Front desk"],
    ]
    assert "Import 2 rows" in seen.content.decode()
    assert all_rows() == before

    done = confirm(admin_client, seen, reason="New desk")
    assert (done.context["job"].phase, bytes(InventoryImport.objects.get().document)) == ("finished", b"")
    assert counts(done) == counts(seen)
    number.refresh_from_db()
    assert number.label == "Front desk"
    assert PhoneNumber.objects.get(number="+13125550101").organization == world.organization
    logged = LogEntry.objects.exclude(content_type__model="inventoryimport").order_by("id")
    assert [(entry.user, entry.object_repr, entry.change_message, entry.is_addition()) for entry in logged] == [
        (admin_user, "+13125550101", f"Imported from numbers.csv: {new}; label: New. Reason: New desk", True),
        (
            admin_user,
            number.number,
            "Imported from numbers.csv: label: none → Front desk. Reason: New desk",
            False,
        ),
    ]
    own = LogEntry.objects.filter(content_type__model="inventoryimport").order_by("id")
    assert [entry.change_message for entry in own] == ["Uploaded.", "Imported 2 rows. Reason: New desk"]
    assert (
        "Imported from numbers.csv: label" in admin_client.get(page(PhoneNumber, "change", number.id)).content.decode()
    )

    again = preview(admin_client, content)
    assert counts(again)["Phone numbers"] == ["0", "0", "3", "0"]
    assert not again.context["can_confirm"]
    assert "Everything in the file is stored already" in again.content.decode()


def test_a_document_is_previewed_with_the_campaigns_of_its_numbers(admin_client: Client) -> None:
    ids = Ids()
    document = small_inventory(ids)
    number = document["organizations"][0]["phone_numbers"][0]
    number["campaign_id"] = ids.one
    seen = preview(admin_client, document)
    assert counts(seen) == {
        "Organizations": ["1", "0", "0", "0"],
        "Brands": ["1", "0", "0", "0"],
        "Campaigns": ["2", "0", "0", "0"],
        "Phone numbers": ["2", "0", "0", "0"],
    }
    assert seen.context["changes"]["rows"][-2] == [
        "organizations[0].phone_numbers[0]",
        "+15555550100",
        "new: organization: Acme; number type: local; state: ASSIGNED; carrier: default; campaign: One",
    ]
    assert not Organization.objects.exists()
    done = confirm(admin_client, seen)
    job = done.context["job"]
    assert "1 number attached to a campaign, 0 detached" in done.content.decode()
    (entry,) = CampaignAttachment.objects.all()
    assert (entry.actor_kind, entry.batch_id, entry.request_id) == ("operator", job.id, job.request_id)

    number["campaign_id"] = ids.two
    document["organizations"][0]["name"] = "Acme Corporation"
    seen = preview(admin_client, document)
    assert seen.context["changes"]["rows"] == [
        ["organizations[0]", "Acme Corporation", "name: Acme → Acme Corporation"],
        ["organizations[0].phone_numbers[0]", "+15555550100", "campaign: One → Two"],
    ]
    confirm(admin_client, seen)
    assert str(PhoneNumber.objects.get(number="+15555550100").campaign) == "Two"


def test_one_refused_row_refuses_the_file_and_the_others_are_compared(world: World, admin_client: Client) -> None:
    slug, taken = world.organization.slug, world.stranger.phone_number.number
    before = all_rows()
    seen = preview(
        admin_client,
        f"{HEADER}{slug},3125550101,\n{slug},+1999,\nnobody,3125550102,=1+1\n{slug},{taken},\n"
        f"{slug},{world.phone_number.number},x\n",
    )
    assert counts(seen)["Phone numbers"] == ["1", "1", "0", "3"]
    refused = [
        ["line 3, number", '"+1999" is not a valid phone number'],
        ["line 4, organization", '"nobody" is not the slug of an organization'],
        ["line 5, number", f'"{taken}" is a number of another organization'],
    ]
    assert seen.context["refused"]["rows"] == refused
    content = seen.content.decode()
    assert "3 rows refused, so nothing of the file is imported." in content
    assert "Import 2 rows" not in content
    sheet = admin_client.get(page(InventoryImport, "refused", seen.context["job"].id))
    assert list(csv.reader(sheet.getvalue().decode().splitlines())) == [["place", "reason"], *refused]
    assert said(confirm(admin_client, seen)) == [
        "Nothing was done: the import has changed since you opened it. Review it again."
    ]
    assert all_rows() == before


def test_a_document_that_is_refused_names_the_places(world: World, admin_client: Client) -> None:
    ids = Ids()
    document = small_inventory(ids)
    document["organizations"][0]["phone_numbers"][0]["number"] = "x"
    document["organizations"][0]["slug"] = "A\x00"
    seen = preview(admin_client, document)
    assert seen.context["refused"]["rows"] == [
        ["organizations[0].slug", '"A\\u0000" must be 1 to 63 of a-z, 0-9 and -, not starting with -'],
        ["organizations[0].phone_numbers[0].number", '"x" is not a valid phone number'],
    ]
    assert counts(seen) == {"Organizations": ["-", "-", "-", "1"], "Phone numbers": ["-", "-", "-", "1"]}
    assert "The other rows have not been compared." in seen.content.decode()

    # What contradicts the stored rows: of numbers the others are compared, of anything else not.
    document = small_inventory(ids)
    document["organizations"][0]["phone_numbers"][0]["number"] = world.phone_number.number
    assert counts(preview(admin_client, document))["Phone numbers"] == ["1", "0", "0", "1"]
    document["organizations"][0]["slug"] = world.organization.slug
    assert counts(preview(admin_client, document)) == {
        "Organizations": ["-", "-", "-", "1"],
        "Phone numbers": ["-", "-", "-", "1"],
    }


@pytest.mark.parametrize("is_large", [False, True])
def test_what_changed_since_the_preview_is_previewed_again(
    is_large: bool, world: World, admin_client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    if is_large:
        monkeypatch.setattr(imports, "_BYTES_AT_ONCE", 0)
        monkeypatch.setattr(imports, "_ROWS_AT_ONCE", 0)
    slug, number = world.organization.slug, world.phone_number
    upload(admin_client, f"{HEADER}{slug},{number.number},Mine\n{slug},3125550101,\n")
    address = page(InventoryImport, "change", InventoryImport.objects.get().id)
    run_import()
    seen = admin_client.get(address)
    # Another operator changes a row of the file.
    PhoneNumber.objects.filter(id=number.id).update(label="Theirs")
    confirm(admin_client, seen, reason="why")
    run_import()
    outdated = admin_client.get(address)
    assert "Something has changed since the preview that you confirmed" in outdated.content.decode()
    assert outdated.context["changes"]["rows"][0] == ["line 2", number.number, "label: Theirs → Mine"]
    assert not PhoneNumber.objects.filter(number="+13125550101").exists()
    assert not LogEntry.objects.filter(content_type__model="phonenumber").exists()
    # The first preview can no longer be confirmed.
    assert said(confirm(admin_client, seen)) != []
    confirm(admin_client, outdated)
    run_import()
    number.refresh_from_db()
    assert number.label == "Mine"
    assert PhoneNumber.objects.filter(number="+13125550101").exists()


def test_a_conflict_that_came_up_since_the_preview_refuses(world: World, admin_client: Client) -> None:
    seen = preview(admin_client, f"{HEADER}{world.organization.slug},3125550101,\n")
    PhoneNumberFactory.create(organization=world.stranger.organization, number="+13125550101")
    after = confirm(admin_client, seen)
    assert after.context["job"].is_outdated
    assert after.context["refused"]["rows"] == [
        ["line 2, number", '"+13125550101" is a number of another organization']
    ]


def test_a_second_confirmation_imports_nothing(world: World, admin_client: Client) -> None:
    seen = preview(admin_client, f"{HEADER}{world.organization.slug},{world.phone_number.number},Mine\n")
    confirm(admin_client, seen)
    PhoneNumber.objects.filter(id=world.phone_number.id).update(label="Later")
    after = confirm(admin_client, seen)
    assert said(after) == ["Nothing was done: the import has changed since you opened it. Review it again."]
    world.phone_number.refresh_from_db()
    assert world.phone_number.label == "Later"


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "The submitted file is empty."),
        (b" \n", "f cannot be imported: it is empty."),
        (
            b"PK\x03\x04\x14\x00\x06\x00",
            (
                "f cannot be imported: it is a ZIP archive or a spreadsheet; "
                "an inventory is JSON, or a CSV of numbers, in UTF-8."
            ),
        ),
        (
            "organization,number\n".encode("utf-16"),
            "f cannot be imported: it is UTF-16; an inventory is JSON, or a CSV of numbers, in UTF-8.",
        ),
        (b"organization,number\ncaf\xe9,\n", "f cannot be imported: it is not UTF-8: byte 0xe9 in line 2."),
    ],
)
def test_what_is_no_text_is_refused_at_once(content: bytes, sentence: str, admin_client: Client) -> None:
    response = upload(admin_client, content, "f")
    assert response.context["upload"].errors == {"file": [sentence]}
    assert not InventoryImport.objects.exists()


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (
            b"%PDF-1.7 \x00\x01",
            "it is not JSON: line 1, column 1: Expecting value; the first line of a CSV has a column",
        ),
        (b"[]", "it must be a JSON object with the key organizations"),
        (b'{"organizations": [', "it is not JSON: line 1, column 20: the document ends too early"),
        (b"organization,number\n", "it has no rows after the header"),
        (
            b"organization,number,campaign id\n",
            "it has a column &quot;campaignid&quot;, and a CSV of numbers attaches none",
        ),
    ],
)
def test_a_file_that_is_no_inventory_is_refused_in_words(content: bytes, sentence: str, admin_client: Client) -> None:
    seen = preview(admin_client, content)
    assert f"The file cannot be imported: {sentence}" in seen.content.decode()
    assert not seen.context["can_confirm"]


def test_a_file_above_the_limit_is_refused_and_not_kept(admin_client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(uploads, "_MAX_BYTES", 100_000)
    kept: list[int] = []
    receive = TemporaryFileUploadHandler.receive_data_chunk

    def received(self: TemporaryFileUploadHandler, data: bytes, start: int) -> bytes | None:
        kept.append(len(data))
        return receive(self, data, start)

    monkeypatch.setattr(TemporaryFileUploadHandler, "receive_data_chunk", received)
    response = upload(admin_client, b"x" * 1_000_000)
    assert response.context["upload"].errors == {
        "file": [
            (
                "The file is larger than 50 MB, the limit of an upload. "
                "manage.py load_inventory FILE loads a file of any size."
            )
        ]
    }
    assert sum(kept) < 200_000
    assert not InventoryImport.objects.exists()


def test_a_worker_takes_a_large_file_and_the_page_shows_how_far_it_is(
    world: World, admin_client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(imports, "_ROWS_AT_ONCE", 100)
    rows = "".join(f"{world.organization.slug},312555{n:04},{'x' * 90}\n" for n in range(1_200))
    address = upload(admin_client, HEADER + rows)["Location"]
    waiting = admin_client.get(address)
    assert "Waits for a worker" in waiting.content.decode()
    assert '<meta http-equiv="refresh" content="2">' in waiting.content.decode()
    run_import()
    seen = admin_client.get(address)
    assert (counts(seen)["Phone numbers"], len(seen.context["changes"]["rows"])) == (["1,200", "0", "0", "0"], 200)
    assert "the first 200 of 1,200" in seen.content.decode()
    assert "Waits for a worker" in confirm(admin_client, seen).content.decode()
    run_import()
    assert PhoneNumber.objects.filter(label="x" * 90).count() == 1_200
    assert LogEntry.objects.filter(content_type__model="phonenumber").count() == 1_200


@pytest.mark.django_db(transaction=True)
def test_errors_that_repeat_stop_an_import_and_nothing_is_written(admin_client: Client) -> None:
    world = World()
    seen = preview(admin_client, f"{HEADER}{world.organization.slug},3125550101,\n")
    before = all_rows()
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE numbers_phonenumber ADD CONSTRAINT never CHECK (number <> '+13125550101')")
    try:
        admin_client.raise_request_exception = False
        address = seen.request["PATH_INFO"]
        admin_client.post(address, {"digest": seen.context["job"].digest})
        for _ in range(_MAX_ERRORS - 1):
            with pytest.raises(Exception, match="never"):
                inventory_imports(timestamp=0)
        inventory_imports(timestamp=0)
        stopped = admin_client.get(address)
        assert "Stopped after repeated errors" in stopped.content.decode()
        assert all_rows() == before
    finally:
        with connection.cursor() as cursor:
            cursor.execute("ALTER TABLE numbers_phonenumber DROP CONSTRAINT never")
    admin_client.post(address, {"continue": "yes"})
    assert admin_client.get(address).context["job"].phase == "finished"
    assert PhoneNumber.objects.filter(number="+13125550101").exists()
    delete_inventory_imports(timestamp=0)
    assert InventoryImport.objects.exists()


def test_only_administrators_import_and_each_their_own(world: World) -> None:
    content = f"{HEADER}{world.organization.slug},3125550101,\n"
    administrator = browser_of(member_of(ADMINISTRATOR))
    seen = preview(administrator, content)
    address, digest = seen.request["PATH_INFO"], seen.context["job"].digest
    before = all_rows()
    others = {
        "anonymous": Client(),
        "no group": browser_of(member_of()),
        "no permission": sign_in("add_phonenumber", "change_phonenumber", "view_phonenumber"),
        "viewer": browser_of(member_of(VIEWER)),
        "operator": browser_of(member_of(OPERATOR)),
        "another administrator": browser_of(member_of(ADMINISTRATOR)),
    }
    for name, client in others.items():
        refused = 302 if name == "anonymous" else 403
        may_see = name in ("viewer", "operator", "another administrator")
        assert client.get(address).status_code == (200 if may_see else refused), name
        assert client.get(page(InventoryImport, "refused", seen.context["job"].id)).status_code == (
            200 if may_see else refused
        )
        for fields in ({"digest": digest}, {"digest": digest, "reason": "x"}, {"continue": "yes"}):
            answer = client.post(address, fields)
            assert (answer.status_code, name) == (refused, name)
        if name != "another administrator":
            assert upload(client, content).status_code == refused, name
            assert client.get(ADD).status_code == refused, name
            listed = client.get(page(InventoryImport, "changelist"))
            assert listed.status_code == (200 if may_see else refused), name
            assert "upload_form" not in listed.content.decode()
    assert all_rows() == before
    assert InventoryImport.objects.count() == 1
    assert "upload_form" in administrator.get(page(InventoryImport, "changelist")).content.decode()
    assert (
        administrator.post(page(InventoryImport, "delete", seen.context["job"].id), {"post": "yes"}).status_code == 403
    )
    assert confirm(administrator, seen).context["job"].phase == "finished"


def test_the_example_can_be_imported(admin_client: Client, world: World) -> None:
    Organization.objects.filter(id=world.organization.id).update(slug="acme")
    example = admin_client.get(reverse("admin:inventory_inventoryimport_example"))
    assert example["Content-Disposition"] == 'attachment; filename="numbers.csv"'
    assert counts(preview(admin_client, example.getvalue()))["Phone numbers"] == ["1", "0", "0", "0"]


def test_malformed_confirmations_are_no_crash(world: World, admin_client: Client) -> None:
    seen = preview(admin_client, f"{HEADER}{world.organization.slug},3125550101,\n")
    address = seen.request["PATH_INFO"]
    for fields in ({}, {"digest": "a\x00b"}, {"digest": "x" * 100}, {"digest": "", "reason": "a\x00"}):
        assert admin_client.post(address, fields).status_code in (200, 302)
    assert admin_client.post(ADD, {}).context["upload"].errors == {"file": ["This field is required."]}
    assert InventoryImport.objects.get().phase == "previewed"
    assert admin_client.get(page(InventoryImport, "change", "x")).status_code == 404


def test_old_imports_are_deleted_with_their_rows(world: World, admin_client: Client) -> None:
    draft = preview(admin_client, f"{HEADER}{world.organization.slug},x,\n").context["job"]
    done = preview(admin_client, f"{HEADER}{world.organization.slug},3125550101,\n")
    confirm(admin_client, done)
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("UPDATE inventory_inventoryimport SET updated_at = updated_at - interval '2 days'")
    delete_old_jobs(InventoryImport)
    assert [job.id for job in InventoryImport.objects.all()] == [done.context["job"].id]
    assert not ImportRow.objects.filter(job_id=draft.id).exists()
