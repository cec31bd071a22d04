"""Telnyx's adapter over HTTP, against a server that speaks Telnyx's format, and one that does not."""

import json
from dataclasses import replace

import pytest

from carriers.base import (
    AssignmentPage,
    CampaignDecision,
    CarrierRefused,
    CarrierUnavailable,
    Failure,
    FailureKind,
    OrderReport,
)
from carriers.telnyx import TelnyxCarrier
from tests.support.fake_telnyx import ATTACH, BRAND, DETACH, NUMBER, OTHER, RECORD, TCR, FakeTelnyx, error, own_id
from tests.support.propagation import decision
from tests.support.serving import Call, Fault, foreign, json_reply

DONE, OPEN = OrderReport(), OrderReport(is_open=True)


def failed(status: str, message: str) -> OrderReport:
    return OrderReport(failure=Failure(FailureKind.REJECTED, message, status))


@pytest.mark.parametrize("is_wrapped", [False, True])
def test_a_life(fake: FakeTelnyx, carrier: TelnyxCarrier, is_wrapped: bool) -> None:
    fake.is_wrapped = is_wrapped
    assert carrier.find(ATTACH) is None
    assert carrier.submit(ATTACH) == DONE
    assert fake.calls[1].body == {"phoneNumber": NUMBER, "campaignId": TCR}
    assert carrier.find(ATTACH) == DONE
    assert carrier.find(replace(ATTACH, tcr_campaign_id=OTHER)) is None
    assert carrier.find(DETACH) is None
    assert list(carrier.assignments([NUMBER])) == [(NUMBER, TCR)]
    assert carrier.submit(replace(ATTACH, tcr_campaign_id=OTHER)) == DONE
    assert fake.assigned() == {NUMBER: OTHER}
    assert carrier.submit(DETACH) == OPEN
    assert carrier.find(DETACH) == DONE
    assert list(carrier.assignments([NUMBER])) == [(NUMBER, None)]
    assert carrier.submit(DETACH) == DONE
    assert fake.methods() == [
        "GET", "POST", "GET", "GET", "GET", "GET", "POST", "GET", "PUT", "DELETE", "GET", "GET", "DELETE",
    ]  # fmt: skip
    paths = {call.raw_path for call in fake.calls if call.method != "POST"}
    assert paths == {"/v2/10dlc/phone_number_campaigns/%2B19192491000"}


def test_slowly(fake: FakeTelnyx, carrier: TelnyxCarrier) -> None:
    fake.is_slow = True
    assert carrier.submit(ATTACH) == OPEN
    assert carrier.find(ATTACH) == OPEN
    assert carrier.submit(ATTACH) == OPEN
    fake.settle()
    assert carrier.find(ATTACH) == DONE
    assert carrier.submit(ATTACH) == DONE
    # Placed twice, assigned once.
    assert fake.methods().count("PUT") == 0
    assert carrier.submit(DETACH) == OPEN
    assert carrier.find(DETACH) == OPEN
    fake.settle()
    assert carrier.find(DETACH) == DONE


@pytest.mark.parametrize(
    ("status", "of_attach", "of_detach"),
    [
        ("ASSIGNED", DONE, None),
        ("PENDING_ASSIGNMENT", OPEN, None),
        ("PENDING_UNASSIGNMENT", OPEN, OPEN),
        ("FAILED_ASSIGNMENT", failed("FAILED_ASSIGNMENT", "No such luck."), None),
        ("FAILED_UNASSIGNMENT", failed("FAILED_UNASSIGNMENT", "No such luck."),
         failed("FAILED_UNASSIGNMENT", "No such luck.")),
    ],
)  # fmt: skip
def test_what_a_status_means(
    fake: FakeTelnyx, carrier: TelnyxCarrier, status: str, of_attach: OrderReport, of_detach: OrderReport | None
) -> None:
    fake.put(NUMBER, own_id(fake, TCR), status, "No such luck.")
    assert carrier.find(ATTACH) == of_attach
    assert carrier.find(DETACH) == of_detach
    # What is on its way says nothing yet.
    on = [] if status.startswith("PENDING") else [(NUMBER, None if status == "FAILED_ASSIGNMENT" else TCR)]
    assert list(carrier.assignments([NUMBER])) == on


@pytest.mark.parametrize("status", ["FAILED_ASSIGNMENT", "FAILED_UNASSIGNMENT", "PENDING_UNASSIGNMENT"])
def test_what_has_failed_is_asked_for_again(fake: FakeTelnyx, carrier: TelnyxCarrier, status: str) -> None:
    fake.put(NUMBER, own_id(fake, TCR), status, "No such luck.")
    assert carrier.submit(ATTACH) == DONE
    assert fake.methods() == ["POST", "GET", "PUT"]


def test_a_failure_in_the_carriers_words(fake: FakeTelnyx, carrier: TelnyxCarrier) -> None:
    fake.failing[NUMBER] = "Number\x1b[31m is\n not " + "x" * 9999
    report = carrier.submit(ATTACH)
    assert report.failure is not None
    assert (report.failure.kind, report.failure.carrier_code) == (FailureKind.REJECTED, "FAILED_ASSIGNMENT")
    assert report.failure.message.startswith("Number [31m is not xxx")
    assert len(report.failure.message) == 500
    fake.failing[NUMBER] = ""
    assert carrier.submit(ATTACH) == failed("FAILED_ASSIGNMENT", "Telnyx gave no reason.")


@pytest.mark.parametrize("reasons", [["one", "two"], [{"code": 7, "detail": "one"}], {"one": "two"}])
def test_reasons_of_another_form(fake: FakeTelnyx, carrier: TelnyxCarrier, reasons: object) -> None:
    record = {**RECORD, "assignmentStatus": "FAILED_ASSIGNMENT", "failureReasons": reasons}
    fake.faults = [Fault("GET", foreign(200, json.dumps(record).encode()))]
    report = carrier.find(ATTACH)
    assert report is not None
    assert report.failure is not None
    assert "one" in report.failure.message


def test_gone_between_the_refusal_and_the_replacement(fake: FakeTelnyx, carrier: TelnyxCarrier) -> None:
    fake.put(NUMBER, own_id(fake, OTHER))

    def leave(call: object) -> None:
        if fake.methods() == ["POST"]:
            del fake.records[NUMBER]

    fake.on_call = leave
    assert carrier.submit(ATTACH) == DONE
    assert fake.methods() == ["POST", "GET", "PUT", "POST"]
    assert fake.assigned() == {NUMBER: TCR}


def test_someone_else_at_the_same_number(fake: FakeTelnyx, carrier: TelnyxCarrier) -> None:
    fake.faults = [Fault("POST", error("10012"), times=2)]
    with pytest.raises(CarrierUnavailable) as raised:
        carrier.submit(ATTACH)
    assert not raised.value.was_sent
    assert fake.methods() == ["POST", "GET", "PUT", "POST"]


def test_a_lost_answer_is_found_again(fake: FakeTelnyx, carrier: TelnyxCarrier) -> None:
    fake.faults = [Fault("POST", acts=True), Fault("DELETE", acts=True)]
    with pytest.raises(CarrierUnavailable) as raised:
        carrier.submit(ATTACH)
    assert raised.value.was_sent
    assert carrier.find(ATTACH) == DONE
    with pytest.raises(CarrierUnavailable):
        carrier.submit(DETACH)
    assert carrier.find(DETACH) == DONE
    assert fake.methods() == ["POST", "GET", "DELETE", "GET"]


def test_an_order_that_nothing_is_left_of(fake: FakeTelnyx, carrier: TelnyxCarrier) -> None:
    assert carrier.find(replace(ATTACH, numbers=())) == DONE
    assert carrier.submit(replace(ATTACH, numbers=())) == DONE
    assert fake.calls == []


def test_a_delete_that_answers_nothing_or_the_record_as_it_was(fake: FakeTelnyx, carrier: TelnyxCarrier) -> None:
    before = {
        "phoneNumber": NUMBER,
        "campaignId": TCR,
        "assignmentStatus": "ASSIGNED",
        "createdAt": "",
        "updatedAt": "",
    }
    fake.faults = [Fault("DELETE", foreign(204)), Fault("DELETE", json_reply(200, before))]
    assert carrier.submit(DETACH) == OPEN
    assert carrier.submit(DETACH) == OPEN


# The two ids of a campaign.


def test_only_its_own_ids(fake: FakeTelnyx, carrier: TelnyxCarrier) -> None:
    """Telnyx tells no TCR ids in its records: a campaign is looked up once, however many numbers are on it."""
    fake.tells_tcr_ids = False
    assert carrier.submit(ATTACH) == OPEN  # It was taken, but what it shows is no id that we know.
    assert carrier.find(ATTACH) == DONE
    assert fake.calls[-1].path == f"/v2/10dlc/campaign/{own_id(fake, TCR)}"
    assert carrier.find(ATTACH) == DONE
    assert carrier.submit(replace(ATTACH, numbers=("+19192491001",))) == DONE
    assert fake.methods() == ["POST", "GET", "GET", "GET", "POST"]


def test_a_campaign_that_is_known_by_its_own_id_only(fake: FakeTelnyx, carrier: TelnyxCarrier) -> None:
    """Its first number works: the ID is learned through the brand, once."""
    fake.takes_tcr_ids, fake.page_limit = False, 1
    assert carrier.submit(replace(ATTACH, tcr_brand_id="BBRAND1")) == DONE
    asked = [
        (call.path.rpartition("/")[2], call.query.get("tcrBrandId") or call.query.get("brandId")) for call in fake.calls
    ]
    assert asked == [
        ("phone_number_campaigns", None), ("brand", "BBRAND1"), ("campaign", BRAND), ("campaign", BRAND),
        ("phone_number_campaigns", None),
    ]  # fmt: skip
    assert carrier.submit(replace(ATTACH, numbers=("+19192491002",))) == DONE
    assert fake.methods() == ["POST", "GET", "GET", "GET", "POST", "POST"]
    assert decision(carrier.campaign_status(TCR)) == CampaignDecision.APPROVED


def test_a_list_of_campaigns_that_changes_while_it_is_read(fake: FakeTelnyx, carrier: TelnyxCarrier) -> None:
    """A campaign that slipped between two pages is not one that Telnyx lacks."""
    fake.takes_tcr_ids, fake.page_limit = False, 1

    def leave(call: Call) -> None:
        if call.query.get("page") == "2":
            fake.campaigns.pop(own_id(fake, TCR))

    fake.on_call = leave
    order = replace(ATTACH, tcr_campaign_id=OTHER, tcr_brand_id="BBRAND1")
    with pytest.raises(CarrierUnavailable) as raised:
        carrier.submit(order)
    assert not raised.value.was_sent
    fake.on_call = None
    assert carrier.submit(order) == DONE


def test_a_refusal_of_the_question_does_not_hide_that_of_the_order(fake: FakeTelnyx, carrier: TelnyxCarrier) -> None:
    fake.takes_tcr_ids = False
    fake.faults = [Fault("GET", error("10010", status=403))]
    with pytest.raises(CarrierRefused) as raised:
        carrier.submit(replace(ATTACH, tcr_brand_id="BBRAND1"))
    assert (raised.value.failure.kind, raised.value.failure.carrier_code) == (FailureKind.REJECTED, "10005")


def test_a_campaign_of_an_unknown_brand_is_learned_from_a_number(fake: FakeTelnyx, carrier: TelnyxCarrier) -> None:
    fake.takes_tcr_ids = False
    fake.put("+19192491001", own_id(fake, TCR))
    assert carrier.submit(ATTACH) == DONE
    assert fake.calls[1].query["filter[tcr_campaign_id]"] == TCR
    assert fake.methods() == ["POST", "GET", "POST"]


def test_the_status_of_a_campaign_that_is_known_by_its_own_id_only(fake: FakeTelnyx, carrier: TelnyxCarrier) -> None:
    """Without it no number would ever be sent."""
    fake.takes_tcr_ids = False
    assert carrier.campaign_status(TCR) is None
    assert carrier.campaign_status(TCR, tcr_brand_id="BOTHER1") is None
    assert decision(carrier.campaign_status(TCR, tcr_brand_id="BBRAND1")) == CampaignDecision.APPROVED


def test_the_campaigns_that_an_event_names(fake: FakeTelnyx, carrier: TelnyxCarrier) -> None:
    assert carrier.tcr_campaign_ids(campaign_id=TCR, brand_id=None) == [TCR]
    assert fake.calls == []
    assert carrier.tcr_campaign_ids(campaign_id=own_id(fake, OTHER), brand_id=None) == [OTHER]
    assert carrier.tcr_campaign_ids(campaign_id="4b30019a-9dca-a78d-1124-b080d7dedecc", brand_id=None) == []
    assert carrier.tcr_campaign_ids(campaign_id=None, brand_id=BRAND) == [TCR, OTHER]
    assert carrier.tcr_campaign_ids(campaign_id=None, brand_id="another") == []


def test_an_unknown_campaign(fake: FakeTelnyx, carrier: TelnyxCarrier) -> None:
    with pytest.raises(CarrierRefused) as raised:
        carrier.submit(replace(ATTACH, tcr_campaign_id="CZZZZZ9"))
    assert raised.value.failure == Failure(FailureKind.REJECTED, "Resource not found: Campaign not found.", "10005")
    assert fake.records == {}


def test_a_shared_campaign(fake: FakeTelnyx, carrier: TelnyxCarrier) -> None:
    fake.add_campaign("CSHARE1", is_shared=True)
    fake.tells_tcr_ids = False
    order = replace(ATTACH, tcr_campaign_id="CSHARE1")
    assert carrier.submit(order) == DONE
    assert carrier.find(order) == DONE
    assert fake.methods() == ["POST", "GET"]


# Reading back.


@pytest.mark.parametrize("is_wrapped", [False, True])
def test_the_list_is_read_by_pages(fake: FakeTelnyx, carrier: TelnyxCarrier, is_wrapped: bool) -> None:
    fake.is_wrapped, fake.page_limit = is_wrapped, 10
    numbers = [f"+1919249{i:04d}" for i in range(35)]
    for number in numbers:
        fake.put(number, own_id(fake, TCR))
    fake.put(numbers[3], own_id(fake, TCR), "FAILED_ASSIGNMENT")
    fake.put(numbers[4], own_id(fake, TCR), "PENDING_UNASSIGNMENT")
    pages = list(carrier.assignment_pages())
    listed = [assignment for page in pages for assignment in page.assignments]
    assert [assignment.number for assignment in listed] == numbers
    assert {assignment.tcr_campaign_id for assignment in listed} == {TCR}
    assert [assignment.state.value for assignment in listed[2:6]] == ["ASSIGNED", "FAILED", "PENDING", "ASSIGNED"]
    assert [page.next_position for page in pages] == [1, 2, 3, 4, None]
    [resumed, _empty] = carrier.assignment_pages(3)
    assert [assignment.number for assignment in resumed.assignments] == numbers[30:]


def test_one_record_that_cannot_be_read_costs_one_number(fake: FakeTelnyx, carrier: TelnyxCarrier) -> None:
    records = [{"phoneNumber": f"+1919249{i:04d}", "campaignId": "x", "tcrCampaignId": TCR} for i in range(3)]
    records[1]["campaignId"] = 7  # type: ignore[assignment]  # That is what cannot be read.
    fake.faults = [Fault("GET", foreign(200, json.dumps({"records": records, "totalRecords": 3}).encode()))]
    [page] = carrier.assignment_pages()
    assert (len(page.assignments), page.unreadable) == (2, 1)


def test_a_campaign_without_a_tcr_id_is_an_unknown_state(fake: FakeTelnyx, carrier: TelnyxCarrier) -> None:
    fake.tells_tcr_ids = False
    own = "4b300178-131c-d902-d54e-999999999999"
    fake.put(NUMBER, own)
    [page] = carrier.assignment_pages()
    assert [(one.tcr_campaign_id, one.state.value) for one in page.assignments] == [(own, "UNKNOWN")]
    assert list(carrier.assignments([NUMBER])) == []


def test_an_empty_list(fake: FakeTelnyx, carrier: TelnyxCarrier) -> None:
    assert list(carrier.assignment_pages()) == [AssignmentPage([], None)]
    assert len(fake.calls) == 1


@pytest.mark.parametrize(
    ("told", "status"),
    [
        ("TCR_PENDING", CampaignDecision.PENDING), ("TCR_ACCEPTED", CampaignDecision.PENDING),
        ("TELNYX_ACCEPTED", CampaignDecision.PENDING), ("MNO_PENDING", CampaignDecision.PENDING),
        ("MNO_ACCEPTED", CampaignDecision.PENDING), ("MNO_PROVISIONED", CampaignDecision.APPROVED),
        ("TCR_FAILED", CampaignDecision.REJECTED), ("TELNYX_FAILED", CampaignDecision.REJECTED),
        ("MNO_REJECTED", CampaignDecision.REJECTED), ("MNO_PROVISIONING_FAILED", CampaignDecision.REJECTED),
        ("TCR_SUSPENDED", CampaignDecision.SUSPENDED), ("TCR_EXPIRED", CampaignDecision.SUSPENDED),
    ],
)  # fmt: skip
@pytest.mark.parametrize("is_shared", [False, True])
def test_a_campaigns_status(
    fake: FakeTelnyx, carrier: TelnyxCarrier, told: str, status: CampaignDecision, is_shared: bool
) -> None:
    fake.add_campaign("CNEW001", status=told, is_shared=is_shared)
    assert decision(carrier.campaign_status("CNEW001")) == status


def test_the_status_of_an_unknown_campaign(fake: FakeTelnyx, carrier: TelnyxCarrier) -> None:
    assert carrier.campaign_status("CZZZZZ9") is None
    fake.faults = [Fault("GET", json_reply(422, {"detail": [{"loc": [], "msg": "no UUID", "type": "x"}]}))]
    assert carrier.campaign_status("CZZZZZ9") is None


@pytest.mark.parametrize("told", ["SOMETHING_NEW", None])
def test_a_campaigns_status_that_is_not_documented(fake: FakeTelnyx, carrier: TelnyxCarrier, told: str | None) -> None:
    body = json.dumps({"campaignId": "x", "tcrCampaignId": TCR, "campaignStatus": told}).encode()
    fake.faults = [Fault("GET", foreign(200, body))]
    with pytest.raises(CarrierRefused) as raised:
        carrier.campaign_status(TCR)
    assert raised.value.failure.kind == FailureKind.UNKNOWN_CARRIER_ANSWER
    assert raised.value.failure.carrier_code == told
