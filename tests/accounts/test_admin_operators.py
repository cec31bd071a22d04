"""Operators and their groups at the admin."""

from django.contrib.auth.models import Group
from django.test import Client

from accounts.models import Operator
from tests.factories import OperatorFactory
from tests.operators import actions_offered, count_queries, page, sign_in


def test_an_operator_is_added_and_can_sign_in_once_let_in(admin_client: Client) -> None:
    password = "a-long-and-uncommon-one"
    response = admin_client.post(
        page(Operator, "add"),
        {"username": "ada", "usable_password": "true", "password1": password, "password2": password},
    )
    ada = Operator.objects.get(username="ada")
    assert response["Location"] == page(Operator, "change", ada.id)
    assert ada.check_password(password)
    assert not ada.is_staff
    assert admin_client.get(page(Operator, "change", ada.id)).status_code == 200
    assert admin_client.get(f"/admin/accounts/operator/{ada.id}/password/").status_code == 200


def test_nobody_deletes_an_operator(admin_client: Client) -> None:
    operator = OperatorFactory.create()
    assert admin_client.post(page(Operator, "delete", operator.id), {"post": "yes"}).status_code == 403
    assert actions_offered(admin_client.get(page(Operator, "changelist"))) == set()
    assert Operator.objects.filter(id=operator.id).exists()


def test_only_superusers_give_permissions(db: None) -> None:
    colleague = OperatorFactory.create(is_superuser=False, is_staff=False)
    office = sign_in("view_operator", "change_operator")
    form = {"username": "renamed", "is_active": "on", "is_staff": "on", "is_superuser": "on"}
    assert office.post(page(Operator, "change", colleague.id), form).status_code == 302
    colleague.refresh_from_db()
    assert (colleague.username, colleague.is_staff, colleague.is_superuser) == ("renamed", False, False)

    chief = sign_in(superuser=True)
    form |= {"date_joined_0": "2026-01-01", "date_joined_1": "00:00:00"}
    assert chief.post(page(Operator, "change", colleague.id), form).status_code == 302
    colleague.refresh_from_db()
    assert (colleague.is_staff, colleague.is_superuser) == (True, True)


def test_groups_are_kept(admin_client: Client) -> None:
    assert admin_client.post(page(Group, "add"), {"name": "Support"}).status_code == 302
    group = Group.objects.get(name="Support")
    assert admin_client.get(page(Group, "change", group.pk)).status_code == 200
    assert admin_client.get(page(Group, "changelist")).status_code == 200


def test_the_list_costs_the_same_for_thirty_operators(admin_client: Client) -> None:
    one = count_queries(admin_client, page(Operator, "changelist"))
    OperatorFactory.create_batch(29)
    assert count_queries(admin_client, page(Operator, "changelist")) == one
