"""What the service asks of a carrier, and what it answers. Each adapter translates this for one carrier."""

import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from typing import Protocol, Self

DEFAULT_ACCOUNT = "default"
Pace = Callable[[], AbstractContextManager[None] | None]
"""Called before each request: waits until it may go out, or raises CarrierUnavailable. The status of the answer is
checked within the context that it returns, if any, which so sees HTTP 429."""


@dataclass(frozen=True, slots=True)
class Deadline:
    """The moment by which work at a carrier has to end, however many calls it takes."""

    at: float
    """By this machine's monotonic clock, so that a suspended process finds it passed."""

    @classmethod
    def after(cls, seconds: float) -> Self:
        """Return the deadline that is so many seconds away."""
        return cls(time.monotonic() + seconds)

    @property
    def seconds_left(self) -> float:
        """How much time is left, 0 at least."""
        return max(self.at - time.monotonic(), 0.0)


class OrderAction(StrEnum):
    """What the carrier is asked to do with an order's numbers."""

    ATTACH = "attach"
    DETACH = "detach"


@dataclass(frozen=True, slots=True)
class OrderRequest:
    """One order: every number goes onto the campaign, whatever it was on before, or off its campaign.

    `order_id` is ours, was committed before the carrier is called, and finds the order again after a lost answer.
    `numbers` are E.164. `tcr_campaign_id` is None in a detach; `tcr_brand_id` is the brand of that campaign, if known.
    `carrier_order_id` is the carrier's own id, once known.
    """

    order_id: str
    action: OrderAction
    tcr_campaign_id: str | None
    numbers: tuple[str, ...]
    carrier_order_id: str | None = None
    tcr_brand_id: str | None = None


class CampaignDecision(StrEnum):
    """Whether the carrier takes a campaign's traffic."""

    PENDING = "PENDING"
    APPROVED = "APPROVED"
    REJECTED = "REJECTED"
    SUSPENDED = "SUSPENDED"


OTHER_NETWORKS = "other"
"""The networks of which a carrier speaks as one."""


@dataclass(frozen=True, slots=True)
class CampaignApproval:
    """What a carrier says of a campaign as a whole, and of each network by ID, where it tells them apart."""

    whole: CampaignDecision
    networks: Sequence[tuple[str, CampaignDecision]] = ()

    @property
    def decision(self) -> CampaignDecision:
        """Derive the one decision: what the carrier says of the whole, unless it approves and networks object.

        Then it is PENDING while any network has yet to decide; APPROVED while any delivers, because the others do not
        stop it; REJECTED if any of the rest has rejected the campaign, and SUSPENDED if all have suspended it.
        """
        words = {word for _network, word in self.networks}
        if self.whole is not CampaignDecision.APPROVED or not words:
            return self.whole
        for word in (CampaignDecision.PENDING, CampaignDecision.APPROVED, CampaignDecision.REJECTED):
            if word in words:
                return word
        return CampaignDecision.SUSPENDED


class FailureKind(StrEnum):
    """The kinds of failure that the carriers' own error codes are mapped to."""

    CARRIER_UNAVAILABLE = "CARRIER_UNAVAILABLE"
    CAMPAIGN_NOT_READY = "CAMPAIGN_NOT_READY"
    NOT_CONFIGURED = "NOT_CONFIGURED"
    REJECTED = "REJECTED"
    UNKNOWN_CARRIER_ANSWER = "UNKNOWN_CARRIER_ANSWER"
    """The carrier answered in its own format with a status or code that its documentation does not list."""


@dataclass(frozen=True, slots=True)
class Failure:
    """Why the carrier did not carry out an order, or one number of it: its kind, and the carrier's code and words."""

    kind: FailureKind
    message: str
    carrier_code: str | None = None
    may_be_dormant: bool = field(default=False, compare=False)
    """Whether the carrier refuses the first number of a campaign that has had none for a while, and only that."""


@dataclass(frozen=True, slots=True)
class OrderReport:
    """The state of an order at the carrier.

    While `is_open` the carrier is still working on it and nothing else counts. Afterwards a number failed if it is in
    `failures`, by its E.164; all of them failed if `failure` is set; the carrier still works on those in `unfinished`;
    the others succeeded. `steps` is how far the only number of an order is with each network, in the carrier's words.
    """

    carrier_order_id: str | None = None
    is_open: bool = False
    failures: Mapping[str, Failure] = field(default_factory=dict)
    failure: Failure | None = None
    unfinished: frozenset[str] = frozenset()
    steps: Mapping[str, str] = field(default_factory=dict, compare=False)

    def failure_of(self, number: str) -> Failure | None:
        """Why this number failed; None if it succeeded."""
        return self.failure or self.failures.get(number)


class AssignmentState(StrEnum):
    """What the carrier says of a number and the campaign beside it."""

    ASSIGNED = "ASSIGNED"
    PENDING = "PENDING"
    """On its way onto the campaign, or off it."""
    FAILED = "FAILED"
    """Not on the campaign: the carrier could not put it there."""
    UNKNOWN = "UNKNOWN"
    """The record does not say. An absent field is not a number without a campaign."""


@dataclass(frozen=True, slots=True)
class Assignment:
    """One record of the carrier's list: an E.164 number, and its campaign if the record names one."""

    number: str
    tcr_campaign_id: str | None
    state: AssignmentState


@dataclass(frozen=True, slots=True)
class AssignmentPage:
    """One page of the carrier's list. `unreadable` records are not among its `assignments`."""

    assignments: Sequence[Assignment]
    next_position: int | None
    """Where to continue, after an interruption too; None: this was the last page."""
    unreadable: int = 0
    total: int = 0
    """How many records the whole list has, if it is not changed while it is read."""


class Registration(StrEnum):
    """A campaign's status at TCR."""

    PENDING = "PENDING"
    ACTIVE = "ACTIVE"
    REJECTED = "REJECTED"
    EXPIRED = "EXPIRED"


@dataclass(frozen=True, slots=True)
class ListedBrand:
    """A brand of the account. None: the carrier does not say."""

    tcr_brand_id: str
    name: str | None
    identity_status: str | None
    """TCR's word."""


@dataclass(frozen=True, slots=True)
class ListedCampaign:
    """A campaign of the account. None: the carrier does not say, or in words that it has not documented."""

    tcr_campaign_id: str
    tcr_brand_id: str
    name: str | None
    usecase: str | None
    """TCR's word."""
    registration: Registration | None
    decision: CampaignDecision | None
    expiration_date: date | None = None
    """The last day, of a campaign that is not renewed automatically."""
    number_pool: bool | None = None


class CarrierUnavailable(Exception):
    """The carrier could not be asked, or its answer could not be read: whether it acted is not known.

    `was_sent` is False where the request certainly never reached it. `retry_after` is what the carrier asks for, in
    seconds.
    """

    def __init__(
        self,
        message: str,
        *,
        carrier_code: str | None = None,
        retry_after: float | None = None,
        was_sent: bool = True,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.carrier_code = carrier_code
        self.retry_after = retry_after
        self.was_sent = was_sent
        self.follows_write = False
        """Whether an earlier request of the same order may have reached the carrier and done something there."""

    @property
    def order_may_exist(self) -> bool:
        """Whether the order has to be looked up before it is placed again."""
        return self.was_sent or self.follows_write


class CarrierRefused(Exception):
    """The carrier read the request and did nothing: every number of the order has this failure."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.message)
        self.failure = failure


class ListUnavailable(Exception):
    """The carrier has no list of its numbers, or not for this account: numbers are looked up instead."""


class Carrier(Protocol):
    """One carrier. Its methods block, are safe to call from many threads, and end within the caller's time limit.

    All that ask the carrier raise CarrierRefused and CarrierUnavailable, and those that list ListUnavailable too.
    """

    name: str
    """The account's name, in numbers, orders, rate limits and logs."""
    number_types: frozenset[str]
    """The types of number that go onto a campaign."""
    batch_size: int
    """The most numbers in one order."""
    lookup_size: int
    """The most numbers that one call of `assignments` looks up in one request."""
    page_size: int
    """The most numbers on a page of the carrier's list."""
    page_step: int
    """How far the positions of two pages are apart, so that a page that cannot be read can be skipped."""

    def until(self, deadline: Deadline) -> Self:
        """Return this carrier with one deadline for everything that is called through the result.

        After it no request goes out, and CarrierUnavailable is raised.
        """

    def submit(self, order: OrderRequest) -> OrderReport:
        """Place the order."""

    def find(self, order: OrderRequest) -> OrderReport | None:
        """Look the order up by the carrier's ID or else by this service's ID. None if the carrier does not know it."""

    def assignments(self, numbers: Sequence[str]) -> Iterator[tuple[str, str | None]]:
        """Yield each of these E.164 numbers with the TCR ID of its campaign at the carrier, None for none.

        Numbers of which the carrier does not say it are left out.
        """

    def assignment_pages(self, position: int = 0) -> Iterator[AssignmentPage]:
        """Yield the carrier's list of all numbers from `position` on, which is 0 or that of an earlier page's end.

        The list may change while it is read: a number on none of its pages may still be at the carrier.
        """

    def holdings(self, numbers: Sequence[str]) -> Iterator[tuple[str, bool]]:
        """Yield each of these E.164 numbers with whether it is still in service at this account.

        Numbers of which the carrier does not say it are left out.
        """

    def campaign_status(self, tcr_campaign_id: str, *, tcr_brand_id: str | None = None) -> CampaignApproval | None:
        """Ask whether the carrier has approved the campaign. None if it does not know it.

        `tcr_brand_id` is the campaign's brand, by which a carrier finds a campaign that it knows under its own ID only.
        """

    def tcr_campaign_ids(self, *, campaign_id: str | None, brand_id: str | None) -> Sequence[str]:
        """Return the TCR IDs of the campaign, or of all campaigns of the brand, that go by this ID at the carrier."""

    # What the account has, for an import.

    def number_pages(self, position: int = 0) -> Iterator[AssignmentPage]:
        """Yield the numbers of the account, as `assignment_pages` does, if that lists only those on campaigns."""

    def brands(self) -> Iterator[ListedBrand]:
        """Yield the account's brands."""

    def campaigns(self, tcr_brand_ids: Collection[str]) -> Iterator[ListedCampaign]:
        """Yield the campaigns of these brands."""

    def close(self) -> None:
        """Close the connections. The next call opens new ones."""


LOCAL_NUMBERS = frozenset({"local"})
"""The types that 10DLC knows: toll-free numbers are verified, and short codes have programs of their own."""
LONGEST = 500
LONGEST_ID = 64


def carriers_words(text: str | None, *, otherwise: str) -> str:
    """At most 500 characters on one line, without control characters; `otherwise` if nothing is left."""
    printable = "".join(character if character.isprintable() else " " for character in text or "")
    return " ".join(printable.split())[:LONGEST] or otherwise


def unreadable() -> CarrierUnavailable:
    """Return the exception for an answer in an unknown format: whether the carrier acted is not known."""
    return CarrierUnavailable("The carrier's answer cannot be read.")


def undocumented(text: str, carrier_code: str | None = None) -> CarrierRefused:
    """Return the exception for an answer in the carrier's own format that its documentation does not list."""
    return CarrierRefused(Failure(FailureKind.UNKNOWN_CARRIER_ANSWER, text, carriers_code(carrier_code)))


def carriers_id(value: object) -> str | None:
    """Return the carrier's ID of an order; None for one that cannot be stored, which is then looked up by our own."""
    is_usable = isinstance(value, str) and 0 < len(value) <= LONGEST_ID and value.isprintable()
    return value if is_usable and isinstance(value, str) else None


def carriers_date(text: object) -> date | None:
    """Return the day with which a text of the carrier begins; None if there is none."""
    try:
        return date.fromisoformat(text[:10]) if isinstance(text, str) else None
    except ValueError:
        return None


def carriers_name(*texts: object) -> str | None:
    """Return the first text that can be a name, in one line of at most 255 characters; None if there is none."""
    words = (carriers_words(text, otherwise="")[:255].strip() for text in texts if isinstance(text, str))
    return next(filter(None, words), None)


def carriers_code(text: str | None) -> str | None:
    """At most 40 characters; None if there is none."""
    return carriers_words(text, otherwise="")[:40] or None
