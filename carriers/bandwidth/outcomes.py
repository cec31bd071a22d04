"""From an order's document to the outcome of each number, and from Bandwidth's error codes to kinds of failure.

Source of the codes: Bandwidth/api-docs site/specs/numbers.yml. The classification is ours.
"""

from collections.abc import Iterable, Mapping

from carriers.bandwidth.xml_format import Order, OrderError
from carriers.base import Failure, FailureKind, OrderReport, carriers_code, carriers_words, undocumented

_OPEN, _ENDED = ("RECEIVED", "PROCESSING"), ("COMPLETE", "PARTIAL", "FAILED")
_GRAVEST_FIRST = (
    FailureKind.REJECTED,
    FailureKind.UNKNOWN_CARRIER_ANSWER,
    FailureKind.NOT_CONFIGURED,
    FailureKind.CAMPAIGN_NOT_READY,
    FailureKind.CARRIER_UNAVAILABLE,
)
_CODES: dict[FailureKind, tuple[str, ...]] = {
    # The registry call failed.
    FailureKind.CARRIER_UNAVAILABLE: ("12184",),
    # The campaign is not active.
    FailureKind.CAMPAIGN_NOT_READY: ("12192",),
    # SMS off; no A2P value on the SIP peer; action wrong; A2P off; location without SMS; locked; no route; feature off.
    FailureKind.NOT_CONFIGURED: (
        "5132", "5133", "5134", "5138", "5139", "5145", "5217", "5225", "5226", "12055",
    ),
    # Bad form; twice in an order; not in service; not on the account; too many; a short code; campaign not authorised,
    # refused by the registry, unknown, rejected by the second DCA, malformed.
    FailureKind.REJECTED: (
        "1022", "5072", "5074", "5076", "5093", "5095", "5182",
        "12128", "12185", "12189", "12220", "12822", "13639",
    ),
}  # fmt: skip
_KIND_OF = {code: failure for failure, codes in _CODES.items() for code in codes}


def report_of(order: Order, sent: Mapping[str, str], unsupported: Mapping[str, Failure]) -> OrderReport:
    """Convert an order's document. `sent` maps its numbers as they were sent to E.164.

    Where Bandwidth does not say which number an error is about, the numbers that it does not name are uncertain and get
    CARRIER_UNAVAILABLE, which is retried automatically. If they counted as done, a number that cannot send would be
    shown as propagated; with the kind of the error itself, one that can send would be shown as rejected. A retry
    changes nothing for a number that succeeded: `asSpecified` sets what is already set.
    """
    status = order.status.upper()
    if status in _OPEN:
        return OrderReport(carrier_order_id=order.order_id, is_open=True)
    if status not in _ENDED:
        unknown = undocumented("Bandwidth gives the order a status that it does not document.", order.status).failure
        return OrderReport(order.order_id, failures={**dict.fromkeys(sent.values(), unknown), **unsupported})
    named, others = _sorted_out(order.errors, sent)
    rest: Failure | None = None
    if status == "FAILED" and others:
        # The error is about the whole order.
        rest = others[0]
    elif status == "FAILED" and not named:
        rest = failure_of(None, None)
    elif status == "FAILED":
        rest = _doubt("Bandwidth failed the whole order, for other numbers.", None)
    elif status == "PARTIAL" and others:
        rest = _doubt(others[0].message, others[0].carrier_code)
    elif status == "PARTIAL" and not named:
        rest = _doubt("Bandwidth failed a part of the order, and does not say which.", None)
    others_failed = {} if rest is None else dict.fromkeys(sent.values(), rest)
    return OrderReport(order.order_id, failures={**others_failed, **named, **unsupported})


def report_of_rejection(
    error: OrderError, sent: Mapping[str, str], unsupported: Mapping[str, Failure]
) -> OrderReport | None:
    """Convert the rejection of a whole order that names some of its numbers: only those failed, the others are retried.

    None if it names none of them, or all. That a `ResponseStatus` may hold `TelephoneNumbers` is shown for another call
    (site/specs/numbers.yml, tnPortoutPasscodes).
    """
    named, _others = _sorted_out([error], sent)
    if not 0 < len(named) < len(sent):
        return None
    doubt = _doubt("Bandwidth refused the whole order, for other numbers.", None)
    return OrderReport(failures={**dict.fromkeys(sent.values(), doubt), **named, **unsupported})


def failure_of(code: str | None, description: str | None) -> Failure:
    """Convert an error code, keeping Bandwidth's code and message."""
    kind = FailureKind.REJECTED if code is None else _KIND_OF.get(code, FailureKind.UNKNOWN_CARRIER_ANSWER)
    return Failure(
        kind=kind,
        message=carriers_words(description, otherwise="Bandwidth gave no reason."),
        carrier_code=carriers_code(code),
    )


def _sorted_out(errors: Iterable[OrderError], sent: Mapping[str, str]) -> tuple[dict[str, Failure], list[Failure]]:
    """Split the errors into those of the order's numbers, by E.164, and those that name no known number."""
    named: dict[str, Failure] = {}
    others: list[Failure] = []
    for error in errors:
        failure = failure_of(error.code, error.description)
        known = [_e164(number, sent) for number in error.numbers]
        if None in known or not known:
            others.append(failure)
        for number in known:
            if number is not None:
                named[number] = min(named.get(number, failure), failure, key=_gravity)
    return named, others


def _gravity(failure: Failure) -> int:
    return _GRAVEST_FIRST.index(failure.kind)


def _e164(number: str, sent: Mapping[str, str]) -> str | None:
    """Return the E.164 form of a number in an error, whichever form it has there; None if the order lacks it."""
    digits = "".join(character for character in number if character in "0123456789")
    ten = digits[1:] if len(digits) == 11 and digits.startswith("1") else digits
    return sent.get(ten) or sent.get(f"+1{ten}")


def _doubt(message: str, carrier_code: str | None) -> Failure:
    return Failure(FailureKind.CARRIER_UNAVAILABLE, message, carrier_code)
