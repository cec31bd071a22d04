"""What the Bandwidth adapter makes of answers about campaigns, over real HTTP."""

from collections.abc import Iterator

import pytest
from pytest_httpserver import HTTPServer

from carriers.bandwidth.adapter import BandwidthCarrier
from carriers.base import (
    CampaignDecision,
    CarrierRefused,
    CarrierUnavailable,
    FailureKind,
)
from tests.support.bandwidth_answers import BASE, HTML, XML, carrier_of_version, documented, refusal_xml
from tests.support.propagation import decision

IMPORTED, REGISTERED = (f"{BASE}/campaignManagement/10dlc/campaigns/{kind}CABC123" for kind in ("imports/", ""))


@pytest.fixture
def carrier(httpserver: HTTPServer) -> Iterator[BandwidthCarrier]:
    """Version 1."""
    with documented(httpserver):
        carrier = carrier_of_version(httpserver, "1")
        yield carrier
        carrier.close()


def _campaign(status: str, *operators: str, shared: str = "", at_once: bool = False, imported: bool = True) -> str:
    said = [f"<MnoName>X</MnoName><Status>{operator}</Status>" for operator in operators]
    inner = (
        f"<MnoStatus>{''.join(said)}</MnoStatus>" if at_once else "".join(f"<MnoStatus>{s}</MnoStatus>" for s in said)
    )
    root, name = (
        ("LongCodeImportCampaignResponse", "ImportedCampaign") if imported else ("CampaignResponse", "Campaign")
    )
    sharing = f"<SecondaryDcaSharingStatus>{shared}</SecondaryDcaSharingStatus>" if shared else ""
    return (
        f"<{root}><{name}><CampaignId>CABC123</CampaignId>{sharing}<Status>{status}</Status>"
        f"<MnoStatusList>{inner}</MnoStatusList></{name}></{root}>"
    )


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (_campaign("ACTIVE", "APPROVED", "APPROVED", shared="ACCEPTED"), CampaignDecision.APPROVED),
        (_campaign("ACTIVE", "APPROVED", "APPROVED", at_once=True), CampaignDecision.APPROVED),
        (_campaign("ACTIVE"), CampaignDecision.APPROVED),
        (_campaign("ACTIVE", "APPROVED", "REVIEW", at_once=True), CampaignDecision.PENDING),
        (_campaign("ACTIVE", "APPROVED", shared="PENDING"), CampaignDecision.PENDING),
        (_campaign("", "APPROVED"), CampaignDecision.PENDING),
        (_campaign("ACTIVE", "APPROVED", shared="DECLINED"), CampaignDecision.REJECTED),
        (_campaign("ACTIVE", "REJECTED", "SUSPENDED", at_once=True), CampaignDecision.REJECTED),
        (_campaign("ACTIVE", "APPROVED", "SUSPENDED"), CampaignDecision.APPROVED),
        (_campaign("ACTIVE", "SUSPENDED", "SUSPENDED", at_once=True), CampaignDecision.SUSPENDED),
        (_campaign("ACTIVE", "SUSPENDED", "REVIEW"), CampaignDecision.PENDING),
        (_campaign("EXPIRED", "APPROVED"), CampaignDecision.SUSPENDED),
    ],
)
def test_the_status_of_a_campaign(
    carrier: BandwidthCarrier, httpserver: HTTPServer, body: str, status: CampaignDecision
) -> None:
    httpserver.expect_request(IMPORTED, "GET").respond_with_data(body, content_type=XML)
    assert decision(carrier.campaign_status("CABC123")) == status


@pytest.mark.parametrize("body", [_campaign("NEWLY_INVENTED", "APPROVED"), _campaign("ACTIVE", "NEWLY_INVENTED")])
def test_the_status_of_a_campaign_that_is_not_documented(
    carrier: BandwidthCarrier, httpserver: HTTPServer, body: str
) -> None:
    httpserver.expect_request(IMPORTED, "GET").respond_with_data(body, content_type=XML)
    with pytest.raises(CarrierRefused) as raised:
        carrier.campaign_status("CABC123")
    failure = raised.value.failure
    assert (failure.kind, failure.carrier_code) == (FailureKind.UNKNOWN_CARRIER_ANSWER, "NEWLY_INVENTED")


NOT_THERE = {
    "unknown": (404, refusal_xml("12189", root="LongCodeImportCampaignResponse")),
    "unknown in other words": (400, refusal_xml("12189", root="LongCodeImportCampaignResponse")),
    "feature off": (400, refusal_xml("12055", root="LongCodeImportCampaignResponse")),
    "feature forbidden": (403, refusal_xml("12055", root="CampaignsResponse")),
}


@pytest.mark.parametrize(("status", "body"), NOT_THERE.values(), ids=NOT_THERE.keys())
def test_a_campaign_that_was_not_imported_may_be_registered(
    carrier: BandwidthCarrier, httpserver: HTTPServer, status: int, body: str
) -> None:
    httpserver.expect_request(IMPORTED, "GET").respond_with_data(body, status, content_type=XML)
    httpserver.expect_oneshot_request(REGISTERED, "GET").respond_with_data(
        _campaign("ACTIVE", imported=False), content_type=XML
    )
    httpserver.expect_oneshot_request(REGISTERED, "GET").respond_with_data(
        refusal_xml("12189", root="CampaignResponse"), 404, content_type=XML
    )
    assert decision(carrier.campaign_status("CABC123")) == CampaignDecision.APPROVED
    assert carrier.campaign_status("CABC123") is None


def test_an_account_that_may_see_no_campaign(carrier: BandwidthCarrier, httpserver: HTTPServer) -> None:
    for path in (IMPORTED, REGISTERED):
        httpserver.expect_request(path, "GET").respond_with_data(
            refusal_xml("12055", root="CampaignResponse"), 403, content_type=XML
        )
    with pytest.raises(CarrierRefused) as raised:
        carrier.campaign_status("CABC123")
    failure = raised.value.failure
    assert (failure.kind, failure.carrier_code, failure.message) == (
        FailureKind.NOT_CONFIGURED, "12055", "words of 12055",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("status", "body"),
    [(200, HTML), (404, HTML), (200, _campaign("ACTIVE").replace("CABC123", "COTHER1"))],
)
def test_a_campaigns_answer_that_cannot_be_read(
    carrier: BandwidthCarrier, httpserver: HTTPServer, status: int, body: str
) -> None:
    httpserver.expect_request(IMPORTED, "GET").respond_with_data(body, status, content_type=XML)
    with pytest.raises(CarrierUnavailable):
        carrier.campaign_status("CABC123")
