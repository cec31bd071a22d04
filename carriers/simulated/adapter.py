"""The adapter of the simulated carrier (`carriers.simulated`)."""

from collections.abc import Iterator, Sequence
from typing import Any, Self
from urllib.parse import SplitResult, parse_qs, quote

import orjson

from carriers.base import (
    CampaignApproval,
    CampaignDecision,
    CarrierRefused,
    Failure,
    FailureKind,
    OrderReport,
    OrderRequest,
    Pace,
    carriers_words,
    unreadable,
)
from carriers.http import Answer, HttpCarrier

DEFAULT_BATCH = 1000
_KINDS = {
    "temporarily_unavailable": FailureKind.CARRIER_UNAVAILABLE,
    "campaign_not_ready": FailureKind.CAMPAIGN_NOT_READY,
    "not_configured": FailureKind.NOT_CONFIGURED,
    "rejected": FailureKind.REJECTED,
}


class SimulatedCarrier(HttpCarrier):
    """`simulated://[host[:port]][?batch=1000]`; without a host the one that `make run` starts beside port 8000."""

    def __init__(self, *, base: str, pace: Pace, batch_size: int = DEFAULT_BATCH) -> None:
        self.batch_size = self.lookup_size = self.page_size = self.page_step = batch_size
        self._base = base
        super().__init__(pace=pace)

    @classmethod
    def from_url(cls, url: SplitResult, *, pace: Pace) -> Self:
        """Raises ValueError for what it cannot understand."""
        batch = parse_qs(url.query).get("batch", [str(DEFAULT_BATCH)])[-1]
        if not batch.isdigit() or not 0 < int(batch) <= 10_000:
            raise ValueError("batch must be a number from 1 to 10000.")
        return cls(base=f"http://{url.hostname or '127.0.0.1'}:{url.port or 8001}", pace=pace, batch_size=int(batch))

    def submit(self, order: OrderRequest) -> OrderReport:
        answer = self._call(
            "POST",
            "/orders",
            {
                "order_id": order.order_id,
                "action": order.action.value,
                "campaign_id": order.tcr_campaign_id,
                "numbers": list(order.numbers),
            },
        )
        if answer.status == 201:
            return _report(answer.read_object())
        if answer.status == 409:
            # The order exists already; its answer was lost.
            found = self.find(order)
            if found is not None:
                return found
        raise CarrierRefused(Failure(FailureKind.REJECTED, _message(answer), str(answer.status)))

    def find(self, order: OrderRequest) -> OrderReport | None:
        answer = self._call("GET", f"/orders/{quote(order.order_id)}")
        if _is_absent(answer):
            return None
        return _report(_fine(answer))

    def assignments(self, numbers: Sequence[str]) -> Iterator[tuple[str, str | None]]:
        match _fine(self._call("POST", "/numbers/search", {"numbers": list(numbers)})):
            case {"numbers": dict() as found}:
                yield from ((number, found.get(number)) for number in numbers)
            case _:
                raise unreadable()

    def holdings(self, numbers: Sequence[str]) -> Iterator[tuple[str, bool]]:
        match _fine(self._call("POST", "/numbers/lost", {"numbers": list(numbers)})):
            case {"numbers": list() as lost}:
                yield from ((number, number not in lost) for number in numbers)
            case _:
                raise unreadable()

    def campaign_status(self, tcr_campaign_id: str, *, tcr_brand_id: str | None = None) -> CampaignApproval | None:
        answer = self._call("GET", f"/campaigns/{quote(tcr_campaign_id)}")
        if _is_absent(answer):
            return None
        content = _fine(answer)
        try:
            networks = [(network, CampaignDecision(word)) for network, word in content.get("networks", {}).items()]
            return CampaignApproval(CampaignDecision(content["status"]), networks)
        except (AttributeError, KeyError, ValueError):
            raise unreadable() from None

    def _call(self, method: str, path: str, body: object = None) -> Answer:
        content = None if body is None else orjson.dumps(body)
        return self._caller.call(method, self._base + path, content=content)


def _report(order: dict[str, Any]) -> OrderReport:
    failures = order.get("failures")
    if order.get("status") not in ("PROCESSING", "PARTIAL", "COMPLETE") or not isinstance(failures, dict):
        raise unreadable()
    return OrderReport(
        carrier_order_id=order.get("order_id"),
        is_open=order["status"] == "PROCESSING",
        failures={number: _failure(said) for number, said in failures.items()},
    )


def _failure(said: object) -> Failure:
    match said:
        case {"reason": str() as reason, "message": str() as message}:
            return Failure(_KINDS.get(reason, FailureKind.UNKNOWN_CARRIER_ANSWER), message, reason)
    raise unreadable()


def _fine(answer: Answer) -> dict[str, Any]:
    if answer.status != 200:
        raise CarrierRefused(Failure(FailureKind.NOT_CONFIGURED, _message(answer), str(answer.status)))
    return answer.read_object()


def _is_absent(answer: Answer) -> bool:
    return answer.status == 404 and bool(_message(answer))


def _message(answer: Answer) -> str:
    """Why the simulator refuses. Raises CarrierUnavailable for a page that is not the simulator's."""
    message = answer.read_object().get("message")
    if not isinstance(message, str) or not message:
        raise unreadable()
    return carriers_words(message, otherwise="")
