"""`manage.py attach_campaign`: its sources, what it says of each row, and how it ends."""

from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from campaigns.models import CampaignStatus
from phone_numbers.management.bulk_attach import run
from phone_numbers.models import CampaignAttachment, NumberState, PhoneNumber
from phone_numbers.services.bulk_attach import bulk_attach
from tests.support.attach_command import attach_answer, campaign_of, counts_of, run_attach
from tests.support.commands import Ended, csv_rows
from tests.support.factories import CampaignFactory, PhoneNumberFactory
from tests.support.propagation import attach
from tests.support.worlds import World

NOT_A_CAMPAIGN = "is not a campaign's UUID, or its TCR campaign ID of C and 6 to 11 letters or digits"
NOT_CLOSED = "a quotation mark is not closed, or a cell is too long"


@pytest.fixture
def slug(world: World) -> str:
    return world.organization.slug


def test_a_csv_with_every_kind_of_line(world: World, slug: str, tmp_path: Path) -> None:
    second = PhoneNumberFactory.create(organization=world.organization)
    porting = PhoneNumberFactory.create(organization=world.organization, porting=True)
    expired = world.other_campaign
    expired.status = CampaignStatus.EXPIRED
    expired.save()
    good = str(world.campaign.id)
    number = world.phone_number.number
    lines: list[tuple[bytes, tuple[str, str, str] | None]] = [
        (f"{number},{good}".encode(), ("attached", "", "")),
        (f'"{second.number}", "{good}"'.encode(), ("attached", "", "")),
        (b"", None),
        (b"   ,,", None),
        (b"+19192550100", ("failed", "BAD_ID", f'"" {NOT_A_CAMPAIGN}')),
        (
            f"+19192550100,{good},c".encode(),
            ("failed", "BAD_COLUMNS", "the line has 3 cells and the header 2; quote cells that have ','"),
        ),
        (f"12345678,{good}".encode(), ("failed", "BAD_NUMBER", '"12345678" is not a valid phone number')),
        (f",{good}".encode(), ("failed", "BAD_NUMBER", '"" is not a valid phone number')),
        (b"+19192550101,reminders", ("failed", "BAD_ID", f'"reminders" {NOT_A_CAMPAIGN}')),
        (f"{number},{good}".encode(), ("unchanged", "", "")),
        (
            f"{number},{expired.id}".encode(),
            ("failed", "REPEATED", f"an earlier line puts the number on campaign {good}"),
        ),
        (
            f"+1919255\x000102,{good}".encode(),
            ("failed", "BAD_NUMBER", '"+1919255\\u00000102" is not a valid phone number'),
        ),
        (b"+19192550103,caf\xe9", ("failed", "BAD_ID", f'"caf\\\\xe9" {NOT_A_CAMPAIGN}')),
        (f"{world.stranger.phone_number.number},{good}".encode(), ("failed", "NOT_FOUND", "not found")),
        (f"+19992220000,{good}".encode(), ("failed", "NOT_FOUND", "not found")),
        (f"{porting.number},{good}".encode(), ("failed", "NUMBER_NOT_ASSIGNED", "number is not assigned")),
        (f"+19992220009,{expired.id}".encode(), ("failed", "CAMPAIGN_NOT_ACTIVE", "campaign is not active")),
        (f"+19992220001,{world.stranger.campaign.id}".encode(), ("failed", "NOT_FOUND", "not found")),
        (
            b"+19992220002,CABCDEF",
            ("failed", "NOT_FOUND", '"CABCDEF" is not a TCR campaign ID of this organization'),
        ),
        (
            f'"+19992220003,{good}'.encode(),
            (
                "failed",
                "BAD_QUOTES",
                f"{NOT_CLOSED}: unexpected end of data; the rest of the file is not read",
            ),
        ),
    ]
    file, report = tmp_path / "in.csv", tmp_path / "out.csv"
    # A byte order mark, and lines that end as Windows ends them.
    file.write_bytes(b"\xef\xbb\xbfnumber,campaign_id\r\n" + b"\r\n".join(raw for raw, _ in lines))
    dry = run_attach("--organization", slug, "--csv", file, "--report", report, "--json", "--dry-run")
    dry_rows = csv_rows(report)
    assert not CampaignAttachment.objects.exists()
    ended = run_attach("--organization", slug, "--csv", file, "--report", report, "--json")
    assert (dry.code, ended.code) == (1, 1)
    assert counts_of(ended) == attach_answer(attached=2, unchanged=1, failed=15)
    assert counts_of(dry) == attach_answer(attached=2, unchanged=1, failed=15, dry_run=True)
    rows = csv_rows(report)
    assert rows == dry_rows
    reported = {int(row["line"]): (row["outcome"], row["code"], row["message"]) for row in rows}
    expected = {place: words for place, (_, words) in enumerate(lines, start=2) if words is not None}
    assert {place: reported[place] for place in expected} == expected
    assert campaign_of(world.phone_number) == world.campaign.id
    assert not (tmp_path / "out.csv.part").exists()


def test_running_again_finishes_and_changes_nothing(world: World, slug: str, tmp_path: Path) -> None:
    numbers = PhoneNumberFactory.create_batch(30, organization=world.organization)
    file = tmp_path / "in.csv"
    file.write_text("phone_number_id,note\n" + "".join(f"{number.id},x\n" for number in numbers))
    arguments = ("--organization", slug, "--csv", file, "--campaign", world.campaign.id, "--batch-size", 7, "--json")
    first = run_attach(*arguments)
    assert (first.code, counts_of(first)) == (0, attach_answer(attached=30))
    before = list(PhoneNumber.objects.order_by("id").values())
    again = run_attach(*arguments)
    assert (again.code, counts_of(again)) == (0, attach_answer(unchanged=30))
    assert list(PhoneNumber.objects.order_by("id").values()) == before
    assert CampaignAttachment.objects.count() == 30
    entry = CampaignAttachment.objects.latest("created_at")
    assert (entry.actor_kind, entry.actor_id) == ("command", "attach_campaign")


def test_tcr_ids_and_a_campaign_for_all(world: World, slug: str, tmp_path: Path) -> None:
    world.campaign.tcr_campaign_id = "CABC123"
    world.campaign.save()
    file = tmp_path / "in.csv"
    file.write_text(f"tcr_campaign_id,number\nCABC123,{world.phone_number.number}\n")
    assert run_attach("--organization", slug, "--csv", file).out.startswith(
        "1 attached, 0 unchanged, 0 failed, 0 busy, 0 rolled_back in "
    )
    assert campaign_of(world.phone_number) == world.campaign.id
    # What the command names goes before what the file says.
    assert run_attach("--organization", slug, "--csv", file, "--campaign", world.other_campaign.id).code == 0
    assert campaign_of(world.phone_number) == world.other_campaign.id
    assert run_attach("--organization", slug, "--number", world.phone_number.number, "--campaign", "CABC123").code == 0
    assert campaign_of(world.phone_number) == world.campaign.id


def test_a_bandwidth_export(world: World, slug: str, tmp_path: Path) -> None:
    world.campaign.tcr_campaign_id = "CABC123"
    world.campaign.save()
    second, third = PhoneNumberFactory.create_batch(2, organization=world.organization)
    file = tmp_path / "tns.csv"
    file.write_text(
        "TN,A2pSettings,A2pSettings,A2pSettings\n"
        ",MessageClass,CampaignId,Action\n"
        f"{world.phone_number.number[2:]},T,CABC123,asSpecified\n"
        f"{second.number[1:]},T,CABC123,asSpecified\n"
        f"{third.number},T,CABC123,delete\n"
        "919555,T,CABC123,asSpecified\n"
    )
    report = tmp_path / "report.csv"
    ended = run_attach("--organization", slug, "--csv", file, "--json", "--report", report)
    assert (ended.code, counts_of(ended)) == (1, attach_answer(attached=2, failed=2))
    assert [(row["line"], row["number"], row["code"]) for row in csv_rows(report)] == [
        ("3", world.phone_number.number, ""),
        ("4", second.number, ""),
        ("5", third.number, "BAD_ACTION"),
        ("6", "919555", "NOT_FOUND"),
    ]
    file.write_text(f"TN,A2pSettings\n{third.number[2:]},CABC123\n")
    assert run_attach("--organization", slug, "--csv", file, "--campaign", world.campaign.id).code == 0
    assert campaign_of(third) == world.campaign.id


def test_everything_on_one_campaign_moves_to_another(world: World, slug: str) -> None:
    on = PhoneNumberFactory.create_batch(5, campaign=world.campaign, propagated=True)
    PhoneNumber.objects.filter(id=on[0].id).update(state=NumberState.QUARANTINED)
    arguments = ("--organization", slug, "--from-campaign", world.campaign.id, "--campaign", world.other_campaign.id)
    ended = run_attach(*arguments, "--batch-size", 2, "--json")
    assert (ended.code, counts_of(ended)) == (1, attach_answer(attached=4, failed=1))
    assert f"{on[0].number}: NUMBER_NOT_ASSIGNED: number is not assigned" in ended.err
    assert [campaign_of(number) for number in on[1:]] == [world.other_campaign.id] * 4
    assert campaign_of(world.phone_number) is None


def test_only_what_is_still_on_the_campaign_moves(world: World, slug: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A customer moves a number after it was listed, and another is moved to a second organization."""
    moved, sold, stays = PhoneNumberFactory.create_batch(3, campaign=world.campaign, propagated=True)
    third = CampaignFactory.create(brand=world.brand)

    def after_the_customer(**arguments: Any) -> Any:
        attach(moved, third)
        PhoneNumber.objects.filter(id=sold.id).update(
            organization=world.stranger.organization, campaign=None, carrier_line_option_status=None
        )
        return bulk_attach(**arguments)

    monkeypatch.setattr(run, "bulk_attach", after_the_customer)
    ended = run_attach(
        "--organization", slug, "--from-campaign", world.campaign.id, "--campaign", world.other_campaign.id
    )
    assert ended.code == 1
    assert ended.out.startswith("1 attached, 0 unchanged, 2 failed, 0 busy, ")
    assert ended.err.count("PRECONDITION_FAILED: changed meanwhile") == 2
    assert [campaign_of(number) for number in (moved, sold, stays)] == [third.id, None, world.other_campaign.id]


def test_what_was_previewed_is_what_is_attached(world: World, slug: str, tmp_path: Path) -> None:
    fresh, on, moved, porting = PhoneNumberFactory.create_batch(4, organization=world.organization)
    third = CampaignFactory.create(brand=world.brand)
    attach(on, third)
    PhoneNumber.objects.filter(id=porting.id).update(state=NumberState.PENDING)
    numbers = [number for row in (fresh, on, moved, porting) for number in ("--number", row.number)]
    preview, report = tmp_path / "preview.csv", tmp_path / "done.csv"
    dry = run_attach(
        "--organization", slug, *numbers, "--campaign", world.campaign.id, "--dry-run", "--report", preview
    )
    assert dry.out.startswith("3 would be attached, 0 unchanged, 1 failed")
    assert [row["previous_campaign_id"] for row in csv_rows(preview)] == ["", str(third.id), "", ""]

    attach(moved, third)
    PhoneNumber.objects.filter(id=porting.id).update(state=NumberState.ASSIGNED)
    same = tmp_path / "link.csv"
    same.symlink_to(preview)
    for arguments, words in [
        (("--campaign", world.campaign.id), "--previewed has the campaigns: leave out --campaign."),
        (("--report", same), f"--report {same}: this is the input file."),
    ]:
        assert run_attach("--organization", slug, "--previewed", preview, *arguments) == Ended(2, "", words)
    ended = run_attach("--organization", slug, "--previewed", preview, "--report", report)
    assert ended.out.startswith("2 attached, 0 unchanged, 1 failed")
    assert [(row["number"], row["code"]) for row in csv_rows(report)] == [
        (fresh.number, ""),
        (on.number, ""),
        (moved.number, "PRECONDITION_FAILED"),
    ]
    campaigns = [campaign_of(number) for number in (fresh, on, moved, porting)]
    assert campaigns == [world.campaign.id, world.campaign.id, third.id, None]
    (tmp_path / "in.csv").write_text("number\n")
    assert run_attach("--organization", slug, "--previewed", tmp_path / "in.csv").err == (
        f"{tmp_path / 'in.csv'}: is not a report of this command, which begins with {','.join(run.HEADER)}."
    )


def test_what_cannot_start(world: World, slug: str, tmp_path: Path) -> None:
    number, campaign = world.phone_number.number, str(world.campaign.id)
    for arguments, words in [
        (("--csv", tmp_path), f"{tmp_path}: Is a directory."),
        (("--csv", tmp_path / "none"), f"{tmp_path / 'none'}: No such file or directory."),
        (("--csv", "a\x00b"), "--csv is not a path: embedded null byte."),
        (("--number", number), "--number and --from-campaign need --campaign."),
        (("--from-campaign", campaign), "--number and --from-campaign need --campaign."),
        (
            ("--number", number, "--campaign", "x"),
            f'--campaign: "x" {NOT_A_CAMPAIGN}.',
        ),
        (
            ("--number", number, "--campaign", "CABC123"),
            '--campaign: "CABC123" is not a TCR campaign ID of this organization.',
        ),
        (
            ("--from-campaign", world.stranger.campaign.id, "--campaign", campaign),
            f"--from-campaign: the organization has no campaign {world.stranger.campaign.id}.",
        ),
        (
            ("--number", number, "--campaign", campaign, "--batch-size", 0),
            "--batch-size and --lock-timeout must be greater than 0.",
        ),
        (
            ("--number", number, "--campaign", campaign, "--report", tmp_path / "no" / "x.csv"),
            f"--report {tmp_path / 'no' / 'x.csv'}: No such file or directory.",
        ),
    ]:
        assert run_attach("--organization", slug, *arguments) == Ended(2, "", words)
    assert run_attach("--organization", "missing", "--number", number, "--campaign", campaign).err == (
        "Error: argument --organization: there is no organization with the slug 'missing'"
    )
    assert not CampaignAttachment.objects.exists()


def test_a_bad_number_among_the_arguments(world: World, slug: str) -> None:
    ended = run_attach("--organization", slug, "--number", "911", "--number", world.phone_number.number,
                       "--number", world.phone_number.number, "--campaign", world.campaign.id)  # fmt: skip
    assert ended.code == 1
    assert ended.out.startswith("1 attached, 1 unchanged, 1 failed, 0 busy, 0 rolled_back in ")
    assert ended.err.splitlines() == ['line 1: 911: BAD_NUMBER: "911" is not a valid phone number']


def test_a_foreign_or_missing_campaign_fails_every_row(world: World, slug: str) -> None:
    for campaign in (world.stranger.campaign.id, uuid4()):
        ended = run_attach("--organization", slug, "--number", world.phone_number.number, "--campaign", campaign)
        assert (ended.code, "NOT_FOUND: not found" in ended.err) == (1, True)
    assert campaign_of(world.phone_number) is None
