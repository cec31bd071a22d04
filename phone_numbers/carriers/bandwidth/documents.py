"""Bandwidth's XML: what an order is asked with, and what its answers say."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from xml.etree.ElementTree import Element, ParseError, SubElement, tostring

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import fromstring

from phone_numbers.carriers.protocol import CarrierUnavailable, OrderAction, OrderRequest


@dataclass(frozen=True, slots=True)
class OrderError:
    """One `Error` of an order, and the numbers it names, as they are spelled there."""

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


def write_order(order: OrderRequest, numbers: list[str]) -> bytes:
    """A `TnOptionOrder` with one group. `asSpecified` attaches and replaces; `delete` detaches."""
    root = Element("TnOptionOrder")
    SubElement(root, "CustomerOrderId").text = order.order_id
    group = SubElement(SubElement(root, "TnOptionGroups"), "TnOptionGroup")
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


def parse(body: bytes, *roots: str) -> Element:
    """The root element, without namespaces. Raises CarrierUnavailable unless it is one of `roots`.

    Entities and DTDs are refused: no answer of Bandwidth's has them, and some of their uses take memory without end.
    """
    try:
        root: Element = fromstring(body, forbid_dtd=True)
    except (ParseError, DefusedXmlException, ValueError, LookupError):
        raise unreadable() from None
    for element in root.iter():
        element.tag = element.tag.rpartition("}")[2]
    if root.tag not in roots:
        raise unreadable()
    return root


def read_order(element: Element) -> Order:
    """A `TnOptionOrder` element. Raises CarrierUnavailable if it has no id or status."""
    order_id, status = _text(element, "OrderId"), _text(element, "ProcessingStatus")
    if order_id is None or status is None:
        raise unreadable()
    return Order(
        order_id=order_id,
        status=status,
        customer_order_id=_text(element, "CustomerOrderId"),
        errors=tuple(_read_errors(element)),
    )


def read_status(root: Element) -> OrderError:
    """The `ResponseStatus` of a refusal."""
    status = root.find("ResponseStatus")
    if status is None:
        raise unreadable()
    return OrderError(_text(status, "ErrorCode"), _text(status, "Description"))


def read_found(root: Element, customer_order_id: str) -> tuple[Order | None, str | None]:
    """What a search by our id has found: the whole order, or only its id.

    What is another order's is left out, in case the filter was not heeded.
    """
    for order in root.iterfind("TnOptionOrders/TnOptionOrder"):
        if _is_ours(order, customer_order_id):
            return read_order(order), _text(order, "OrderId")
    for summary in root.iterfind("TnOptionOrders/TnOptionOrderSummary"):
        if _is_ours(summary, customer_order_id):
            return None, _text(summary, "OrderId")
    return None, None


def read_campaign_of_number(root: Element) -> str | None:
    """`MessagingSettings/CampaignId` of a number's details."""
    return _text(root, "TelephoneNumberDetails/MessagingSettings/CampaignId")


def unreadable() -> CarrierUnavailable:
    """An answer that says nothing we know."""
    return CarrierUnavailable("Bandwidth's answer cannot be read.")


def _is_ours(element: Element, customer_order_id: str) -> bool:
    return (_text(element, "CustomerOrderId") or "").lower() == customer_order_id.lower()


def _read_errors(order: Element) -> Iterator[OrderError]:
    for error in order.iterfind("ErrorList/Error"):
        numbers = [*error.iterfind("TelephoneNumber"), *error.iterfind("TelephoneNumbers/TelephoneNumber")]
        listed = (error.findtext("TelephoneNumbers") or "").split(",") if not numbers else []
        spelled = [number.text or "" for number in numbers] + listed
        yield OrderError(
            _text(error, "Code"),
            _text(error, "Description"),
            tuple(number.strip() for number in spelled if number.strip()),
        )


def _text(element: Element, path: str) -> str | None:
    return (element.findtext(path) or "").strip() or None
