"""`manage.py attach_campaign`: its sources, what it says of each row, and how it ends."""

import csv
import io
import json
import os
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.core.management import CommandError, call_command
from django.db import connection, transaction

from campaigns.models import CampaignStatus
from phone_numbers.management.bulk_attach import run
from phone_numbers.models import CampaignAttachment, NumberState, PhoneNumber
from phone_numbers.services.bulk_attach import bulk_attach
from phone_numbers.services.locking import lock_phone_number
from tests.support.factories import CampaignFactory, PhoneNumberFactory
from tests.support.propagation import attach
from tests.support.waiting import DEADLINE, connections_waiting_for_locks, wait_until
from tests.support.worlds import World

NOT_A_CAMPAIGN = "is not a campaign's UUID, or its TCR campaign ID of C and 6 to 11 letters or digits"
NOT_CLOSED = "a quotation mark is not closed, or a cell is too long"
ROOT = Path(__file__).resolve().parents[2]


@dataclass
class Ended:
    """How a command ended."""

    code: int
    out: str
    err: str


def _run(*arguments: object) -> Ended:
    out, err = io.StringIO(), io.StringIO()
    code = 0
    try:
        call_command("attach_campaign", *map(str, arguments), stdout=out, stderr=err)
    except CommandError as error:
        code = error.returncode
        err.write(str(error))
    except SystemExit as ended:
        code = int(ended.code or 0)
    return Ended(code, out.getvalue(), err.getvalue())


def _counts(ended: Ended) -> dict[str, Any]:
    answer: dict[str, Any] = json.loads(ended.out)
    assert answer.pop("seconds") >= 0
    assert (answer.pop("batch_id") is None) is (answer["dry_run"] or not answer["attached"])
    assert answer.pop("warnings") == []
    return answer


def _answer(**counts: Any) -> dict[str, Any]:
    return dict.fromkeys(("attached", "unchanged", "failed", "busy", "rolled_back"), 0) | {"dry_run": False} | counts


def _campaign_of(number: PhoneNumber) -> UUID | None:
    return PhoneNumber.objects.values_list("campaign_id", flat=True).get(id=number.id)


@pytest.fixture
def slug(world: World) -> str:
    return world.organization.slug


def _rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


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
    dry = _run("--organization", slug, "--csv", file, "--report", report, "--json", "--dry-run")
    dry_rows = _rows(report)
    assert not CampaignAttachment.objects.exists()
    ended = _run("--organization", slug, "--csv", file, "--report", report, "--json")
    assert (dry.code, ended.code) == (1, 1)
    assert _counts(ended) == _answer(attached=2, unchanged=1, failed=15)
    assert _counts(dry) == _answer(attached=2, unchanged=1, failed=15, dry_run=True)
    rows = _rows(report)
    assert rows == dry_rows
    reported = {int(row["line"]): (row["outcome"], row["code"], row["message"]) for row in rows}
    expected = {place: words for place, (_, words) in enumerate(lines, start=2) if words is not None}
    assert {place: reported[place] for place in expected} == expected
    assert _campaign_of(world.phone_number) == world.campaign.id
    assert not (tmp_path / "out.csv.part").exists()


def test_running_again_finishes_and_changes_nothing(world: World, slug: str, tmp_path: Path) -> None:
    numbers = PhoneNumberFactory.create_batch(30, organization=world.organization)
    file = tmp_path / "in.csv"
    file.write_text("phone_number_id,note\n" + "".join(f"{number.id},x\n" for number in numbers))
    arguments = ("--organization", slug, "--csv", file, "--campaign", world.campaign.id, "--batch-size", 7, "--json")
    first = _run(*arguments)
    assert (first.code, _counts(first)) == (0, _answer(attached=30))
    before = list(PhoneNumber.objects.order_by("id").values())
    again = _run(*arguments)
    assert (again.code, _counts(again)) == (0, _answer(unchanged=30))
    assert list(PhoneNumber.objects.order_by("id").values()) == before
    assert CampaignAttachment.objects.count() == 30
    entry = CampaignAttachment.objects.latest("created_at")
    assert (entry.actor_kind, entry.actor_id) == ("command", "attach_campaign")


def test_tcr_ids_and_a_campaign_for_all(world: World, slug: str, tmp_path: Path) -> None:
    world.campaign.tcr_campaign_id = "CABC123"
    world.campaign.save()
    file = tmp_path / "in.csv"
    file.write_text(f"tcr_campaign_id,number\nCABC123,{world.phone_number.number}\n")
    assert _run("--organization", slug, "--csv", file).out.startswith(
        "1 attached, 0 unchanged, 0 failed, 0 busy, 0 rolled_back in "
    )
    assert _campaign_of(world.phone_number) == world.campaign.id
    # What the command names goes before what the file says.
    assert _run("--organization", slug, "--csv", file, "--campaign", world.other_campaign.id).code == 0
    assert _campaign_of(world.phone_number) == world.other_campaign.id
    assert _run("--organization", slug, "--number", world.phone_number.number, "--campaign", "CABC123").code == 0
    assert _campaign_of(world.phone_number) == world.campaign.id


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
    ended = _run("--organization", slug, "--csv", file, "--json", "--report", report)
    assert (ended.code, _counts(ended)) == (1, _answer(attached=2, failed=2))
    assert [(row["line"], row["number"], row["code"]) for row in _rows(report)] == [
        ("3", world.phone_number.number, ""),
        ("4", second.number, ""),
        ("5", third.number, "BAD_ACTION"),
        ("6", "919555", "NOT_FOUND"),
    ]
    file.write_text(f"TN,A2pSettings\n{third.number[2:]},CABC123\n")
    assert _run("--organization", slug, "--csv", file, "--campaign", world.campaign.id).code == 0
    assert _campaign_of(third) == world.campaign.id


def test_everything_on_one_campaign_moves_to_another(world: World, slug: str) -> None:
    on = PhoneNumberFactory.create_batch(5, campaign=world.campaign, propagated=True)
    PhoneNumber.objects.filter(id=on[0].id).update(state=NumberState.QUARANTINED)
    arguments = ("--organization", slug, "--from-campaign", world.campaign.id, "--campaign", world.other_campaign.id)
    ended = _run(*arguments, "--batch-size", 2, "--json")
    assert (ended.code, _counts(ended)) == (1, _answer(attached=4, failed=1))
    assert f"{on[0].number}: NUMBER_NOT_ASSIGNED: number is not assigned" in ended.err
    assert [_campaign_of(number) for number in on[1:]] == [world.other_campaign.id] * 4
    assert _campaign_of(world.phone_number) is None


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
    ended = _run("--organization", slug, "--from-campaign", world.campaign.id, "--campaign", world.other_campaign.id)
    assert ended.code == 1
    assert ended.out.startswith("1 attached, 0 unchanged, 2 failed, 0 busy, ")
    assert ended.err.count("PRECONDITION_FAILED: changed meanwhile") == 2
    assert [_campaign_of(number) for number in (moved, sold, stays)] == [third.id, None, world.other_campaign.id]


def test_what_was_previewed_is_what_is_attached(world: World, slug: str, tmp_path: Path) -> None:
    fresh, on, moved, porting = PhoneNumberFactory.create_batch(4, organization=world.organization)
    third = CampaignFactory.create(brand=world.brand)
    attach(on, third)
    PhoneNumber.objects.filter(id=porting.id).update(state=NumberState.PENDING)
    numbers = [number for row in (fresh, on, moved, porting) for number in ("--number", row.number)]
    preview, report = tmp_path / "preview.csv", tmp_path / "done.csv"
    dry = _run("--organization", slug, *numbers, "--campaign", world.campaign.id, "--dry-run", "--report", preview)
    assert dry.out.startswith("3 would be attached, 0 unchanged, 1 failed")
    assert [row["previous_campaign_id"] for row in _rows(preview)] == ["", str(third.id), "", ""]

    attach(moved, third)
    PhoneNumber.objects.filter(id=porting.id).update(state=NumberState.ASSIGNED)
    same = tmp_path / "link.csv"
    same.symlink_to(preview)
    for arguments, words in [
        (("--campaign", world.campaign.id), "--previewed has the campaigns: leave out --campaign."),
        (("--report", same), f"--report {same}: this is the input file."),
    ]:
        assert _run("--organization", slug, "--previewed", preview, *arguments) == Ended(2, "", words)
    ended = _run("--organization", slug, "--previewed", preview, "--report", report)
    assert ended.out.startswith("2 attached, 0 unchanged, 1 failed")
    assert [(row["number"], row["code"]) for row in _rows(report)] == [
        (fresh.number, ""),
        (on.number, ""),
        (moved.number, "PRECONDITION_FAILED"),
    ]
    campaigns = [_campaign_of(number) for number in (fresh, on, moved, porting)]
    assert campaigns == [world.campaign.id, world.campaign.id, third.id, None]
    (tmp_path / "in.csv").write_text("number\n")
    assert _run("--organization", slug, "--previewed", tmp_path / "in.csv").err == (
        f"{tmp_path / 'in.csv'}: is not a report of this command, which begins with {','.join(run.HEADER)}."
    )


@pytest.mark.parametrize("is_atomic", [False, True])
def test_a_lost_database_leaves_a_whole_report(
    is_atomic: bool, transactional_db: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = World()
    numbers = PhoneNumberFactory.create_batch(5, organization=world.organization)
    file, report = tmp_path / "in.csv", tmp_path / "out.csv"
    file.write_text("number\n" + "\n".join(number.number for number in numbers))
    calls = iter([False, True])

    def once(**arguments: Any) -> Any:
        if next(calls):
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_terminate_backend(pg_backend_pid())")
        return bulk_attach(**arguments)

    monkeypatch.setattr(run, "bulk_attach", once)
    arguments = ["--atomic"] if is_atomic else []
    ended = _run("--organization", world.organization.slug, "--csv", file, "--campaign", world.campaign.id,
                 "--report", report, "--batch-size", 2, *arguments)  # fmt: skip
    connection.close()
    assert (ended.code, ended.err.partition(":")[0]) == (1, "The database gave up after 2 rows")
    done = ("rolled_back", "") if is_atomic else ("attached", "")
    expected = [done] * 2 + [("unfinished", "BROKEN")] * 2 + [("unfinished", "NOT_TRIED")]
    assert [(row["outcome"], row["code"]) for row in _rows(report)] == expected
    assert [row["number"] for row in _rows(report)] == [number.number for number in numbers]
    assert PhoneNumber.objects.filter(campaign=world.campaign).count() == (0 if is_atomic else 2)
    assert sorted(tmp_path.iterdir()) == [file, report]


def test_atomic_takes_everything_back(world: World, slug: str, tmp_path: Path) -> None:
    numbers = PhoneNumberFactory.create_batch(4, organization=world.organization)
    file, report = tmp_path / "in.csv", tmp_path / "out.csv"
    rows = [number.number for number in numbers]
    file.write_text("number\n" + "\n".join([*rows[:3], "+19992220000", rows[3]]))
    arguments = ("--organization", slug, "--csv", file, "--campaign", world.campaign.id, "--atomic", "--batch-size", 2)
    before = list(PhoneNumber.objects.order_by("id").values())
    for dry in ((), ("--dry-run",)):
        ended = _run(*arguments, "--json", "--report", report, *dry)
        assert (ended.code, _counts(ended)) == (1, _answer(rolled_back=4, failed=1, dry_run=bool(dry)))
        assert "nothing was attached" in ended.err
        assert [(row["outcome"], row["code"]) for row in _rows(report)] == [
            ("rolled_back", ""),
            ("rolled_back", ""),
            ("rolled_back", ""),
            ("failed", "NOT_FOUND"),
            ("rolled_back", ""),
        ]
        assert list(PhoneNumber.objects.order_by("id").values()) == before
    file.write_text("number\n" + "\n".join(rows))
    ended = _run(*arguments, "--json")
    assert (ended.code, _counts(ended)) == (0, _answer(attached=4))


def test_a_file_that_cannot_be_read_leaves_no_report(slug: str, tmp_path: Path) -> None:
    file, report = tmp_path / "in.csv", tmp_path / "out.csv"
    file.write_bytes(b"")
    ended = _run("--organization", slug, "--csv", file, "--report", report)
    assert (ended.code, ended.out, ended.err) == (2, "", f"{file}: is empty.")
    assert sorted(tmp_path.iterdir()) == [file]


@pytest.mark.parametrize("dry", [(), ("--dry-run",)])
def test_a_report_is_never_the_file_that_is_read(
    dry: tuple[str, ...], world: World, slug: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "in.csv"
    content = f"number\n{world.phone_number.number}\n"
    file.write_text(content)
    (tmp_path / "folder").mkdir()
    (tmp_path / "symlink.csv").symlink_to(file)
    (tmp_path / "hardlink.csv").hardlink_to(file)
    # The draft of the report would be the file.
    (tmp_path / "out.csv.part").hardlink_to(file)
    monkeypatch.chdir(tmp_path)
    with file.open() as opened:
        for path in (
            "in.csv", "./in.csv", "folder/../in.csv", file, "symlink.csv", "hardlink.csv", "out.csv",
            f"/proc/self/fd/{opened.fileno()}",
        ):  # fmt: skip
            ended = _run(
                "--organization", slug, "--csv", "in.csv", "--campaign", world.campaign.id, "--report", path, *dry
            )
            assert ended == Ended(2, "", f"--report {path}: this is the input file.")
    assert (file.read_text(), _campaign_of(world.phone_number)) == (content, None)
    assert not list(tmp_path.glob("*.part2"))


def test_the_report_is_safe_to_open(world: World, slug: str, tmp_path: Path) -> None:
    file, report = tmp_path / "in.csv", tmp_path / "out.csv"
    file.write_text(f"number\n=HYPERLINK(0)\n{world.phone_number.number}\n")
    assert _run("--organization", slug, "--csv", file, "--campaign", world.campaign.id, "--report", report).code == 1
    assert [row["number"] for row in _rows(report)] == ["'=HYPERLINK(0)", world.phone_number.number]


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
        assert _run("--organization", slug, *arguments) == Ended(2, "", words)
    assert _run("--organization", "missing", "--number", number, "--campaign", campaign).err == (
        "Error: argument --organization: there is no organization with the slug 'missing'"
    )
    assert not CampaignAttachment.objects.exists()


def test_a_bad_number_among_the_arguments(world: World, slug: str) -> None:
    ended = _run("--organization", slug, "--number", "911", "--number", world.phone_number.number,
                 "--number", world.phone_number.number, "--campaign", world.campaign.id)  # fmt: skip
    assert ended.code == 1
    assert ended.out.startswith("1 attached, 1 unchanged, 1 failed, 0 busy, 0 rolled_back in ")
    assert ended.err.splitlines() == ['line 1: 911: BAD_NUMBER: "911" is not a valid phone number']


def test_a_foreign_or_missing_campaign_fails_every_row(world: World, slug: str) -> None:
    for campaign in (world.stranger.campaign.id, uuid4()):
        ended = _run("--organization", slug, "--number", world.phone_number.number, "--campaign", campaign)
        assert (ended.code, "NOT_FOUND: not found" in ended.err) == (1, True)
    assert _campaign_of(world.phone_number) is None


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL])
def test_stopped_halfway_and_run_again(how: signal.Signals, transactional_db: None, tmp_path: Path) -> None:
    world = World()
    numbers = PhoneNumberFactory.create_batch(60, organization=world.organization)
    command = [sys.executable, "manage.py", "attach_campaign", "--organization", world.organization.slug]
    file, report = tmp_path / "in.csv", tmp_path / "out.csv"
    file.write_text("number\n" + "".join(f"{number.number}\n" for number in numbers))
    command += [
        "--csv",
        str(file),
        "--report",
        str(report),
        "--campaign",
        str(world.campaign.id),
        "--batch-size",
        "10",
        "--lock-timeout",
        str(DEADLINE),
        "--json",
    ]
    code = (
        "import os, sys; os.environ['DJANGO_SETTINGS_MODULE'] = 'tests.settings'; import django; django.setup();"
        f" from django.db import connection; connection.settings_dict['NAME'] = {connection.settings_dict['NAME']!r};"
        " from django.core.management import ManagementUtility;"
        " ManagementUtility(sys.argv[1:]).execute()"
    )
    command[1:2] = ["-c", code, "manage.py"]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=os.environ.copy())
    # The third batch cannot go on before the signal has come.
    with transaction.atomic():
        lock_phone_number(organization_id=world.organization.id, phone_number_id=numbers[25].id)
        wait_until(connections_waiting_for_locks, "the third batch waits for its lock")
        process.send_signal(how)
    out, err = process.communicate(timeout=DEADLINE)
    done = CampaignAttachment.objects.count()
    if how == signal.SIGINT:
        assert process.returncode == 130
        assert json.loads(out)["attached"] == done == 30
        assert b"Interrupted after 30 rows: what is done stays done; run it again to go on." in err
        reported = [(row["outcome"], row["code"]) for row in _rows(report)]
        assert reported == [("attached", "")] * 30 + [("unfinished", "NOT_TRIED")] * 30
    else:
        assert done == len(_rows(tmp_path / "out.csv.part")) == 20
    again = subprocess.run(command, cwd=ROOT, capture_output=True, timeout=DEADLINE)
    assert again.returncode == 0, again.stderr
    assert (json.loads(again.stdout)["attached"], json.loads(again.stdout)["unchanged"]) == (60 - done, done)
    assert CampaignAttachment.objects.count() == 60
    assert PhoneNumber.objects.filter(campaign=world.campaign).count() == 60
