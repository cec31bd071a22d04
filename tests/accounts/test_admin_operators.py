"""Operators and their groups at the admin: who may edit whom, through every door."""

from typing import Any

import pytest
from django.contrib.auth.models import Group, Permission
from django.test import Client

from accounts.models import Operator
from tests.support.factories import OperatorFactory
from tests.support.operators import actions_offered, browser_of, count_queries, errors_of, member_of, page, sign_in

PASSWORD = "a-long-and-uncommon-one"
NEW_PASSWORD = {"usable_password": "true", "password1": PASSWORD, "password2": PASSWORD}


def _administrator() -> Client:
    return browser_of(member_of("administrator"))


def _form(operator: Operator, **changes: Any) -> dict[str, Any]:
    """What the change page sends: all permissions that a browser would send, and `changes`."""
    groups = [group.pk for group in operator.groups.all()]
    sent = {"username": operator.username, "is_active": "on" if operator.is_active else "", "groups": groups}
    return {name: value for name, value in (sent | changes).items() if value not in ("", None)}


def _password_page(operator: Operator) -> str:
    return f"/admin/accounts/operator/{operator.id}/password/"


def _state(operator: Operator) -> tuple[Any, ...]:
    """Everything that decides what an operator may do."""
    found = Operator.objects.get(id=operator.id)
    groups = sorted(found.groups.values_list("name", flat=True))
    permissions = sorted(found.user_permissions.values_list("codename", flat=True))
    return (
        found.username, found.password, found.is_active, found.is_staff, found.is_superuser, groups, permissions,
    )  # fmt: skip


def test_an_operator_is_added_and_can_sign_in_once_let_in(admin_client: Client) -> None:
    response = admin_client.post(page(Operator, "add"), {"username": "ada"} | NEW_PASSWORD)
    ada = Operator.objects.get(username="ada")
    assert response["Location"] == page(Operator, "change", ada.id)
    assert ada.check_password(PASSWORD)
    assert not ada.is_staff
    assert admin_client.get(page(Operator, "change", ada.id)).status_code == 200
    assert admin_client.get(_password_page(ada)).status_code == 200


def test_operators_cannot_be_deleted(admin_client: Client) -> None:
    operator = OperatorFactory.create()
    assert admin_client.post(page(Operator, "delete", operator.id), {"post": "yes"}).status_code == 403
    assert actions_offered(admin_client.get(page(Operator, "changelist"))) == set()
    delete = {"action": "delete_selected", "_selected_action": [str(operator.id)], "post": "yes"}
    admin_client.post(page(Operator, "changelist"), delete)
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


def _out_of_reach(name: str, editor: Operator) -> Operator:
    """An operator whom an administrator must not edit."""
    match name:
        case "superuser":
            return OperatorFactory.create(username="boss")
        case "inactive":
            return member_of("viewer", is_active=False)
        case "equal":
            return member_of("administrator")
        case "more, by a permission":
            operator = member_of("viewer")
            operator.user_permissions.add(Permission.objects.get(codename="delete_brand"))
            return operator
        case "more, by a group":
            group = Group.objects.create(name="cleaners")
            group.permissions.add(Permission.objects.get(codename="delete_brand"))
            return member_of("viewer", "cleaners")
        case _:
            return editor


@pytest.mark.parametrize(
    "name", ["superuser", "inactive", "equal", "more, by a permission", "more, by a group", "herself"]
)
def test_whom_an_administrator_cannot_edit(name: str, db: None) -> None:
    editor = member_of("administrator")
    client, target = browser_of(editor), _out_of_reach(name, editor)
    before = _state(target)
    taking_over = _form(target, username="mine", is_staff="on", is_superuser="on", email="mine@example.com")
    every_permission = list(Permission.objects.values_list("id", flat=True))
    for address, data in (
        (page(Operator, "change", target.id), taking_over),
        (page(Operator, "change", target.id), taking_over | {"user_permissions": every_permission}),
        (page(Operator, "change", target.id), {"username": target.username}),
        (_password_page(target), NEW_PASSWORD),
        (_password_page(target), {"usable_password": "false", "unset-password": "1"}),
        (page(Operator, "delete", target.id), {"post": "yes"}),
    ):
        assert client.post(address, data).status_code == 403
    assert client.get(_password_page(target)).status_code == 403
    # The list has no field to edit and no action.
    rows = {"form-TOTAL_FORMS": 1, "form-INITIAL_FORMS": 1, "form-0-id": str(target.id), "form-0-is_superuser": "on"}
    client.post(page(Operator, "changelist"), rows | {"_save": "Save"})
    for action in ("delete_selected", "make_superuser"):
        client.post(page(Operator, "changelist"), {"action": action, "_selected_action": [str(target.id)]})
    assert _state(target) == before
    # Reading is another matter.
    shown = client.get(page(Operator, "change", target.id))
    assert shown.status_code == 200
    assert shown.context["has_change_permission"] is False
    assert client.get(page(Operator, "history", target.id)).status_code == 200


def test_groups_are_offered_to_those_who_may_see_them_alone(db: None) -> None:
    address = "/admin/autocomplete/?app_label=accounts&model_name=operator&field_name=groups"
    assert sign_in("view_operator", "change_operator").get(address).status_code == 403
    assert sign_in("view_group").get(address).status_code == 200


def test_what_an_administrator_can_edit(db: None) -> None:
    client, target = _administrator(), member_of("viewer")
    assert client.post(page(Operator, "change", target.id), _form(target, username="new-name")).status_code == 302
    assert client.post(_password_page(target), NEW_PASSWORD).status_code == 302
    target.refresh_from_db()
    assert (target.username, target.check_password(PASSWORD)) == ("new-name", True)
    assert client.post(page(Operator, "change", target.id), _form(target, is_active=None)).status_code == 302
    target.refresh_from_db()
    assert target.is_active is False


def test_an_administrator_assigns_viewer_and_operator_alone(db: None) -> None:
    client, target = _administrator(), member_of(is_staff=False)
    offered = client.get(page(Operator, "change", target.id)).context["adminform"].form.fields["groups"].queryset
    assert {group.name for group in offered} == {"viewer", "operator"}
    groups = dict(Group.objects.values_list("name", "id"))
    for names, expected in ((["viewer"], ["viewer"]), (["viewer", "operator"], ["operator", "viewer"]), ([], [])):
        form = _form(target, groups=[groups[name] for name in names])
        assert client.post(page(Operator, "change", target.id), form).status_code == 302
        assert _state(target)[5] == expected
    # A member of a group may sign in, and stays so until a superuser changes it.
    assert _state(target)[3] is True
    refused = client.post(page(Operator, "change", target.id), _form(target, groups=[groups["administrator"]]))
    assert "groups" in errors_of(refused)
    assert _state(target)[5] == []


def test_groups_that_an_administrator_cannot_assign_stay(db: None) -> None:
    support = Group.objects.create(name="support")
    support.permissions.add(Permission.objects.get(codename="view_brand"))
    client, target = _administrator(), member_of("viewer", "support", is_staff=False)
    groups = dict(Group.objects.values_list("name", "id"))
    form = _form(target, groups=[groups["viewer"]], username="renamed")
    assert client.post(page(Operator, "change", target.id), form).status_code == 302
    assert _state(target)[3:6] == (False, False, ["support", "viewer"])
    assert _state(target)[0] == "renamed"
    # Naming it does not help either.
    refused = client.post(page(Operator, "change", target.id), _form(target, groups=[groups["support"]]))
    assert "groups" in errors_of(refused)


def test_operators_cannot_assign_permissions_that_they_lack(db: None) -> None:
    """Or an operator could make a puppet that may do more, whose password the operator knows."""
    office = sign_in("view_operator", "add_operator", "change_operator")
    response = office.post(page(Operator, "add"), {"username": "puppet"} | NEW_PASSWORD)
    puppet = Operator.objects.get(username="puppet")
    assert response.status_code == 302
    for name in ("viewer", "operator"):
        form = _form(puppet, groups=[Group.objects.get(name=name).pk])
        assert errors_of(office.post(page(Operator, "change", puppet.id), form)) == {
            "groups": ["These groups have permissions that you do not have yourself."]
        }
    assert _state(puppet)[3:] == (False, False, [], [])


@pytest.mark.parametrize(
    "more", [{"is_superuser": "on", "is_staff": "on"}, {"groups": "all"}, {"user_permissions": "all"}]
)
def test_the_form_to_add_an_operator_gives_nothing_away(more: dict[str, Any], db: None) -> None:
    every = {
        "groups": list(Group.objects.values_list("id", flat=True)),
        "user_permissions": list(Permission.objects.values_list("id", flat=True)),
    }
    fields = {name: every.get(name) if value == "all" else value for name, value in more.items()}
    form = {"username": "puppet"} | NEW_PASSWORD | fields
    assert _administrator().post(page(Operator, "add"), form).status_code == 302
    assert _state(Operator.objects.get(username="puppet"))[3:] == (False, False, [], [])


def test_without_the_permission_operators_cannot_be_edited_or_added(db: None) -> None:
    target = member_of()
    for client in (browser_of(member_of("viewer")), browser_of(member_of("operator")), sign_in("add_operator")):
        assert client.post(page(Operator, "change", target.id), _form(target, username="x")).status_code == 403
        assert client.post(_password_page(target), NEW_PASSWORD).status_code == 403
        assert client.post(page(Operator, "add"), {"username": "puppet"} | NEW_PASSWORD).status_code == 403


def test_a_superuser_edits_everyone(admin_client: Client) -> None:
    target = OperatorFactory.create()
    groups = list(Group.objects.filter(name="administrator").values_list("id", flat=True))
    form = _form(target, is_superuser="on", is_staff="on", groups=groups)
    assert admin_client.post(page(Operator, "change", target.id), form).status_code == 302
    assert _state(target)[3:6] == (True, True, ["administrator"])
    assert admin_client.post(_password_page(target), NEW_PASSWORD).status_code == 302


def test_groups_are_kept(admin_client: Client) -> None:
    assert admin_client.post(page(Group, "add"), {"name": "Support"}).status_code == 302
    group = Group.objects.get(name="Support")
    assert admin_client.get(page(Group, "change", group.pk)).status_code == 200
    assert admin_client.get(page(Group, "changelist")).status_code == 200


def test_only_superusers_edit_groups(db: None) -> None:
    group = Group.objects.create(name="support")
    everything = list(Permission.objects.values_list("id", flat=True))
    member = member_of("administrator", "support")
    member.user_permissions.set(Permission.objects.filter(codename__endswith="_group"))
    client = browser_of(member)
    for address, data in (
        (page(Group, "change", group.pk), {"name": "support", "permissions": everything}),
        (page(Group, "add"), {"name": "new", "permissions": everything}),
        (page(Group, "delete", group.pk), {"post": "yes"}),
    ):
        assert client.post(address, data).status_code == 403
    delete = {"action": "delete_selected", "_selected_action": [group.pk], "post": "yes"}
    client.post(page(Group, "changelist"), delete)
    assert sorted(Group.objects.values_list("name", flat=True)) == ["administrator", "operator", "support", "viewer"]
    assert not group.permissions.exists()
    assert client.get(page(Group, "change", group.pk)).status_code == 200


def test_the_list_costs_the_same_for_thirty_operators(admin_client: Client) -> None:
    one = count_queries(admin_client, page(Operator, "changelist"))
    OperatorFactory.create_batch(29)
    assert count_queries(admin_client, page(Operator, "changelist")) == one
