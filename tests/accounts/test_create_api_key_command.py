"""`manage.py create_api_key`: one key on standard output, or a message and nothing."""

import os
import re
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from io import StringIO

import pytest
import time_machine
from django.core.management import CommandError, call_command

from accounts.models import ApiKey, Scope
from accounts.services import digest_of
from tests.support.api import ApiClient, assert_refused
from tests.support.factories import OrganizationFactory
from tests.support.worlds import World

NOW = datetime(2026, 5, 4, 12, 0, tzinfo=UTC)


def create(*arguments: str) -> tuple[str, str]:
    """What the command wrote to standard output and to standard error."""
    out, err = StringIO(), StringIO()
    call_command("create_api_key", *arguments, stdout=out, stderr=err)
    return out.getvalue(), err.getvalue()


def test_prints_the_key_and_nothing_else(world: World) -> None:
    out, err = create(
        f"--organization={world.organization.slug}", "--name=CI", "--scope=numbers:write", "--scope=numbers:read"
    )

    assert re.fullmatch(r"am_live_[A-Za-z0-9]{43}\n", out)
    plain = out.strip()
    key = ApiKey.objects.get()
    assert bytes(key.digest) == digest_of(plain)
    assert (key.organization_id, key.label, key.scopes) == (
        world.organization.id,
        "CI",
        ["numbers:write", "numbers:read"],
    )
    assert key.expires_at is None
    assert plain not in err
    assert err == (
        f"Key {plain[:16]}… of {world.organization.name} ({world.organization.slug})\n"
        "  name     CI\n"
        "  scopes   numbers:write numbers:read\n"
        "  expires  never\n"
        "The key is shown only once: keep it now.\n"
    )


def test_the_key_works_in_its_own_organization_only(world: World) -> None:
    out, _ = create(f"--organization={world.organization.slug}", "--name=CI", "--scope=numbers:write")
    api = ApiClient(out.strip())

    assert api.attach(world.phone_number.id, world.campaign.id).status_code == 200
    foreign = api.attach(world.stranger.phone_number.id, world.stranger.campaign.id)
    assert_refused(foreign, 404, "NOT_FOUND", "not found")


def test_the_key_has_no_scope_but_those_it_was_given(world: World) -> None:
    out, _ = create(f"--organization={world.organization.slug}", "--name=CI", "--scope=numbers:read")

    answer = ApiClient(out.strip()).attach(world.phone_number.id, world.campaign.id)
    assert_refused(answer, 403, "FORBIDDEN", "missing required scope")


def test_an_expired_key_stops_at_its_moment(world: World) -> None:
    with time_machine.travel(NOW, tick=False) as clock:
        out, err = create(
            f"--organization={world.organization.slug}", "--name=CI", "--scope=numbers:write", "--expires-in=2"
        )
        api = ApiClient(out.strip())
        assert "  expires  2026-05-06 12:00 UTC\n" in err

        clock.move_to(NOW + timedelta(days=2, microseconds=-1))
        assert api.attach(world.phone_number.id, world.campaign.id).status_code == 200
        clock.move_to(NOW + timedelta(days=2))
        answer = api.attach(world.phone_number.id, world.campaign.id)
    assert_refused(answer, 401, "UNAUTHORIZED", "authentication failed")
    assert answer["WWW-Authenticate"] == "Bearer"


GOOD = {"--organization": "acme", "--name": "CI", "--scope": "numbers:write", "--expires-in": "30"}


@pytest.mark.parametrize(
    ("option", "value", "message"),
    [
        (
            "--organization",
            "missing",
            "Error: argument --organization: there is no organization with the slug 'missing'",
        ),
        ("--organization", "", "Error: argument --organization: there is no organization with the slug ''"),
        ("--organization", "a\x00b", "Error: argument --organization: must not contain NUL"),
        ("--organization", "\udcff", "Error: argument --organization: must be UTF-8"),
        ("--name", "", '--name: "" must not be blank.'),
        ("--name", "x" * 101, f'--name: "{"x" * 60}\u2026" must have at most 100 characters.'),
        ("--name", "a\x00b", '--name: "a\\u0000b" must not contain line breaks or control characters.'),
        ("--name", "\udcff", '--name: "\\udcff" must not contain line breaks or control characters.'),
        (
            "--scope",
            "numbers:delete",
            f'--scope: "numbers:delete" is not one of {", ".join(Scope.values)}.',
        ),
        *(
            (
                "--expires-in",
                value,
                "Error: argument --expires-in: must be a whole number of days from 1 to 36500",
            )
            for value in ("0", "-1", "1.5", "36501", "9" * 30, "", "soon", "²")
        ),
    ],
)
@pytest.mark.django_db
def test_refuses_and_creates_nothing(option: str, value: str, message: str) -> None:
    OrganizationFactory.create(slug="acme")
    arguments = GOOD | {option: value}

    with pytest.raises(CommandError) as refused:
        create(*(f"{name}={text}" for name, text in arguments.items()))
    assert str(refused.value) == message
    assert not ApiKey.objects.exists()


@pytest.mark.django_db
def test_a_scope_given_twice_is_refused() -> None:
    OrganizationFactory.create(slug="acme")

    with pytest.raises(CommandError, match=r'^--scope: "numbers:read" is repeated\.$'):
        create("--organization=acme", "--name=CI", "--scope=numbers:read", "--scope=numbers:read")
    assert not ApiKey.objects.exists()


@pytest.mark.parametrize("missing", ["--organization", "--name", "--scope"])
@pytest.mark.django_db
def test_what_is_required_is_required(missing: str) -> None:
    OrganizationFactory.create(slug="acme")

    with pytest.raises(CommandError, match=f"the following arguments are required: {missing}$"):
        create(*(f"{name}={text}" for name, text in GOOD.items() if name != missing))
    assert not ApiKey.objects.exists()


def test_a_usage_error_of_the_shell_exits_2_with_a_clean_standard_output() -> None:
    command = [sys.executable, "manage.py", "create_api_key", "--name=CI", "--scope=x", "--expires-in=never"]
    done = subprocess.run(command, capture_output=True, text=True, env=dict(os.environ))

    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.endswith("error: argument --expires-in: must be a whole number of days from 1 to 36500\n")
