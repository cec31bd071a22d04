"""Operators at the admin, and what the tests ask of its pages."""

import re
from typing import TYPE_CHECKING, Any

from django.contrib.auth.models import Group, Permission
from django.db import connection, models
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from accounts.models import Operator
from phone_numbers.models import PhoneNumber
from tests.support.factories import OperatorFactory

if TYPE_CHECKING:
    from django.test.client import _MonkeyPatchedWSGIResponse as Answer


def sign_in(*permissions: str, superuser: bool = False) -> Client:
    """The browser of an operator with these permissions, as `view_brand`."""
    operator = OperatorFactory.create(is_superuser=superuser)
    operator.user_permissions.set(Permission.objects.filter(codename__in=permissions))
    return browser_of(operator)


def granted(names: str) -> Operator:
    """An operator who has all permissions whose names match; the groups may be gone after a test that commits."""
    operator: Operator = OperatorFactory.create(is_superuser=False)
    operator.user_permissions.set(Permission.objects.filter(codename__regex=names))
    return operator


def member_of(*groups: str, **fields: Any) -> Operator:
    """An operator in these groups, with no permissions besides."""
    operator: Operator = OperatorFactory.create(is_superuser=False, **fields)
    operator.groups.set(Group.objects.filter(name__in=groups))
    return operator


def browser_of(operator: Operator) -> Client:
    """The browser in which this operator has signed in."""
    client = Client()
    client.force_login(operator)
    return client


def page(model: type[models.Model], name: str, *args: Any) -> str:
    """The address of a model's changelist, add, change, delete or other page."""
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_{name}", args=args)


def count_queries(client: Client, address: str) -> int:
    """How many statements a page takes. It is loaded once before, for what Django keeps from then on."""
    assert client.get(address).status_code == 200
    with CaptureQueriesContext(connection) as queries:
        assert client.get(address).status_code == 200
    return len(queries)


def errors_of(response: "Answer") -> dict[str, list[str]]:
    """What a form was refused for, by field."""
    assert response.status_code == 200
    errors: dict[str, list[str]] = response.context["adminform"].form.errors
    return {field: [str(error) for error in said] for field, said in errors.items()}


def listed(response: "Answer") -> list[Any]:
    """The rows of a changelist's page."""
    assert response.status_code == 200
    return list(response.context["cl"].result_list)


def run_action(client: Client, model: type[models.Model], action: str, *rows: models.Model) -> "Answer":
    """Ticks the rows of a changelist and runs an action on them."""
    return client.post(page(model, "changelist"), {"action": action, "_selected_action": [str(row.pk) for row in rows]})


def operate(client: Client, action: str, *numbers: PhoneNumber, query: str = "", **fields: str) -> "Answer":
    """Tick the numbers, run an operation, confirm it, and return the page of what became of them."""
    address = page(PhoneNumber, "changelist") + query
    begun = client.post(address, {"action": action, "_selected_action": [str(number.id) for number in numbers]})
    return confirm(client, begun, **fields)


def confirm(client: Client, begun: "Answer", **fields: str) -> "Answer":
    """Take the steps of an operation's page: choose the campaign, if there is one among the fields, and confirm.

    Returns the last page, or the one before it that refuses to go on.
    """
    address = begun.headers.get("Location", "")
    if "/bulkoperation/" not in address:
        return begun
    confirmation = {"confirm": "yes"} | fields
    for step in [fields, confirmation] if "campaign" in fields else [confirmation]:
        taken = client.post(address, step)
        if taken.status_code != 302:
            return taken
    return client.get(address)


def outcomes(response: "Answer") -> list[tuple[str, str, str]]:
    """Number, outcome and reason of each row that an operation shows."""
    assert response.status_code == 200
    return [
        tuple(re.sub(r"<[^>]+>", "", str(cell)).strip() for cell in row)  # type: ignore[misc]  # There are three.
        for row in response.context["table"]["rows"]
    ]


def actions_offered(response: "Answer") -> set[str]:
    """The actions that a changelist offers."""
    form = response.context["action_form"]
    return set() if form is None else {value for value, _ in form.fields["action"].choices if value}
