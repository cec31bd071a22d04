"""`manage.py revoke_api_key`: the next request is refused, and a wrong prefix revokes nothing."""

from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from accounts.models import ApiKey
from tests.support.api import ApiClient, assert_refused
from tests.support.factories import OrganizationFactory, make_key
from tests.support.worlds import World


def revoke(*arguments: str) -> str:
    """What the command wrote to standard error; standard output stays empty."""
    out, err = StringIO(), StringIO()
    call_command("revoke_api_key", *arguments, stdout=out, stderr=err)
    assert out.getvalue() == ""
    return err.getvalue()


def test_the_next_request_is_refused(world: World) -> None:
    key, plain = make_key(world.organization)
    _, others = make_key(world.stranger.organization)
    api = ApiClient(plain)
    assert api.attach(world.phone_number.id, world.campaign.id).status_code == 200

    said = revoke(key.prefix)

    assert said == f"Key {key.prefix}… (test) of {world.organization.name} is revoked.\n"
    answer = api.attach(world.phone_number.id, world.other_campaign.id)
    assert_refused(answer, 401, "UNAUTHORIZED", "authentication failed")
    assert answer["WWW-Authenticate"] == "Bearer"
    world.phone_number.refresh_from_db()
    assert world.phone_number.campaign_id == world.campaign.id
    stranger = world.stranger
    assert ApiClient(others).attach(stranger.phone_number.id, stranger.campaign.id).status_code == 200


@pytest.mark.django_db
def test_a_revoked_key_stays_as_it_is() -> None:
    key, _ = make_key(OrganizationFactory.create())
    revoke(key.prefix)
    first = ApiKey.objects.get()

    assert revoke(key.prefix).endswith("nothing changed.\n")
    assert ApiKey.objects.get().revoked_at == first.revoked_at


@pytest.mark.parametrize("form", ["{}", " {} ", "{}\n"])
@pytest.mark.django_db
def test_a_whole_key_is_cut_to_its_prefix_and_never_repeated(form: str) -> None:
    key, plain = make_key(OrganizationFactory.create())

    said = revoke(form.format(plain))

    assert ApiKey.objects.get(id=key.id).revoked_at is not None
    assert key.prefix in said
    assert plain[: len(key.prefix) + 1] not in said


@pytest.mark.django_db
def test_a_prefix_may_carry_the_ellipsis_it_is_shown_with() -> None:
    key, _ = make_key(OrganizationFactory.create())
    revoke(f"{key.prefix}…")
    assert ApiKey.objects.get().revoked_at is not None


@pytest.mark.parametrize(
    "prefix", ["", "am_live_", "am_live_1234567", "am_test_12345678", "am_live_1234\x005678", "am_live_12345é78", "%"]
)
@pytest.mark.django_db
def test_what_is_no_prefix_is_refused(prefix: str) -> None:
    make_key(OrganizationFactory.create())

    with pytest.raises(CommandError, match=r"^PREFIX must be am_live_ and eight letters or digits\.$"):
        revoke(prefix)
    assert ApiKey.objects.get().revoked_at is None


@pytest.mark.django_db
def test_an_unknown_key_is_refused_without_repeating_its_secret() -> None:
    make_key(OrganizationFactory.create())

    with pytest.raises(CommandError) as refused:
        revoke("am_live_00000000" + "s" * 35)
    assert str(refused.value) == "There is no key with the prefix am_live_00000000."
    assert ApiKey.objects.get().revoked_at is None


@pytest.fixture
def twins(db: None) -> tuple[ApiKey, ApiKey, ApiKey]:
    """Two keys of two organizations that share a prefix, and a third that does not."""
    first, second = OrganizationFactory.create(slug="first"), OrganizationFactory.create(slug="second")
    one, two, three = make_key(first)[0], make_key(second)[0], make_key(second)[0]
    ApiKey.objects.filter(id=two.id).update(prefix=one.prefix)
    two.refresh_from_db()
    return one, two, three


def test_a_shared_prefix_is_refused_with_a_list(twins: tuple[ApiKey, ApiKey, ApiKey]) -> None:
    one, two, _ = twins

    with pytest.raises(CommandError) as refused:
        revoke(one.prefix)
    assert str(refused.value) == (
        f"2 keys have the prefix {one.prefix}; name one with --id:\n  {one.id}  first  test\n  {two.id}  second  test"
    )
    assert not ApiKey.objects.filter(revoked_at__isnull=False).exists()


def test_an_id_chooses_among_keys_that_share_a_prefix(twins: tuple[ApiKey, ApiKey, ApiKey]) -> None:
    one, two, _ = twins
    revoke(one.prefix, "--id", str(two.id))
    assert list(ApiKey.objects.filter(revoked_at__isnull=False)) == [two]


def test_an_id_that_does_not_go_with_the_prefix_is_refused(twins: tuple[ApiKey, ApiKey, ApiKey]) -> None:
    one, _, three = twins

    with pytest.raises(CommandError, match=f"^No key with the prefix {one.prefix} has the id {three.id}.$"):
        revoke(one.prefix, "--id", str(three.id))
    with pytest.raises(CommandError, match=r"^--id must be a UUID\.$"):
        revoke(one.prefix, "--id", "first")
    assert not ApiKey.objects.filter(revoked_at__isnull=False).exists()
