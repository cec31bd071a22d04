"""What Bandwidth's error codes mean for us. Source: Bandwidth/api-docs, site/specs/numbers.yml.

The classes are our reading of them.
"""

from carriers.base import Failure, FailureKind
from carriers.text import carriers_code, carriers_words

_CLASSES: dict[FailureKind, tuple[str, ...]] = {
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
_CLASS_OF = {code: failure for failure, codes in _CLASSES.items() for code in codes}


def failure_of(code: str | None, description: str | None) -> Failure:
    """Our class of the code, with Bandwidth's code and words. An unknown code is a rejection, for a person to read."""
    return Failure(
        kind=_CLASS_OF.get(code or "", FailureKind.REJECTED),
        message=carriers_words(description, otherwise="Bandwidth gave no reason."),
        carrier_code=carriers_code(code),
    )
