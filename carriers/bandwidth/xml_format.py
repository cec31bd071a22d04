"""Bandwidth's XML: what an order is asked with, and what its answers say of orders, numbers and campaigns.

Sources: Bandwidth/api-docs site/specs/numbers.yml; for campaigns site/docs/messaging/campaign-management/imports/
imports-api.mdx and csp/campaign-api.mdx (an account has campaigns of one kind or of the other) and
site/specs/numbers_v2.yml (`SecondaryDcaSharingStatus`).
"""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from xml.etree.ElementTree import Element, ParseError, SubElement, tostring

import orjson
from defusedxml import DefusedXmlException
from defusedxml.ElementTree import fromstring

from carriers.base import (
    CampaignApproval,
    CampaignDecision,
    OrderAction,
    OrderRequest,
    undocumented,
    unreadable,
)
from carriers.http import Answer

LISTING = "TnOptionOrders"
"""Around a search's orders: inside TnOptionOrderReportResponse, alone in older answers (the Java SDK's fixtures)."""
CAMPAIGN_KINDS = (
    ("campaignManagement/10dlc/campaigns/imports", "LongCodeImportCampaignResponse", "ImportedCampaign"),
    ("campaignManagement/10dlc/campaigns", "CampaignResponse", "Campaign"),
)
"""Path, root of the answer, and its element: campaigns that were imported, and those that Bandwidth registered."""
NO_SUCH_CAMPAIGN = ("12189", "12822", "1011")
"""No such campaign; no such id could be; the id is too long."""
FEATURE_IS_OFF = "12055"
_ENDED_CAMPAIGN = ("EXPIRED", "DEACTIVATED", "SUSPENDED", "INACTIVE")
_OPEN_CAMPAIGN = ("ACTIVE", "PENDING", "APPROVED", "REVIEW")
_GONE = ("DISCONNECTED", "AGING", "PORTOUT", "REMOVED", "ELIMINATED", "AVAILABLE")
_WORDS = {
    "APPROVED": CampaignDecision.APPROVED,
    "REVIEW": CampaignDecision.PENDING,
    "PENDING": CampaignDecision.PENDING,
    "REJECTED": CampaignDecision.REJECTED,
    "SUSPENDED": CampaignDecision.SUSPENDED,
}


@dataclass(frozen=True, slots=True)
class OrderError:
    """One `Error` of an order, or the rejection of a request, and the numbers it names, in the form they have there."""

    code: str | None
    description: str | None
    numbers: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Order:
    """A `TnOptionOrder`."""

    order_id: str
    status: str
    customer_order_id: str | None = None
    errors: tuple[OrderError, ...] = field(default=())


@dataclass(frozen=True, slots=True)
class Found:
    """What a search has found: an order's id and, if the answer has it, the order."""

    order_id: str
    order: Order | None = None


def write_order(order: OrderRequest, numbers: list[str]) -> bytes:
    """A `TnOptionOrder` with one group. `asSpecified` attaches and replaces; `delete` detaches.

    A campaign needs `Sms`; a detach leaves it out, which leaves it unchanged.
    """
    root = Element("TnOptionOrder")
    SubElement(root, "CustomerOrderId").text = order.order_id
    group = SubElement(SubElement(root, "TnOptionGroups"), "TnOptionGroup")
    if order.action is OrderAction.ATTACH:
        SubElement(group, "Sms").text = "on"
    settings = SubElement(group, "A2pSettings")
    if order.action is OrderAction.ATTACH:
        SubElement(settings, "CampaignId").text = order.tcr_campaign_id
        SubElement(settings, "Action").text = "asSpecified"
    else:
        SubElement(settings, "Action").text = "delete"
    listed = SubElement(group, "TelephoneNumbers")
    for number in numbers:
        SubElement(listed, "TelephoneNumber").text = number
    document: bytes = tostring(root, encoding="utf-8", xml_declaration=True)
    return document


def is_north_american(number: str) -> bool:
    """Whether Bandwidth's orders take this E.164 number at all."""
    return number.startswith("+1") and len(number) == len("+19195550100")


def parse(body: bytes, *roots: str) -> Element:
    """The root element, without namespaces. Raises CarrierUnavailable unless it is one of `roots`; none: any will do.

    Entities and DTDs are refused: no answer of Bandwidth's has them, and some of their uses take memory without end.
    """
    try:
        root: Element = fromstring(body, forbid_dtd=True)
    except (ParseError, DefusedXmlException, ValueError, LookupError):
        raise unreadable() from None
    for element in root.iter():
        element.tag = element.tag.rpartition("}")[2]
    if roots and root.tag not in roots:
        raise unreadable()
    return root


def read_order(element: Element) -> Order:
    """A `TnOptionOrder` element. Raises CarrierUnavailable if it has no id or status."""
    order_id, status = text_of(element, "OrderId"), text_of(element, "ProcessingStatus")
    if order_id is None or status is None:
        raise unreadable()
    return Order(
        order_id=order_id,
        status=status,
        customer_order_id=text_of(element, "CustomerOrderId"),
        errors=tuple(_read_errors(element)),
    )


def read_error(answer: Answer) -> OrderError:
    """Why a request was refused: `ResponseStatus` by the examples, `ErrorList` by the words beside them.

    The pages below `/tendlc` answer in JSON: `{"errors": [{"description"}]}` (Bandwidth/cli, internal/tendlc).

    Raises CarrierUnavailable for anything else: another server's page says nothing of our numbers.
    """
    if answer.is_declared_as("json"):
        with suppress(orjson.JSONDecodeError):
            match orjson.loads(answer.body):
                case {"errors": [{"description": str() as description, **rest}, *_]}:
                    code = rest.get("code")
                    return OrderError(None if code is None else str(code), description)
    if not answer.is_declared_as("xml"):
        raise unreadable()
    root = parse(answer.body)
    status = root.find("ResponseStatus")
    if status is not None:
        return _read_error(status, "ErrorCode")
    for error in _read_errors(root):
        return error
    raise unreadable()


def read_found(root: Element, customer_order_id: str) -> Found | None:
    """The latest order that a search by our id has found.

    What is another order's is left out, in case the filter was not heeded: parameters that the API does not know are
    ignored. Raises CarrierUnavailable if the answer then holds back orders among which ours may be.
    """
    listing = root if root.tag == LISTING else root.find(LISTING)
    if listing is None:
        return None
    listed = [*listing.iterfind("TnOptionOrder"), *listing.iterfind("TnOptionOrderSummary")]
    wanted = customer_order_id.lower()
    ours = [element for element in listed if (text_of(element, "CustomerOrderId") or "").lower() == wanted]
    if not ours:
        total = text_of(listing, "TotalCount") or ""
        if listed and total.isascii() and total.isdigit() and total.lstrip("0") != str(len(listed)):
            raise unreadable()
        return None
    latest = max(ours, key=_created)
    order_id = text_of(latest, "OrderId")
    if order_id is None:
        raise unreadable()
    return Found(order_id, read_order(latest) if latest.tag == "TnOptionOrder" else None)


def read_campaign_of_number(root: Element, *, account: str, number: str) -> str | None:
    """The TCR id of the campaign that a `TelephoneNumberResponse` has the number on in our account; None for none.

    `MessagingSettings/CampaignId` is in `TelephoneNumberDetails`, or, where only the number's messages belong to the
    account, in one of its `HostedTelephoneNumberDetails`. Campaigns of other accounts are ignored.
    """
    for holder in _holders(root, account=account, number=number):
        campaign = text_of(holder, "MessagingSettings/CampaignId")
        if campaign is not None:
            return campaign
    return None


def read_holding(root: Element, *, account: str, number: str) -> bool | None:
    """Whether a `TelephoneNumberResponse` has the number in service in our account; None if it does not say.

    The statuses are those of Bandwidth's clients (`TelephoneNumberStatus`). A number of which only the messages belong
    to the account is another account's, with one of its own `HostedTelephoneNumberDetails`.
    """
    holders = list(_holders(root, account=account, number=number))
    if not holders:
        return False
    statuses = {(text_of(holder, "Status") or "INSERVICE").upper() for holder in holders}
    if "INSERVICE" in statuses:
        return True
    return False if statuses <= set(_GONE) else None


def _holders(root: Element, *, account: str, number: str) -> Iterator[Element]:
    """Yield the details that are our account's: the number's, and those of messaging that it hosts."""
    details = root.find("TelephoneNumberDetails")
    if details is None:
        raise unreadable()
    full_number = text_of(details, "FullNumber")
    if full_number is not None and not full_number.endswith(number[-10:]):
        raise unreadable()
    hosted = details.iterfind("HostedTelephoneNumberDetails/HostedTelephoneNumberDetail")
    for holder in (details, *hosted):
        if text_of(holder, "AccountId") in (None, account):
            yield holder


def read_campaign_status(root: Element, name: str, tcr_campaign_id: str) -> CampaignApproval:
    """Whether the campaign `name` in this answer takes traffic. Raises CarrierUnavailable if it is another campaign.

    The interpretation is ours: Bandwidth approves the whole if it is ACTIVE and Bandwidth as the second DCA (direct
    connect aggregator) has accepted it; then each mobile operator decides (`MnoStatus`). An answer without operators
    approves too: Bandwidth imports only what all of them have approved.

    Raises CarrierRefused for a status that is not documented.
    """
    campaign = root.find(name)
    if campaign is None or text_of(campaign, "CampaignId") != tcr_campaign_id:
        raise unreadable()
    # Bandwidth's own example of a campaign in review has no status.
    status = (text_of(campaign, "Status") or "PENDING").upper()
    shared = (text_of(campaign, "SecondaryDcaSharingStatus") or "").upper()
    networks = list(_read_networks(campaign))
    if status == "REJECTED" or shared in ("DECLINED", "REJECTED"):
        whole = CampaignDecision.REJECTED
    elif status in _ENDED_CAMPAIGN:
        whole = CampaignDecision.SUSPENDED
    elif status not in _OPEN_CAMPAIGN:
        raise undocumented("Bandwidth gives the campaign a status that it does not document.", status)
    elif status == "ACTIVE" and shared in ("ACCEPTED", ""):
        whole = CampaignDecision.APPROVED
    else:
        whole = CampaignDecision.PENDING
    return CampaignApproval(whole, networks)


def _read_networks(campaign: Element) -> Iterator[tuple[str, CampaignDecision]]:
    """Yield each operator's decision by its ID, or its name where there is none."""
    listing = campaign.find("MnoStatusList")
    name = network = ""
    # Some of Bandwidth's examples put all operators into one MnoStatus.
    for element in () if listing is None else listing.iter():
        text = (element.text or "").strip()
        if element.tag == "MnoName":
            name, network = text, ""
        elif element.tag == "MnoId":
            network = text
        elif element.tag == "Status":
            if (word := _WORDS.get(text.upper())) is None:
                raise undocumented("Bandwidth gives the campaign a status that it does not document.", text.upper())
            yield (network or name)[:40], word


def text_of(element: Element, path: str) -> str | None:
    """The text at `path`; None if it is absent or blank."""
    return (element.findtext(path) or "").strip() or None


def _created(element: Element) -> str:
    # ISO 8601 in UTC, so the text's order is the time's.
    return text_of(element, "OrderCreateDate") or text_of(element, "OrderDate") or ""


def _read_errors(holder: Element) -> Iterator[OrderError]:
    for error in holder.iterfind("ErrorList/Error"):
        yield _read_error(error, "Code")


def _read_error(error: Element, code: str) -> OrderError:
    numbers = [*error.iterfind("TelephoneNumber"), *error.iterfind("TelephoneNumbers/TelephoneNumber")]
    listed = (error.findtext("TelephoneNumbers") or "").split(",") if not numbers else []
    texts = [number.text or "" for number in numbers] + listed
    return OrderError(
        text_of(error, code),
        text_of(error, "Description"),
        tuple(number.strip() for number in texts if number.strip()),
    )
