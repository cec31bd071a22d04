"""The report of `manage.py attach_campaign`, and runs that do not come to their end."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from django.db import connection, transaction

from phone_numbers.management.bulk_attach import run
from phone_numbers.models import CampaignAttachment, PhoneNumber
from phone_numbers.services.bulk_attach import bulk_attach
from phone_numbers.services.locking import lock_phone_number
from tests.support.attach_command import attach_answer, campaign_of, counts_of, run_attach
from tests.support.commands import Ended, csv_rows
from tests.support.factories import PhoneNumberFactory
from tests.support.waiting import DEADLINE, connections_waiting_for_locks, wait_until
from tests.support.worlds import World

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def slug(world: World) -> str:
    return world.organization.slug


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
    ended = run_attach("--organization", world.organization.slug, "--csv", file, "--campaign", world.campaign.id,
                       "--report", report, "--batch-size", 2, *arguments)  # fmt: skip
    connection.close()
    assert (ended.code, ended.err.partition(":")[0]) == (1, "The database gave up after 2 rows")
    done = ("rolled_back", "") if is_atomic else ("attached", "")
    expected = [done] * 2 + [("unfinished", "BROKEN")] * 2 + [("unfinished", "NOT_TRIED")]
    assert [(row["outcome"], row["code"]) for row in csv_rows(report)] == expected
    assert [row["number"] for row in csv_rows(report)] == [number.number for number in numbers]
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
        ended = run_attach(*arguments, "--json", "--report", report, *dry)
        assert (ended.code, counts_of(ended)) == (1, attach_answer(rolled_back=4, failed=1, dry_run=bool(dry)))
        assert "nothing was attached" in ended.err
        assert [(row["outcome"], row["code"]) for row in csv_rows(report)] == [
            ("rolled_back", ""),
            ("rolled_back", ""),
            ("rolled_back", ""),
            ("failed", "NOT_FOUND"),
            ("rolled_back", ""),
        ]
        assert list(PhoneNumber.objects.order_by("id").values()) == before
    file.write_text("number\n" + "\n".join(rows))
    ended = run_attach(*arguments, "--json")
    assert (ended.code, counts_of(ended)) == (0, attach_answer(attached=4))


def test_a_file_that_cannot_be_read_leaves_no_report(slug: str, tmp_path: Path) -> None:
    file, report = tmp_path / "in.csv", tmp_path / "out.csv"
    file.write_bytes(b"")
    ended = run_attach("--organization", slug, "--csv", file, "--report", report)
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
            ended = run_attach(
                "--organization", slug, "--csv", "in.csv", "--campaign", world.campaign.id, "--report", path, *dry
            )
            assert ended == Ended(2, "", f"--report {path}: this is the input file.")
    assert (file.read_text(), campaign_of(world.phone_number)) == (content, None)
    assert not list(tmp_path.glob("*.part2"))


def test_the_report_is_safe_to_open(world: World, slug: str, tmp_path: Path) -> None:
    file, report = tmp_path / "in.csv", tmp_path / "out.csv"
    file.write_text(f"number\n=HYPERLINK(0)\n{world.phone_number.number}\n")
    assert (
        run_attach("--organization", slug, "--csv", file, "--campaign", world.campaign.id, "--report", report).code == 1
    )
    assert [row["number"] for row in csv_rows(report)] == ["'=HYPERLINK(0)", world.phone_number.number]


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
        reported = [(row["outcome"], row["code"]) for row in csv_rows(report)]
        assert reported == [("attached", "")] * 30 + [("unfinished", "NOT_TRIED")] * 30
    else:
        assert done == len(csv_rows(tmp_path / "out.csv.part")) == 20
    again = subprocess.run(command, cwd=ROOT, capture_output=True, timeout=DEADLINE)
    assert again.returncode == 0, again.stderr
    assert (json.loads(again.stdout)["attached"], json.loads(again.stdout)["unchanged"]) == (60 - done, done)
    assert CampaignAttachment.objects.count() == 60
    assert PhoneNumber.objects.filter(campaign=world.campaign).count() == 60
