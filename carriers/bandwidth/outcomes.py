"""From an order's document to the outcome of each number, and from Bandwidth's error codes to kinds of failure.

Source of the codes: Bandwidth/api-docs site/specs/numbers.yml. The classification is ours.
"""

from collections.abc import Iterable, Mapping

from carriers.bandwidth import xml_format
from carriers.bandwidth.xml_format import Order, OrderError
from carriers.base import Failure, FailureKind, OrderReport, carriers_code, carriers_words

_OPEN, _ENDED = ("RECEIVED", "PROCESSING"), ("COMPLETE", "PARTIAL", "FAILED")
_GRAVEST_FIRST = (
    FailureKind.REJECTED,
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


def report_of(order: Order, spelled: Mapping[str, str], unfit: Mapping[str, Failure]) -> OrderReport:
    """How the order stands. `spelled` has its numbers as they were sent, each with its E.164.

    Where it is not said of which number an error speaks, a number that is not named is in doubt, and it is asked for
    again (CARRIER_UNAVAILABLE is tried again by itself). Were it taken for done, a number that cannot send would be
    shown as propagated; were the error's own class taken, one that can would be shown as rejected for good. Asking
    again changes nothing for a number that went through: `asSpecified` sets what is set already.

    Raises CarrierUnavailable for a status that is none.
    """
    status = order.status.upper()
    if status in _OPEN:
        return OrderReport(carrier_order_id=order.order_id, is_open=True)
    if status not in _ENDED:
        raise xml_format.unreadable()
    named, others = _sorted_out(order.errors, spelled)
    rest: Failure | None = None
    if status == "FAILED" and others:
        # It speaks of the whole order.
        rest = others[0]
    elif status == "FAILED" and not named:
        rest = failure_of(None, None)
    elif status == "FAILED":
        rest = _doubt("Bandwidth failed the whole order, for other numbers.", None)
    elif status == "PARTIAL" and others:
        rest = _doubt(others[0].message, others[0].carrier_code)
    elif status == "PARTIAL" and not named:
        rest = _doubt("Bandwidth failed a part of the order, and does not say which.", None)
    failures = dict.fromkeys(spelled.values(), rest) if rest is not None else {}
    return OrderReport(order.order_id, failures={**_given(failures), **named, **unfit})


def report_of_refusal(
    error: OrderError, spelled: Mapping[str, str], unfit: Mapping[str, Failure]
) -> OrderReport | None:
    """A refused order whose refusal names some of its numbers: only they have failed, the others are asked for again.

    None if it names none of them, or all. That a `ResponseStatus` may hold `TelephoneNumbers` is shown for another call
    (site/specs/numbers.yml, tnPortoutPasscodes).
    """
    named, _others = _sorted_out([error], spelled)
    if not 0 < len(named) < len(spelled):
        return None
    doubt = _doubt("Bandwidth refused the whole order, for other numbers.", None)
    return OrderReport(failures={**dict.fromkeys(spelled.values(), doubt), **named, **unfit})


def failure_of(code: str | None, description: str | None) -> Failure:
    """Our class of the code, with Bandwidth's code and words. An unknown code is a rejection, for a person to read."""
    return Failure(
        kind=_KIND_OF.get(code or "", FailureKind.REJECTED),
        message=carriers_words(description, otherwise="Bandwidth gave no reason."),
        carrier_code=carriers_code(code),
    )


def _sorted_out(errors: Iterable[OrderError], spelled: Mapping[str, str]) -> tuple[dict[str, Failure], list[Failure]]:
    """What is said of our numbers, by E.164, and what is said of no number, or of none that we know."""
    named: dict[str, Failure] = {}
    others: list[Failure] = []
    for error in errors:
        failure = failure_of(error.code, error.description)
        known = [_e164(number, spelled) for number in error.numbers]
        if None in known or not known:
            others.append(failure)
        for number in known:
            if number is not None:
                named[number] = _graver(failure, named.get(number))
    return named, others


def _graver(new: Failure, known: Failure | None) -> Failure:
    if known is None or _GRAVEST_FIRST.index(new.kind) < _GRAVEST_FIRST.index(known.kind):
        return new
    return known


def _e164(number: str, spelled: Mapping[str, str]) -> str | None:
    """An error's number in our form, whichever form it came in; None if the order has no such number."""
    digits = "".join(character for character in number if character in "0123456789")
    ten = digits[1:] if len(digits) == 11 and digits.startswith("1") else digits
    return spelled.get(ten) or spelled.get(f"+1{ten}")


def _doubt(message: str, carrier_code: str | None) -> Failure:
    return Failure(FailureKind.CARRIER_UNAVAILABLE, message, carrier_code)


def _given(failures: Mapping[str, Failure | None]) -> dict[str, Failure]:
    return {number: failure for number, failure in failures.items() if failure is not None}
