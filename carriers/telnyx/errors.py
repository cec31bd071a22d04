"""What Telnyx's errors mean for us. Source: team-telnyx/openapi openapi/spec3.json (`10dlc_Errors`); the classes are
our reading.
"""

from typing import NoReturn

from carriers.base import CarrierRefused, CarrierUnavailable, Failure, FailureKind
from carriers.http import Answer
from carriers.telnyx import json_format
from carriers.text import carriers_words

_NOT_FOUND = "10005"
_RATE_LIMIT = "10011"
# Authentication, permission.
_NOT_CONFIGURED = ("10009", "10010")


def is_unknown(answer: Answer) -> bool:
    """Whether Telnyx says that there is no such thing.

    Raises CarrierUnavailable for a 404 that is not Telnyx's own: a wrong address must not look like a number without a
    campaign.
    """
    if answer.status == 404:
        json_format.read_error(answer.body)
        return True
    return 400 <= answer.status < 500 and json_format.read_error(answer.body).code == _NOT_FOUND


def raise_refusal(answer: Answer) -> NoReturn:
    """Raises CarrierRefused, or CarrierUnavailable where it passes by itself."""
    if answer.status < 400 or answer.status in (408, 425):
        raise CarrierUnavailable(f"Telnyx answered with HTTP {answer.status}.", carrier_code=str(answer.status))
    error = json_format.read_error(answer.body)
    words = carriers_words(error.message, otherwise="Telnyx gave no reason.")
    code = error.code or str(answer.status)
    if code == _RATE_LIMIT:
        raise CarrierUnavailable(words, carrier_code=code, was_sent=False)
    kind = FailureKind.NOT_CONFIGURED if code in _NOT_CONFIGURED else FailureKind.REJECTED
    raise CarrierRefused(Failure(kind, words, code))
