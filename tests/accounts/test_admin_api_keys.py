"""API keys at the admin: made once, shown once, revoked, never edited or deleted."""

import re
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.sessions.models import Session
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.models import ApiKey, Organization, Scope
from accounts.services import find_usable_key, revoke_api_key
from tests.support.factories import OrganizationFactory, make_key
from tests.support.operators import actions_offered, count_queries, errors_of, listed, page, run_action, sign_in

PLAIN = re.compile(r"am_live_[A-Za-z0-9]{43}")


@pytest.fixture
def organization(db: None) -> Organization:
    """A tenant."""
    return OrganizationFactory.create()


def _form(organization: Organization, /, **fields: Any) -> dict[str, Any]:
    return {
        "organization": str(organization.id),
        "label": "robot",
        "scopes": ["numbers:read", "numbers:write"],
        "expires_at_0": "",
        "expires_at_1": "",
    } | fields


def test_a_new_key_is_shown_in_the_answer_and_nowhere_else(organization: Organization, admin_client: Client) -> None:
    response = admin_client.post(page(ApiKey, "add"), _form(organization))
    assert response.status_code == 200
    assert "no-store" in response["Cache-Control"]
    (plain,) = set(PLAIN.findall(response.content.decode()))
    key = ApiKey.objects.get()
    assert find_usable_key(plain) == key
    assert (key.organization, key.label, key.expires_at) == (organization, "robot", None)
    assert key.scopes == ["numbers:read", "numbers:write"]

    for address in (page(ApiKey, "changelist"), page(ApiKey, "change", key.id), page(ApiKey, "history", key.id)):
        assert plain not in admin_client.get(address).content.decode()
    assert set(response.cookies) == {"csrftoken"}
    assert all(plain not in str(session.get_decoded()) for session in Session.objects.all())
    (entry,) = LogEntry.objects.all()
    assert (entry.object_id, entry.is_addition()) == (str(key.id), True)
    assert plain not in entry.change_message + entry.object_repr


@pytest.mark.parametrize(
    ("fields", "refused"),
    [
        ({"scopes": []}, {"scopes": ["This field is required."]}),
        (
            {"scopes": ["numbers:delete"]},
            {"scopes": ["Select a valid choice. numbers:delete is not one of the available choices."]},
        ),
        ({"label": "  "}, {"label": ["This field is required."]}),
        ({"label": "x" * 101}, {"label": ["Ensure this value has at most 100 characters (it has 101)."]}),
        (
            {"expires_at_0": "2020-01-01", "expires_at_1": "00:00:00"},
            {"expires_at": ['"2020-01-01T00:00:00+00:00" is not in the future.']},
        ),
        ({"organization": ""}, {"organization": ["This field is required."]}),
    ],
)
def test_a_refused_key_is_not_made(
    fields: dict[str, Any], refused: dict[str, list[str]], organization: Organization, admin_client: Client
) -> None:
    response = admin_client.post(page(ApiKey, "add"), _form(organization, **fields))
    assert errors_of(response) == refused
    assert not ApiKey.objects.exists()
    assert PLAIN.search(response.content.decode()) is None


def test_a_key_can_expire(organization: Organization, admin_client: Client) -> None:
    tomorrow = timezone.now().replace(microsecond=0) + timedelta(days=1)
    admin_client.post(
        page(ApiKey, "add"),
        _form(organization, expires_at_0=tomorrow.date().isoformat(), expires_at_1=tomorrow.time().isoformat()),
    )
    assert ApiKey.objects.get().expires_at == tomorrow


def test_only_the_label_of_a_key_can_be_edited(organization: Organization, admin_client: Client) -> None:
    key, _plain = make_key(organization)
    before = ApiKey.objects.values().get()
    with CaptureQueriesContext(connection) as queries:
        response = admin_client.post(
            page(ApiKey, "change", key.id),
            _form(OrganizationFactory.create(), label="renamed", prefix="am_live_other", scopes=["apikeys:write"]),
        )
    assert response.status_code == 302
    assert ApiKey.objects.values().get() == before | {"label": "renamed"}
    # The page may be older than a revocation, which it must not undo.
    (update,) = [query["sql"] for query in queries if query["sql"].startswith('UPDATE "accounts_apikey"')]
    assert update.partition("SET")[2].partition("WHERE")[0].strip() == "\"label\" = 'renamed'"


def test_revoking_asks_first_and_then_ends_the_keys(organization: Organization, admin_client: Client) -> None:
    (first, plain), (second, _), (other, _) = make_key(organization), make_key(organization), make_key(organization)
    response = run_action(admin_client, ApiKey, "revoke_selected", first, second)
    assert response.status_code == 200
    assert response.context["keys"] == [second, first]
    assert not ApiKey.objects.exclude(revoked_at=None).exists()

    response = admin_client.post(
        page(ApiKey, "revoke"), {"_selected_action": [str(first.id), str(second.id), "no id"]}, follow=True
    )
    assert [str(message) for message in response.context["messages"]] == ["2 API keys revoked."]
    assert set(ApiKey.objects.exclude(revoked_at=None)) == {first, second}
    assert find_usable_key(plain) is None
    assert {entry.object_id for entry in LogEntry.objects.all()} == {str(first.id), str(second.id)}
    assert not ApiKey.objects.filter(id=other.id).exclude(revoked_at=None).exists()


def test_the_page_of_a_key_offers_to_revoke_it(organization: Organization, admin_client: Client) -> None:
    key, _plain = make_key(organization)
    revoke_one = page(ApiKey, "revoke_one", key.id)
    assert revoke_one in admin_client.get(page(ApiKey, "change", key.id)).content.decode()
    assert admin_client.get(revoke_one).context["keys"] == [key]
    assert admin_client.get(page(ApiKey, "revoke_one", "no-id")).status_code == 404


def test_a_second_revocation_keeps_the_moment_of_the_first(organization: Organization, admin_client: Client) -> None:
    key, _plain = make_key(organization)
    revoked_at = revoke_api_key(organization_id=organization.id, api_key_id=key.id).revoked_at
    admin_client.post(page(ApiKey, "revoke"), {"_selected_action": [str(key.id)]})
    assert ApiKey.objects.get().revoked_at == revoked_at
    assert not LogEntry.objects.exists()


def test_keys_cannot_be_deleted(organization: Organization, admin_client: Client) -> None:
    key, _plain = make_key(organization)
    assert admin_client.post(page(ApiKey, "delete", key.id), {"post": "yes"}).status_code == 403
    assert actions_offered(admin_client.get(page(ApiKey, "changelist"))) == {"revoke_selected"}
    run_action(admin_client, ApiKey, "delete_selected", key)
    assert ApiKey.objects.filter(id=key.id).exists()


def test_a_viewer_can_neither_create_nor_revoke(organization: Organization) -> None:
    key, _plain = make_key(organization)
    viewer = sign_in("view_apikey")
    assert actions_offered(viewer.get(page(ApiKey, "changelist"))) == set()
    assert page(ApiKey, "revoke_one", key.id) not in viewer.get(page(ApiKey, "change", key.id)).content.decode()
    run_action(viewer, ApiKey, "revoke_selected", key)
    for address in (page(ApiKey, "revoke"), page(ApiKey, "revoke_one", key.id), page(ApiKey, "add")):
        response = viewer.post(address, _form(organization, _selected_action=[str(key.id)]))
        assert response.status_code == 403
    assert ApiKey.objects.get().revoked_at is None


def test_keys_are_found_by_what_is_known_of_them(admin_client: Client) -> None:
    key, _plain = make_key(OrganizationFactory.create(name="Blue Ridge"))
    make_key(OrganizationFactory.create(name="Piedmont"))
    for term in (key.prefix, str(key.id), "blue", "ridge test"):
        assert listed(admin_client.get(page(ApiKey, "changelist"), {"q": term})) == [key]
    assert listed(admin_client.get(page(ApiKey, "changelist"), {"q": "blue piedmont"})) == []


def test_keys_are_filtered_by_status_and_organization(organization: Organization, admin_client: Client) -> None:
    usable, _ = make_key(organization)
    revoked, _ = make_key(organization)
    revoke_api_key(organization_id=organization.id, api_key_id=revoked.id)
    expired, _ = make_key(organization)
    ApiKey.objects.filter(id=expired.id).update(expires_at=timezone.now())
    stranger, _ = make_key(OrganizationFactory.create(), Scope.BRANDS_READ)
    for status, keys in {"usable": [stranger, usable], "revoked": [revoked], "expired": [expired]}.items():
        assert listed(admin_client.get(page(ApiKey, "changelist"), {"key_status": status})) == keys
    response = admin_client.get(page(ApiKey, "changelist"), {"organization__id__exact": str(stranger.organization_id)})
    assert listed(response) == [stranger]


def test_the_list_costs_the_same_for_thirty_keys(organization: Organization, admin_client: Client) -> None:
    make_key(organization)
    one = count_queries(admin_client, page(ApiKey, "changelist"))
    for _ in range(29):
        make_key(OrganizationFactory.create())
    assert count_queries(admin_client, page(ApiKey, "changelist")) == one
