"""Reading a carrier's list in pieces: what one bad page or record costs, and where a reading continues."""

from collections.abc import Iterator
from datetime import timedelta

import pytest
from django.utils import timezone

from accounts.actors import Actor
from carriers.base import Carrier, Deadline
from carriers.choose import build_carrier
from phone_numbers.models import LineOptionStatus, NumberType, PhoneNumber
from propagation.models import CarrierReading
from propagation.services import reading
from propagation.services.calling import RateLimited
from propagation.services.reading import OutOfTime, ReadingTaken, TooManyErrors
from propagation.services.reconcile import Drift, Finding, Report, reconcile
from tests.support.factories import PhoneNumberFactory
from tests.support.fake_bandwidth import OddBandwidth
from tests.support.propagation import Meanwhile
from tests.support.serving import Call
from tests.support.worlds import World

ACTOR = Actor.for_worker("reconcile")


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "sleep", lambda _seconds: None)


@pytest.fixture
def fake() -> Iterator[OddBandwidth]:
    fake = OddBandwidth()
    yield fake
    fake.stop()


@pytest.fixture
def carrier(fake: OddBandwidth) -> Iterator[Carrier]:
    carrier = build_carrier(fake.url, pace=lambda: None)
    yield carrier
    carrier.close()


@pytest.fixture
def numbers(world: World, fake: OddBandwidth) -> list[PhoneNumber]:
    """1,100 numbers that are on their campaign here and at the carrier: five pages."""
    PhoneNumber.objects.bulk_create(
        PhoneNumber(
            organization=world.organization,
            number=f"+1808{2_000_000 + i}",
            state="ASSIGNED",
            campaign=world.campaign,
            carrier_line_option_status=LineOptionStatus.PROPAGATED,
        )
        for i in range(1100)
    )
    numbers = list(PhoneNumber.objects.filter(campaign=world.campaign).order_by("number"))
    fake.campaigns = {number.number: str(world.campaign.tcr_campaign_id) for number in numbers}
    return numbers


def _reconcile(carrier: Carrier, **options: object) -> tuple[Report, list[Finding]]:
    findings: list[Finding] = []
    report = reconcile(
        carrier=carrier,
        actor=ACTOR,
        dry_run=True,
        on_finding=findings.append,
        **options,  # type: ignore[arg-type]
    )
    assert report is not None
    return report, findings


def test_a_list_is_read_by_pages_and_compared(
    carrier: Carrier, fake: OddBandwidth, numbers: list[PhoneNumber], world: World
) -> None:
    report, findings = _reconcile(carrier)
    # With the two numbers that are on no campaign, of which the complete list says the same.
    assert (report.extent.compared, report.unknown, report.unreadable, findings) == (1102, 0, 0, [])
    assert fake.offsets() == [0, 250, 500, 750, 1000]
    assert len(fake.calls) == 6, "And the token."
    del fake.campaigns[numbers[0].number]
    fake.campaigns[numbers[1].number] = "CELSE00"
    fake.campaigns[world.phone_number.number] = "CELSE00"
    fake.registrations[numbers[2].number] = "FAILURE"
    fake.registrations[numbers[3].number] = "PROCESSING"
    report, findings = _reconcile(carrier)
    assert {finding.number: finding.drift for finding in findings} == {
        numbers[0].number: Drift.MISSING,
        numbers[1].number: Drift.OTHER_CAMPAIGN,
        numbers[2].number: Drift.MISSING,
        world.phone_number.number: Drift.NOT_OURS,
    }
    assert (report.extent.compared, report.unknown) == (1101, 1)


def test_an_absent_field_is_not_drift(carrier: Carrier, fake: OddBandwidth, numbers: list[PhoneNumber]) -> None:
    fake.records = {number.number: {"phoneNumber": number.number, "status": "SUCCESS"} for number in numbers}
    report, findings = _reconcile(carrier)
    assert (report.unknown, findings) == (1100, [])


def test_without_the_role_an_absent_field_is_not_drift_either(
    carrier: Carrier, fake: OddBandwidth, numbers: list[PhoneNumber]
) -> None:
    fake.may_list = False
    here = numbers[0].number
    PhoneNumber.objects.exclude(number__in=[number.number for number in numbers[:3]]).delete()
    fake.campaigns = {here: fake.campaigns[here]}
    report, findings = _reconcile(carrier)
    assert (report.extent.compared, report.unknown, findings) == (1, 2, [])


def test_a_toll_free_number_is_not_missing_in_a_list_of_10dlc_numbers(
    carrier: Carrier, fake: OddBandwidth, numbers: list[PhoneNumber], world: World
) -> None:
    PhoneNumberFactory.create(
        organization=world.organization,
        number="+18005550100",
        number_type=NumberType.TOLL_FREE,
        campaign=world.campaign,
        carrier_line_option_status=LineOptionStatus.PROPAGATED,
    )
    report, findings = _reconcile(carrier)
    assert (report.unknown, findings) == (1, [])


def test_a_number_that_slipped_between_two_pages_is_looked_up(
    carrier: Carrier, fake: OddBandwidth, numbers: list[PhoneNumber]
) -> None:
    """The first number leaves the list after the first page, so the second begins one number too late."""
    gone = numbers[0].number

    def leaves(call: Call) -> bool:
        if call.query.get("offset") == "250":
            fake.campaigns.pop(gone, None)
        return False

    fake.is_bad = leaves
    report, findings = _reconcile(carrier)
    assert (report.extent.compared, findings) == (1102, [])
    assert fake.asked()[-1].endswith(f"/tendlc/phoneNumbers/{numbers[250].number}")


def test_an_empty_list_stops_the_run_without_lookups(
    carrier: Carrier, fake: OddBandwidth, numbers: list[PhoneNumber]
) -> None:
    fake.campaigns = {}
    report, findings = _reconcile(carrier)
    assert (len(findings), report.extent.excess) == (1100, "1,100 of 1,102 differ, more than 22")
    assert len(fake.calls) == 2


def test_a_page_that_cannot_be_read_costs_no_other_and_its_numbers_are_looked_up(
    carrier: Carrier, fake: OddBandwidth, numbers: list[PhoneNumber]
) -> None:
    fake.is_bad = lambda call: call.query.get("offset") == "500"
    del fake.campaigns[numbers[600].number]
    report, findings = _reconcile(carrier)
    assert {finding.number for finding in findings} == {numbers[600].number}
    assert report.extent.compared == 1102
    assert sum("/phoneNumbers/" in asked for asked in fake.asked()) == 251 + 2, "And those on no campaign."


@pytest.mark.parametrize("record", [None, {"phoneNumber": []}])
def test_a_record_that_cannot_be_read_costs_one_number(
    carrier: Carrier, fake: OddBandwidth, numbers: list[PhoneNumber], record: object
) -> None:
    fake.records = {numbers[5].number: record}
    report, findings = _reconcile(carrier)
    assert (report.extent.compared, report.unreadable, findings) == (1101, 1, [])


def test_ten_errors_in_a_row_stop_a_run_that_then_continues(
    carrier: Carrier, fake: OddBandwidth, numbers: list[PhoneNumber]
) -> None:
    fake.is_bad = lambda call: int(call.query.get("offset", 0)) >= 500
    with pytest.raises(TooManyErrors):
        _reconcile(carrier)
    assert len(set(fake.offsets())) == 2 + 10
    fake.is_bad = lambda _call: False
    fake.calls.clear()
    report, findings = _reconcile(carrier)
    assert (report.extent.compared, findings) == (1102, [])
    assert fake.offsets() == [500, 750, 1000]


def test_bad_numbers_in_a_row_do_not_hold_up_those_behind_them(
    carrier: Carrier, fake: OddBandwidth, numbers: list[PhoneNumber]
) -> None:
    """Twelve numbers never have an answer: the second run continues behind the ten that stopped the first one."""
    fake.may_list = False
    by_id = sorted(numbers, key=lambda number: number.id)[:30]
    PhoneNumber.objects.exclude(id__in=[number.id for number in by_id]).delete()
    bad = {number.number for number in by_id[5:17]}
    fake.is_bad = lambda call: call.path.split("/")[-2] in bad
    with pytest.raises(TooManyErrors):
        _reconcile(carrier)
    with pytest.raises(TooManyErrors):
        # The second pass over those without an answer finds them as they were.
        _reconcile(carrier)
    report, _findings = _reconcile(carrier)
    assert (report.extent.compared, report.unreadable) == (18, 12)


def test_to_wait_for_the_rate_limiter_is_not_an_error(fake: OddBandwidth, numbers: list[PhoneNumber]) -> None:
    """Nine of ten calls find no slot, as beside a busy worker."""
    waits = 0

    def pace() -> None:
        nonlocal waits
        waits += 1
        if waits % 10:
            raise RateLimited(retry_after=2.0)

    fake.may_list = False
    carrier = build_carrier(fake.url, pace=pace)
    PhoneNumber.objects.exclude(id__in=[number.id for number in numbers[:50]]).delete()
    report, _findings = _reconcile(carrier)
    carrier.close()
    assert (report.extent.compared, report.unreadable) == (50, 0)


def test_a_run_that_is_out_of_time_continues_where_it_stopped(
    carrier: Carrier, fake: OddBandwidth, numbers: list[PhoneNumber]
) -> None:
    deadline = Deadline.after(3600.0)

    def expire(rows: int) -> None:
        nonlocal deadline
        object.__setattr__(deadline, "at", 0.0)

    pieces = 0
    while True:
        pieces += 1
        deadline = Deadline.after(3600.0)
        try:
            report, _findings = _reconcile(carrier, deadline=deadline, progress=expire)
        except OutOfTime:
            continue
        break
    assert (pieces, report.extent.compared) == (5, 1102)
    assert fake.offsets() == [0, 250, 500, 750, 1000]


def test_two_processes_do_not_read_the_same(carrier: Carrier, fake: OddBandwidth, numbers: list[PhoneNumber]) -> None:
    """The other one is a page ahead when this one wants to store what it has read."""

    def other_reads() -> None:
        CarrierReading.objects.update(position=250)

    with pytest.raises(ReadingTaken):
        _reconcile(Meanwhile(carrier, other_reads))


def test_an_unfinished_reading_of_yesterday_is_dropped(
    carrier: Carrier, fake: OddBandwidth, numbers: list[PhoneNumber]
) -> None:
    fake.is_bad = lambda call: int(call.query.get("offset", 0)) >= 500
    with pytest.raises(TooManyErrors):
        _reconcile(carrier)
    CarrierReading.objects.update(started_at=timezone.now() - timedelta(hours=25))
    fake.is_bad = lambda _call: False
    fake.calls.clear()
    assert _reconcile(carrier)[0].extent.compared == 1102
    assert fake.offsets()[0] == 0
