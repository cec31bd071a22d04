"""The services of API keys."""

from datetime import timedelta

import pytest
from django.utils import timezone

from accounts.models import ApiKey, Organization, Scope
from accounts.services import create_api_key, digest_of, find_usable_key, revoke_api_key
from agentmessage.errors import NotFound, ValidationFailed
from agentmessage.ids import uuid7
from tests.support.factories import OrganizationFactory, make_key


@pytest.fixture
def organization(db: None) -> Organization:
    """The tenant that owns the keys."""
    return OrganizationFactory.create()


def test_only_the_digest_and_the_prefix_are_kept(organization: Organization) -> None:
    key, plain = create_api_key(
        organization_id=organization.id, label="CI", scopes=[Scope.NUMBERS_READ], expires_at=None
    )

    row = ApiKey.objects.values().get()
    assert bytes(row["digest"]) == digest_of(plain)
    assert row["prefix"] == plain[:16] == key.prefix
    assert not any(plain in str(value) for value in row.values())
    assert row["last_used_at"] is row["expires_at"] is row["revoked_at"] is None


def test_each_refused_field_has_a_message(organization: Organization) -> None:
    now = timezone.now()
    with pytest.raises(ValidationFailed) as refused:
        create_api_key(organization_id=organization.id, label="\t", scopes=["numbers:read", ""], expires_at=now)
    assert refused.value.details == {
        "label": '"\\t" must not contain line breaks or control characters',
        "scopes": f'"" is not one of {", ".join(Scope.values)}',
        "expires_at": f'"{now.isoformat()}" is not in the future',
    }
    assert not ApiKey.objects.exists()


def test_the_longest_label_is_taken(organization: Organization) -> None:
    key, _ = create_api_key(organization_id=organization.id, label="é" * 100, scopes=Scope.values)
    assert ApiKey.objects.get(id=key.id).label == "é" * 100


def test_a_key_is_found_by_the_whole_of_it(organization: Organization) -> None:
    key, plain = make_key(organization)

    assert find_usable_key(plain) == key
    for wrong in (key.prefix, plain[:-1], plain + "x", plain.swapcase(), ""):
        assert find_usable_key(wrong) is None


def test_a_revoked_or_expired_key_is_not_found(organization: Organization) -> None:
    revoked, revoked_plain = make_key(organization)
    expired, expired_plain = make_key(organization)
    _, usable = make_key(organization, expires_at=timezone.now() + timedelta(hours=1))

    revoke_api_key(organization_id=organization.id, api_key_id=revoked.id)
    ApiKey.objects.filter(id=expired.id).update(expires_at=timezone.now())

    assert find_usable_key(revoked_plain) is None
    assert find_usable_key(expired_plain) is None
    assert find_usable_key(usable) is not None


def test_of_two_revocations_the_first_moment_stays(organization: Organization) -> None:
    key, _ = make_key(organization)

    first = revoke_api_key(organization_id=organization.id, api_key_id=key.id).revoked_at
    second = revoke_api_key(organization_id=organization.id, api_key_id=key.id).revoked_at
    assert first is not None
    assert first == second == ApiKey.objects.get().revoked_at


def test_a_key_of_another_organization_is_not_revoked(organization: Organization) -> None:
    key, plain = make_key(OrganizationFactory.create())

    for key_id in (key.id, uuid7()):
        with pytest.raises(NotFound):
            revoke_api_key(organization_id=organization.id, api_key_id=key_id)
    assert find_usable_key(plain) == key
