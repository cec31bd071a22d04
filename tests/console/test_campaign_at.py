"""Which campaign a number was on at a time: the selector, the page and the command."""

import csv
import io
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from accounts.groups import VIEWER
from campaigns.models import Campaign
from console.attachments import Answer, PastTimeField, read_answers
from phone_numbers.models import AttachmentStatus, CampaignAttachment, PhoneNumber
from tests.support.api import ApiClient
from tests.support.factories import PhoneNumberFactory, make_key
from tests.support.operators import browser_of, member_of, operate, page, sign_in
from tests.support.propagation import attach
from tests.support.worlds import World

PAGE = reverse("admin:campaign_at")
START = datetime(2026, 1, 1, 12, tzinfo=UTC)


def hour(hours: float) -> datetime:
    return START + timedelta(hours=hours)


def recorded(number: PhoneNumber, campaign: Campaign | None, at: float, **fields: Any) -> CampaignAttachment:
    """An entry of history, `at` so many hours after the start; `confirmed` and `resumed` are hours, too."""
    times = {f"{name}_at": hour(fields.pop(key)) for key, name in HOURS.items() if key in fields}
    before = number.attachments.order_by("-created_at").first()
    given = {
        "organization": number.organization, "phone_number": number, "campaign": campaign, "created_at": hour(at),
        "previous_campaign": before and before.campaign, "actor_kind": "command", "actor_id": "test",
        "status": AttachmentStatus.PROPAGATED if "propagated_at" in times else AttachmentStatus.SUPERSEDED,
    }  # fmt: skip
    return CampaignAttachment.objects.create(**given | times | fields)


HOURS = {"confirmed": "propagated", "resumed": "resumed"}


@pytest.fixture
def number(world: World) -> PhoneNumber:
    """A number that was added an hour after the start."""
    PhoneNumber.objects.filter(id=world.phone_number.id).update(created_at=hour(1))
    world.phone_number.refresh_from_db()
    return world.phone_number


def answer(number: PhoneNumber, at: datetime) -> Answer:
    (found,) = read_answers(PhoneNumber.objects.filter(id=number.id), at)
    return found


def said(client: Client, number: str, at: str) -> str:
    """What the page answers."""
    response = client.get(PAGE, {"number": number, "at": at})
    assert response.status_code == 200
    return " ".join(response.context["sentences"])


def reported(*arguments: str) -> list[dict[str, str]]:
    output = io.StringIO(newline="")
    call_command("report_attachments", *arguments, stdout=output)
    return list(csv.DictReader(io.StringIO(output.getvalue(), newline="")))


def summary(number: PhoneNumber, at: float) -> tuple[str, Campaign | None, str, Campaign | None, bool]:
    found = answer(number, hour(at))
    campaigns = [entry.campaign if entry else None for entry in (found.in_force, found.confirmed)]
    return found.state.value, campaigns[0], found.confirmation.value, campaigns[1], found.is_certain


def test_before_there_was_a_number_and_before_it_had_a_campaign(number: PhoneNumber, world: World) -> None:
    recorded(number, world.campaign, 3, confirmed=4)
    assert summary(number, 0.5) == ("not_recorded", None, "no", None, True)
    assert summary(number, 2) == ("never_attached", None, "no", None, True)


def test_in_force_is_not_yet_confirmed(number: PhoneNumber, world: World) -> None:
    """The carrier has the campaign before until it confirms the next, to the microsecond."""
    first = recorded(number, world.campaign, 3, confirmed=4)
    recorded(number, world.other_campaign, 5, confirmed=6)
    a, b = world.campaign, world.other_campaign
    assert summary(number, 3) == ("attached", a, "no", None, True)
    assert summary(number, 4) == ("attached", a, "yes", a, True)
    assert answer(number, hour(5) - timedelta(microseconds=1)).in_force == first
    assert summary(number, 5) == ("attached", b, "no", a, True)
    assert summary(number, 6) == ("attached", b, "yes", b, True)


def test_detached(number: PhoneNumber, world: World) -> None:
    recorded(number, world.campaign, 3, confirmed=4)
    recorded(number, None, 5, confirmed=6)
    assert summary(number, 5) == ("detached", None, "no", world.campaign, True)
    assert summary(number, 6) == ("detached", None, "yes", None, True)


def test_what_was_superseded_was_in_force_but_never_confirmed(number: PhoneNumber, world: World) -> None:
    recorded(number, world.campaign, 3, confirmed=3.5)
    recorded(number, world.other_campaign, 4)
    recorded(number, world.campaign, 5, confirmed=6)
    assert summary(number, 4.5) == ("attached", world.other_campaign, "no", world.campaign, True)
    assert summary(number, 5.5) == ("attached", world.campaign, "no", world.campaign, True)


def test_what_was_sent_again_may_have_been_confirmed_before(number: PhoneNumber, world: World) -> None:
    """Reconciliation and a retry both forget how the attachment had ended before."""
    a, b = world.campaign, world.other_campaign
    recorded(number, a, 3, confirmed=3.5)
    recorded(number, b, 4, resumed=6, confirmed=7)
    assert summary(number, 5) == ("attached", b, "unknown", None, False)
    assert summary(number, 6.5) == ("attached", b, "no", None, False)
    assert summary(number, 7) == ("attached", b, "yes", b, True)


def test_what_was_sent_again_and_replaced(number: PhoneNumber, world: World) -> None:
    recorded(number, world.campaign, 3, resumed=4)
    recorded(number, world.other_campaign, 5)
    assert summary(number, 6) == ("attached", world.other_campaign, "no", None, False)


def test_in_words(number: PhoneNumber, world: World, admin_client: Client) -> None:
    Campaign.objects.filter(id=world.campaign.id).update(name="Recall", tcr_campaign_id="CACME01")
    recorded(number, world.campaign, 3, confirmed=3, actor_kind="import", actor_id="telnyx")
    recorded(number, world.other_campaign, 4, reason="Asked for by mail", request_id="01JDNQY0000000000000000000")
    recorded(number, None, 5)
    spoken = number.number.removeprefix("+1")
    at = f"({spoken[:3]}) {spoken[3:6]}-{spoken[6:]}"
    assert said(admin_client, at, "2026-01-01 12:30") == (
        "At 2026-01-01 12:30:00 UTC the number was not recorded here: it was added at 2026-01-01 13:00:00."
    )
    assert said(admin_client, at, "2026-01-01T17:30:00+02:00") == (
        "At 2026-01-01 15:30:00 UTC the number was on the campaign “Recall” (CACME01). It belonged to "
        f"{world.organization}. That was recorded at 2026-01-01 15:00:00 by import telnyx. History begins with "
        "this import. Since when the carrier had had the number there is not known. The carrier had confirmed it, at "
        "2026-01-01 15:00:00."
    )
    later = said(admin_client, at, "2026-01-01 16:30")
    assert "by command test, request 01JDNQY0000000000000000000. Reason: Asked for by mail" in later
    assert later.endswith(
        "The carrier had not confirmed it by then. It had last confirmed the campaign “Recall” (CACME01), at "
        "2026-01-01 15:00:00."
    )
    assert "was on no campaign: it had been detached" in said(admin_client, at, "2026-01-01 17:30")


def test_who_it_was(world: World, admin_client: Client) -> None:
    key, plain = make_key(world.organization)
    address = reverse("phone-number-campaign", args=[world.phone_number.id])
    response = ApiClient(plain).post(address, {"campaign_id": str(world.campaign.id)})
    by_key = timezone.now()
    operate(admin_client, "detach_selected", world.phone_number, reason="Moved away")
    (row,) = reported("--as-of", by_key.isoformat(), world.phone_number.number)
    assert (row["actor_kind"], row["actor_id"], row["actor"]) == ("api_key", str(key.id), "API key test")
    assert row["request_id"] == response["X-Request-Id"]
    (row,) = reported("--as-of", timezone.now().isoformat(), world.phone_number.number)
    assert (row["state"], row["actor"], row["reason"]) == ("detached", "operator admin", "Moved away")
    assert "by operator admin" in said(admin_client, world.phone_number.number, timezone.now().isoformat())


def test_the_rows_around(number: PhoneNumber, world: World, admin_client: Client) -> None:
    for place in range(12):
        recorded(number, (world.campaign, None)[place % 2], 2 + place, confirmed=2 + place)
    rows = admin_client.get(PAGE, {"number": number.number, "at": hour(7.5).isoformat()}).context["table"]["rows"]
    times = [CampaignAttachment.objects.get(id=row[0].split("/")[4]).created_at for row in rows]
    assert times == [hour(place) for place in range(12, 2, -1)]
    assert ["in force" in row[0] for row in rows] == [place == 5 for place in range(10)]


@pytest.mark.parametrize(
    ("number", "at", "field", "error"),
    [
        ("+19195550199", "2026-01-01 12:00", "number", "There is no such number here."),
        ("nonsense", "2026-01-01 12:00", "number", "This is not a valid phone number."),
        ("+19195550199", "2999-01-01 12:00", "at", "The time must be between the year 2000 and now."),
        ("+19195550199", "9999-12-31T23:59:59-14:00", "at", "The time must be between the year 2000 and now."),
        ("+19195550199", "0001-01-01T00:00:00+14:00", "at", "The time must be between the year 2000 and now."),
        ("+19195550199", "yesterday", "at", "Enter a valid date/time."),
        ("+19195550199", "", "at", "This field is required."),
    ],
)
def test_what_the_page_refuses(number: str, at: str, field: str, error: str, admin_client: Client) -> None:
    response = admin_client.get(PAGE, {"number": number, "at": at})
    assert response.context["form"].errors[field] == [error]
    assert error in response.content.decode()


def test_a_time_without_a_zone_is_utc() -> None:
    times = ["2026-01-01 12:00", "2026-01-01T12:00:00Z", "2026-01-01T14:00:00+02:00"]
    assert {PastTimeField().clean(text) for text in times} == {START}
    with pytest.raises(Exception, match="between the year 2000 and now"):
        PastTimeField().clean((timezone.now() + timedelta(minutes=1)).isoformat())


def test_the_number_leads_there(world: World, admin_client: Client) -> None:
    attach(world.phone_number, world.campaign)
    link = f"{PAGE}?number=%2B{world.phone_number.number[1:]}"
    assert f'href="{link}"' in admin_client.get(page(PhoneNumber, "change", world.phone_number.id)).content.decode()
    form = admin_client.get(link).content.decode()
    assert f'value="{world.phone_number.number}"' in form
    assert "A time without a zone is read as UTC." in form


def test_only_those_who_see_numbers_and_history(world: World) -> None:
    query = {"number": world.phone_number.number, "at": timezone.now().isoformat()}
    assert browser_of(member_of(VIEWER)).get(PAGE, query).status_code == 200
    for permission in ("view_phonenumber", "view_campaignattachment"):
        assert sign_in(permission).get(PAGE, query).status_code == 403


def test_the_command_reports_all_numbers_in_two_statements(number: PhoneNumber, world: World) -> None:
    recorded(number, world.campaign, 2, confirmed=3)
    recorded(number, world.other_campaign, 4)
    with CaptureQueriesContext(connection) as queries:
        rows = reported("--as-of", hour(5).isoformat())
    reads = [query["sql"] for query in queries if "numbers_" in query["sql"]]
    assert len(reads) == 2
    assert {row["number"]: row["state"] for row in rows} == {
        number.number: "attached",
        world.stranger.phone_number.number: "not_recorded",
    }
    (row,) = [row for row in rows if row["number"] == number.number]
    assert row["at"] == "2026-01-01T17:00:00Z"
    assert (row["campaign_id"], row["since"], row["confirmed"]) == (
        str(world.other_campaign.id), "2026-01-01T16:00:00Z", "no",
    )  # fmt: skip
    assert (row["carrier_known"], row["carrier_campaign_id"], row["carrier_confirmed_at"]) == (
        "true", str(world.campaign.id), "2026-01-01T15:00:00Z",
    )  # fmt: skip


def test_an_organization_is_reported_what_was_its_own_then(number: PhoneNumber, world: World) -> None:
    """The number has gone to another organization since; one of its present numbers was another's."""
    recorded(number, world.campaign, 2)
    gone = PhoneNumberFactory.create(organization=world.stranger.organization)
    recorded(gone, world.stranger.campaign, 2)
    recorded(gone, None, 4)
    PhoneNumber.objects.filter(id=gone.id).update(organization=world.organization)
    own = PhoneNumberFactory.create(organization=world.organization)
    found = reported("--as-of", hour(3).isoformat(), "--organization", world.organization.slug)
    assert {row["number"]: row["organization"] for row in found} == {
        number.number: world.organization.slug,
        own.number: "",
    }
    strangers = reported("--as-of", hour(3).isoformat(), "--organization", world.stranger.organization.slug)
    assert {row["number"] for row in strangers} == {gone.number, world.stranger.phone_number.number}
    with pytest.raises(CommandError, match=f"Not with {world.organization.slug} at that time: .{gone.number[1:]}."):
        reported("--as-of", hour(3).isoformat(), "--organization", world.organization.slug, number.number, gone.number)


def test_the_command_writes_a_file_that_is_whole(number: PhoneNumber, world: World, tmp_path: Path) -> None:
    recorded(number, world.campaign, 2)
    file = tmp_path / "report.csv"
    call_command("report_attachments", "--as-of", hour(3).isoformat(), "--output", str(file), number.number)
    (row,) = csv.DictReader(io.StringIO(file.read_text(encoding="utf-8"), newline=""))
    assert row["number"] == number.number
    assert list(tmp_path.iterdir()) == [file]
    with pytest.raises(CommandError, match="No such file or directory"):
        reported("--as-of", hour(3).isoformat(), "--output", str(tmp_path / "missing" / "report.csv"))


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        (["--as-of", "2999-01-01"], "--as-of: The time must be between the year 2000 and now."),
        (["--as-of", "soon"], "--as-of: Enter a valid date/time."),
        (["--as-of", "2026-01-01", "+19195550199"], r"There is no number \+19195550199."),
        (["--as-of", "2026-01-01", "12"], '"12" is not a valid phone number.'),
    ],
)
def test_what_the_command_refuses(arguments: list[str], error: str, world: World) -> None:
    with pytest.raises(CommandError, match=error):
        reported(*arguments)
