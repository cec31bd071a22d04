"""Who may do what in the console: each page and each action has a row here. One without a row fails.

Every role sends GET and POST everywhere. PostgreSQL counts what a request writes: a refusal writes nothing, and what an
operator may change does change.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

import pytest
from django.contrib import admin
from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.auth.models import Group
from django.contrib.contenttypes.models import ContentType
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection, models, transaction
from django.test import Client, RequestFactory
from django.urls import URLPattern, URLResolver, reverse
from django.utils import timezone
from pytest_django import Settings

from accounts.actors import Actor
from accounts.groups import ADMINISTRATOR, OPERATOR, VIEWER
from accounts.models import ApiKey, Operator, Organization
from brands.models import Brand
from campaigns.models import Campaign
from inventory.imports import begin_import, run_import
from inventory.models import InventoryImport
from phone_numbers.bulk_operations import BulkAction, BulkOperation
from phone_numbers.models import CampaignAttachment, PhoneNumber
from phone_numbers.services.attach import attach_campaign
from phone_numbers.services.bulk_operations import freeze_operation, freeze_undo, run_batch
from propagation.models import CarrierOrder, CarrierReading
from tests.support.factories import (
    BrandFactory,
    CampaignFactory,
    OperatorFactory,
    OrganizationFactory,
    PhoneNumberFactory,
    make_key,
)
from tests.support.operators import browser_of, member_of
from tests.support.propagation import fail_attachment
from tests.support.worlds import World

NEW_PASSWORD = {"usable_password": "true", "password1": "correct horse", "password2": "correct horse"}
LOGIN = reverse("admin:login")
Roles = tuple[str, ...]
ANONYMOUS, NO_GROUP, SUPERUSER = "anonymous", "staff without a group", "superuser"
ROLES: Roles = (ANONYMOUS, NO_GROUP, VIEWER, OPERATOR, ADMINISTRATOR, SUPERUSER)
# Each role may do what those before it may.
ANYONE, STAFF, VIEWERS, OPERATORS, ADMINISTRATORS, SUPERUSERS, NOBODY = (ROLES[first:] for first in range(7))

# Who may view, add, change and delete rows of a model.
MODELS: dict[type[models.Model], tuple[Roles, Roles, Roles, Roles]] = {
    PhoneNumber: (VIEWERS, ADMINISTRATORS, OPERATORS, SUPERUSERS),
    CampaignAttachment: (VIEWERS, NOBODY, NOBODY, NOBODY),
    Campaign: (VIEWERS, ADMINISTRATORS, ADMINISTRATORS, SUPERUSERS),
    Brand: (VIEWERS, ADMINISTRATORS, ADMINISTRATORS, SUPERUSERS),
    # POST to its page takes a step of the operation, which only the operator who began it may.
    BulkOperation: (VIEWERS, NOBODY, NOBODY, NOBODY),
    # As above. What is added is a file, which no row here has.
    InventoryImport: (VIEWERS, ADMINISTRATORS, NOBODY, NOBODY),
    CarrierOrder: (VIEWERS, NOBODY, NOBODY, NOBODY),
    CarrierReading: (VIEWERS, NOBODY, NOBODY, NOBODY),
    Organization: (VIEWERS, ADMINISTRATORS, ADMINISTRATORS, SUPERUSERS),
    ApiKey: (VIEWERS, ADMINISTRATORS, ADMINISTRATORS, NOBODY),
    Operator: (VIEWERS, ADMINISTRATORS, ADMINISTRATORS, NOBODY),
    Group: (VIEWERS, SUPERUSERS, SUPERUSERS, NOBODY),
    LogEntry: (VIEWERS, NOBODY, NOBODY, NOBODY),
}
# For whom an action of a list writes something.
ACTIONS: dict[tuple[type[models.Model], str], Roles] = {
    **{(PhoneNumber, f"{name}_selected"): OPERATORS for name in ("attach", "detach", "retry", "release")},
    # It asks first.
    (ApiKey, "revoke_selected"): NOBODY,
    **{(model, "delete_selected"): delete for model, (_, _, _, delete) in MODELS.items() if delete},
}


@dataclass(frozen=True)
class Row:
    """A request, who is not refused, and who of them changes something by it."""

    method: str
    route: str
    roles: Roles
    writers: Roles = NOBODY
    args: tuple[object, ...] = ()
    body: dict[str, Any] = field(default_factory=dict)
    query: str = ""


class Console(World):
    """A row of each model, and operations that `operator` has begun."""

    def __init__(self, operator: Operator) -> None:
        super().__init__()
        self.operator = operator
        # What has failed can be attached, detached, retried and released, and its batch undone.
        batch = Actor.for_command("attach_campaign", batch_id=uuid4())
        attached = attach_campaign(
            organization_id=self.organization.id,
            phone_number_id=self.phone_number.id,
            campaign_id=self.campaign.id,
            actor=batch,
        )
        assert attached.current_attachment_id is not None
        fail_attachment(attached.current_attachment_id)
        self.entry = CampaignAttachment.objects.get()
        self.key, _plain = make_key(self.organization)
        order = CarrierOrder.objects.create(
            organization=self.organization, campaign=self.campaign, carrier="simulated", action="attach",
            created_at=timezone.now(), ended_at=timezone.now(),
        )  # fmt: skip
        another = member_of()
        self.rows: dict[type[models.Model], models.Model] = {
            PhoneNumber: self.phone_number, CampaignAttachment: self.entry, Campaign: self.campaign, Brand: self.brand,
            BulkOperation: self.operation(BulkAction.DETACH, another), CarrierOrder: order,
            InventoryImport: self.upload(another),
            CarrierReading: CarrierReading.objects.create(carrier="simulated", subject="numbers"),
            Organization: self.organization, ApiKey: self.key, Operator: another,
            Group: Group.objects.get(name=VIEWER), LogEntry: LogEntry.objects.log_actions(
                another.pk, [self.phone_number], CHANGE, "Renamed.", single_object=True
            ),
        }  # fmt: skip
        self.without_history: dict[type[models.Model], models.Model] = {
            PhoneNumber: PhoneNumberFactory.create(organization=self.organization),
            Campaign: CampaignFactory.create(organization=self.organization, brand=self.brand),
            Brand: BrandFactory.create(organization=self.organization),
            Organization: OrganizationFactory.create(),
        }

    def operation(self, action: BulkAction, operator: Operator | None = None, **fields: Any) -> BulkOperation:
        """An operation on the number, previewed unless a campaign must be chosen first."""
        chosen = PhoneNumber.objects.filter(id=self.phone_number.id)
        operation = freeze_operation(operator=operator or self.operator, action=action, chosen=chosen)
        run_batch(operation_id=operation.id, lock_seconds=1)
        BulkOperation.objects.filter(id=operation.id).update(**fields or {"errors": 0})
        return operation

    def upload(self, operator: Operator, **fields: Any) -> InventoryImport:
        """A preview of a CSV with one new number."""
        document = f"organization,number\n{self.organization.slug},+13125550100\n".encode()
        job = begin_import(operator=operator, file_name="numbers.csv", document=document)
        run_import(job.id)
        InventoryImport.objects.filter(id=job.id).update(**fields or {"errors": 0})
        return InventoryImport.objects.get(id=job.id)

    def bodies(self) -> dict[type[models.Model], tuple[dict[str, Any], dict[str, Any]]]:
        """What adds a row of a model, and what changes the one that there is."""
        organization = {"organization": str(self.organization.id)}
        brand = {"name": "New", "identity_status": "VERIFIED"}
        campaign = {
            "brand": str(self.brand.id), "name": "New", "usecase": "CUSTOMER_CARE", "status": "ACTIVE",
            "carrier_status": "APPROVED",
        }  # fmt: skip
        number = {"number": "+1 919 555 0100", "number_type": "local", "state": "ASSIGNED"}
        new = {"name": "New", "slug": "new"}
        return {
            PhoneNumber: (organization | number, {"label": "New"}),
            Campaign: (organization | campaign, campaign),
            Brand: (organization | brand, organization | brand),
            Organization: (new, new),
            ApiKey: (organization | {"label": "New", "scopes": ["numbers:read"]}, {"label": "New"}),
            Operator: ({"username": "new"} | NEW_PASSWORD, {"username": "new", "is_active": "on"}),
            Group: (new, new),
            InventoryImport: ({"file": SimpleUploadedFile("numbers.csv", b"organization,number\n")}, {}),
        }


def _table(console: Console) -> Iterator[Row]:
    number, campaign, entry, key = console.phone_number.id, console.campaign.id, console.entry, console.key.id
    for method in ("GET", "POST"):
        for name in ("attach", "detach", "retry", "release"):
            yield Row(method, f"numbers_phonenumber_{name}_one", OPERATORS, writers=OPERATORS, args=(number,))
        yield Row(method, "numbers_phonenumber_move", OPERATORS, writers=OPERATORS, args=(campaign,))
        yield Row(method, "numbers_campaignattachment_undo_batch", OPERATORS, writers=OPERATORS, args=(entry.id,))
        # These ask first.
        yield Row(method, "campaigns_campaign_move_numbers", OPERATORS, args=(campaign,))
        yield Row(method, "accounts_apikey_revoke_one", ADMINISTRATORS, args=(key,))
    yield Row("GET", "accounts_apikey_revoke", ADMINISTRATORS)
    yield Row(
        "POST", "accounts_apikey_revoke", ADMINISTRATORS, writers=ADMINISTRATORS, body={"_selected_action": [str(key)]}
    )
    yield from _steps(console)
    other = (console.rows[Operator].pk,)
    yield Row("GET", "auth_user_password_change", ADMINISTRATORS, args=other)
    yield Row(
        "POST", "auth_user_password_change", ADMINISTRATORS, writers=ADMINISTRATORS, args=other, body=NEW_PASSWORD
    )
    yield from _models(console)
    yield from _site(console)


def _steps(console: Console) -> Iterator[Row]:
    """The steps of an operation. An operator who has lost the permission may still look at it."""
    change, chosen, confirm = "numbers_bulkoperation_change", str(console.other_campaign.id), {"confirm": "yes"}
    yield Row("GET", change, STAFF, args=(console.operation(BulkAction.DETACH).id,))
    for name in (change, "numbers_bulkoperation_csv"):
        yield Row("GET", name, VIEWERS, args=(console.rows[BulkOperation].pk,))
    yield Row("POST", "numbers_bulkoperation_csv", VIEWERS, args=(console.rows[BulkOperation].pk,))
    attach = console.operation(BulkAction.ATTACH).id
    yield Row("POST", change, OPERATORS, writers=OPERATORS, args=(attach,), body={"campaign": chosen})
    for action in (BulkAction.DETACH, BulkAction.RETRY, BulkAction.RELEASE):
        yield Row("POST", change, OPERATORS, writers=OPERATORS, args=(console.operation(action).id,), body=confirm)
    stopped = console.operation(BulkAction.DETACH, phase="stopped").id
    yield Row("POST", change, OPERATORS, writers=OPERATORS, args=(stopped,), body={"continue": "yes"})
    assert console.entry.batch_id is not None
    undo = freeze_undo(operator=console.operator, batch_id=console.entry.batch_id)
    run_batch(operation_id=undo.id, lock_seconds=1)
    yield Row("POST", change, OPERATORS, writers=OPERATORS, args=(undo.id,), body=confirm)
    finished = BulkOperation.objects.create(
        id=console.entry.batch_id, operator=console.operator, action=BulkAction.ATTACH, phase="finished"
    )
    yield Row("POST", change, OPERATORS, writers=OPERATORS, args=(finished.id,), body={"undo": "yes"})
    change = "inventory_inventoryimport_change"
    own, broken = console.upload(console.operator), console.upload(console.operator, phase="stopped")
    yield Row("GET", change, STAFF, args=(own.id,))
    for method in ("GET", "POST"):
        yield Row(method, "inventory_inventoryimport_refused", VIEWERS, args=(console.rows[InventoryImport].pk,))
        yield Row(method, "inventory_inventoryimport_example", STAFF)
    for upload, body in ((own, {"digest": own.digest}), (broken, {"continue": "yes"})):
        yield Row("POST", change, ADMINISTRATORS, writers=ADMINISTRATORS, args=(upload.id,), body=body)
    yield Row("POST", change, NOBODY, args=(console.rows[InventoryImport].pk,), body={"digest": own.digest})
    change = "numbers_bulkoperation_change"
    for step in (confirm, {"undo": "yes"}, {"continue": "yes"}):
        yield Row("POST", change, NOBODY, args=(console.rows[BulkOperation].pk,), body=step)


def _models(console: Console) -> Iterator[Row]:
    bodies = console.bodies()
    for model, (view, add, change, delete) in MODELS.items():
        name, row = f"{model._meta.app_label}_{model._meta.model_name}", console.rows[model].pk
        added, changed = bodies.get(model, ({}, {}))
        for suffix in ("change", "history"):
            yield Row("GET", f"{name}_{suffix}", view, args=(row,))
        for method in ("GET", "POST"):
            yield Row(method, f"{name}_changelist", view)
            yield Row(method, f"{name}_export", view)
        yield Row("POST", f"{name}_history", view, args=(row,))
        yield Row("GET", f"{name}_add", add)
        yield Row("POST", f"{name}_add", add, writers=add if added else NOBODY, body=added)
        yield Row("POST", f"{name}_change", change, writers=change, args=(row,), body=changed)
        free = console.without_history.get(model, console.rows[model]).pk
        yield Row("GET", f"{name}_delete", delete, args=(free,))
        yield Row("POST", f"{name}_delete", delete, writers=delete, args=(free,), body={"post": "yes"})
    for (model, action), writers in ACTIONS.items():
        name, free = f"{model._meta.app_label}_{model._meta.model_name}", console.without_history.get(model)
        row = console.rows[model] if free is None or action != "delete_selected" else free
        body = {"action": action, "_selected_action": [str(row.pk)], "post": "yes"}
        yield Row("POST", f"{name}_changelist", MODELS[model][0], writers=writers, body=body)


def _site(console: Console) -> Iterator[Row]:
    """What belongs to no model."""
    kind = ContentType.objects.get_for_model(PhoneNumber).pk
    for method in ("GET", "POST"):
        yield Row(method, "index", STAFF)
        yield Row(method, "campaign_at", VIEWERS)
        yield Row(method, "password_change", STAFF)
        yield Row(method, "search", STAFF, query="?s=New")
        yield Row(method, "app_list", STAFF, args=("numbers",))
        # No row has a page outside the console.
        yield Row(method, "view_on_site", NOBODY, args=(kind, console.phone_number.id))
        yield Row(method, "login", ANYONE)
    yield Row("GET", "autocomplete", VIEWERS, query="?app_label=campaigns&model_name=campaign&field_name=brand")
    for route in ("jsi18n", "password_change_done"):
        yield Row("GET", route, STAFF)
    for route in ("autocomplete", "jsi18n", "password_change_done"):
        yield Row("POST", route, NOBODY)
    # Anonymous readers go home, which asks them to sign in.
    yield Row("GET", "logout", (ANONYMOUS,))
    yield Row("POST", "logout", ANYONE)


def _client(role: str) -> tuple[Client, Operator]:
    """The browser of the role, and the operator whose operations it may follow."""
    if role in (VIEWER, OPERATOR, ADMINISTRATOR):
        operator = member_of(role)
    else:
        operator = OperatorFactory.create(is_superuser=role == SUPERUSER)
    return (Client() if role == ANONYMOUS else browser_of(operator)), operator


def _written() -> int:
    """How many rows this transaction has written, those that were rolled back included."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT sum(n_tup_ins + n_tup_upd + n_tup_del) FROM pg_stat_xact_user_tables")
        return int(cursor.fetchone()[0])


def _is_refused(response: Any) -> bool:
    return response.status_code in (403, 404, 405) or response.headers.get("Location", "").startswith(LOGIN + "?")


@pytest.mark.parametrize("role", ROLES)
def test_each_role_may_what_the_table_says(role: str, settings: Settings, db: None) -> None:
    # What is rolled back after each request does not include who has signed in.
    settings.SESSION_ENGINE = "django.contrib.sessions.backends.signed_cookies"
    client, operator = _client(role)
    for row in _table(Console(operator)):
        if role in row.roles[1:] and (role in row.writers[1:] or not row.writers):
            continue  # A role before it may do the same.
        address = reverse(f"admin:{row.route}", args=row.args) + row.query
        said = f"{row.method} {address} {row.body}"
        before, start = _written(), transaction.savepoint()
        response = (client.get if row.method == "GET" else client.post)(address, row.body)
        assert _is_refused(response) is (role not in row.roles), (said, response.status_code)
        assert (_written() > before) is (role in row.writers), said
        transaction.savepoint_rollback(start)


def _routes(entries: Iterable[URLPattern | URLResolver], above: str = "") -> Iterator[str]:
    for entry in entries:
        if isinstance(entry, URLResolver):
            yield from _routes(entry.url_patterns, above + str(entry.pattern))
        else:
            yield entry.name or above + str(entry.pattern)


def test_every_page_and_action_has_a_row(rf: RequestFactory, db: None) -> None:
    operator = OperatorFactory.create()
    admin.autodiscover()
    # Django's own: the way from a row's address to its page, and from an unknown address to 404.
    nameless = {r"(?P<url>.*)$"} | {
        f"{model._meta.app_label}/{model._meta.model_name}/<path:object_id>/" for model in admin.site._registry
    }
    rows = list(_table(Console(operator)))
    for method in ("GET", "POST"):
        assert {row.route for row in rows if row.method == method} == set(_routes(admin.site.urls[0])) - nameless
    request = rf.get("/")
    request.user = operator
    offered = {(model, name) for model, page in admin.site._registry.items() for name in page.get_actions(request)}
    assert offered == set(ACTIONS)
