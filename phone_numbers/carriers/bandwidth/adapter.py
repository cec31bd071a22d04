"""Bandwidth behind the protocol. Sources: Bandwidth/api-docs site/specs/numbers.yml (`tnoptions`), Bandwidth/cli
cmd/tnoption/assign.go."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Self
from urllib.parse import SplitResult, parse_qs, quote, unquote

from campaigns.models import CarrierStatus
from phone_numbers.carriers.bandwidth import documents
from phone_numbers.carriers.bandwidth.codes import failure_of
from phone_numbers.carriers.bandwidth.documents import Order
from phone_numbers.carriers.bandwidth.oauth import Token
from phone_numbers.carriers.http import Answer, HttpCaller
from phone_numbers.carriers.protocol import (
    CarrierRefused,
    CarrierUnavailable,
    Failure,
    OrderReport,
    OrderRequest,
)
from phone_numbers.failures import FailureCode

DEFAULT_BATCH = 1000
HOSTS = {"1": "dashboard.bandwidth.com", "2": "api.bandwidth.com"}
_PATHS = {"1": "/api", "2": "/api/v2"}
_TOKEN_PATH = "/api/v1/oauth2/token"  # noqa: S105  (An address.)
_OPEN, _ENDED = ("RECEIVED", "PROCESSING"), ("COMPLETE", "PARTIAL", "FAILED")
_RESPONSE, _REPORT, _ORDER = "TnOptionOrderResponse", "TnOptionOrderReportResponse", "TnOptionOrder"


class BandwidthCarrier:
    """`bandwidth://user:secret@host[:port]/accounts/ID?version=1|2[&scheme=http][&batch=1000]`

    Version 1 is asked with HTTP Basic and ten digits, version 2 with an OAuth token and E.164. User and secret are
    percent-encoded where they have to be.
    """

    name = "bandwidth"

    def __init__(
        self,
        *,
        origin: str,
        account: str,
        user: str,
        secret: str,
        version: str,
        pace: Callable[[], None],
        batch_size: int = DEFAULT_BATCH,
    ) -> None:
        self.batch_size = batch_size
        self._api = origin + _PATHS[version]
        self._base = f"{self._api}/accounts/{quote(account, safe='')}"
        self._has_ten_digits = version == "1"
        self._caller = HttpCaller(pace=pace)
        self._basic = (user, secret) if version == "1" else None
        self._token = (
            Token(caller=self._caller, url=origin + _TOKEN_PATH, user=user, secret=secret) if version == "2" else None
        )

    @classmethod
    def from_url(cls, url: SplitResult, *, pace: Callable[[], None]) -> Self:
        """Raises ValueError for what it cannot understand, in words that show no secret."""
        query = {name: values[-1] for name, values in parse_qs(url.query, keep_blank_values=True).items()}
        if unknown := query.keys() - {"version", "scheme", "batch"}:
            raise ValueError(f"bandwidth:// does not know {', '.join(sorted(unknown))}.")
        version, scheme, batch = query.get("version", "2"), query.get("scheme", "https"), query.get("batch", "1000")
        if version not in _PATHS:
            raise ValueError("version must be 1 or 2.")
        if scheme not in ("http", "https"):
            raise ValueError("scheme must be http or https.")
        if not batch.isdigit() or not 0 < int(batch) <= 5000:
            raise ValueError("batch must be a number from 1 to 5000.")
        match url.path.split("/"):
            case ["", "accounts", account] if account:
                pass
            case _:
                raise ValueError("the path must be /accounts/ID.")
        if not url.username or not url.password:
            raise ValueError("bandwidth:// needs user:secret@.")
        host = url.hostname or HOSTS[version]
        port = "" if url.port is None else f":{url.port}"
        return cls(
            origin=f"{scheme}://{host}{port}",
            account=unquote(account),
            user=unquote(url.username),
            secret=unquote(url.password),
            version=version,
            pace=pace,
            batch_size=int(batch),
        )

    def submit(self, order: OrderRequest) -> OrderReport:
        """See `Carrier`."""
        spelled, unfit = self._spell(order.numbers)
        if not spelled:
            return OrderReport(failures=unfit)
        answer = self._call("POST", f"{self._base}/tnoptions", documents.write_order(order, list(spelled)))
        if answer.status in (200, 201, 202):
            element = documents.parse(answer.body, _RESPONSE).find(_ORDER)
            if element is None:
                raise documents.unreadable()
            return _report(documents.read_order(element), spelled, unfit)
        if answer.status == 409:
            # Whether an id of ours that is there already is a conflict is not documented; if it is, it is no failure.
            found = self.find(order)
            if found is not None:
                return found
        raise _refusal(answer)

    def find(self, order: OrderRequest) -> OrderReport | None:
        """See `Carrier`."""
        spelled, unfit = self._spell(order.numbers)
        carrier_order_id = order.carrier_order_id
        if carrier_order_id is None:
            answer = self._call("GET", f"{self._base}/tnoptions", params={"customerOrderId": order.order_id})
            if answer.status == 404:
                return None
            if answer.status != 200:
                raise _refusal(answer)
            found, carrier_order_id = documents.read_found(documents.parse(answer.body, _REPORT), order.order_id)
            if found is not None:
                return _report(found, spelled, unfit)
            if carrier_order_id is None:
                return None
        answer = self._call("GET", f"{self._base}/tnoptions/{quote(carrier_order_id, safe='')}")
        if answer.status == 404:
            return None
        if answer.status != 200:
            raise _refusal(answer)
        return _report(documents.read_order(documents.parse(answer.body, _ORDER)), spelled, unfit)

    def assignments(self, numbers: Sequence[str]) -> Iterator[tuple[str, str | None]]:
        """See `Carrier`. One call for each number: `GET /tns/{tn}/tndetails`, whose `MessagingSettings/CampaignId` is
        not in the documents that the orders' format comes from, but in those of people who read it. Not verified."""
        for number in numbers:
            spelled = self._spell([number])[0]
            if not spelled:
                continue
            answer = self._call("GET", f"{self._api}/tns/{quote(next(iter(spelled)), safe='')}/tndetails")
            if answer.status == 404:
                yield number, None
                continue
            if answer.status != 200:
                raise _refusal(answer)
            yield number, documents.read_campaign_of_number(documents.parse(answer.body, "TelephoneNumberResponse"))

    def campaign_status(self, tcr_campaign_id: str) -> CarrierStatus | None:
        """See `Carrier`. From the account's list of A2P campaigns: an ACTIVE one takes numbers, one that is listed as
        something else does not yet. `GET /products/messaging/a2pCampaigns/` is public usage, not verified."""
        answer = self._call("GET", f"{self._base}/products/messaging/a2pCampaigns/")
        if answer.status == 404:
            return None
        if answer.status != 200:
            raise _refusal(answer)
        for element in documents.parse(answer.body, "A2pCampaignsResponse", "A2pCampaigns").iter():
            if element.findtext("CampaignId") == tcr_campaign_id:
                return _CAMPAIGN_STATUSES.get((element.findtext("Status") or "").upper(), CarrierStatus.PENDING)
        return None

    def close(self) -> None:
        """See `Carrier`."""
        self._caller.close()

    def _spell(self, numbers: Sequence[str]) -> tuple[dict[str, str], dict[str, Failure]]:
        """The numbers as this API spells them, each with its E.164, and those that it cannot."""
        spelled, unfit = {}, {}
        for number in numbers:
            if not number.startswith("+1") or len(number) != 12:
                unfit[number] = Failure(FailureCode.REJECTED, "Bandwidth's orders take North American numbers only.")
            else:
                spelled[number[2:] if self._has_ten_digits else number] = number
        return spelled, unfit

    def _call(
        self, method: str, url: str, content: bytes | None = None, *, params: Mapping[str, str] | None = None
    ) -> Answer:
        if self._token is None:
            answer = self._exchange(method, url, content, params, token=None)
        else:
            token = self._token.value()
            answer = self._exchange(method, url, content, params, token=token)
            if answer.status == 401:
                # It may have been withdrawn before its time. A second refusal is about more than the token.
                answer = self._exchange(method, url, content, params, token=self._token.value(instead_of=token))
        if answer.status in (401, 403):
            raise CarrierRefused(
                Failure(
                    FailureCode.NOT_CONFIGURED,
                    "Bandwidth refuses the credentials in CARRIER_URL, or lets them do less.",
                    str(answer.status),
                )
            )
        return answer

    def _exchange(
        self, method: str, url: str, content: bytes | None, params: Mapping[str, str] | None, *, token: str | None
    ) -> Answer:
        headers = {"Accept": "application/xml"}
        if content is not None:
            headers["Content-Type"] = "application/xml; charset=utf-8"
        if token is not None:
            headers["Authorization"] = f"Bearer {token}"
        return self._caller.call(method, url, headers=headers, content=content, params=params, auth=self._basic)


_CAMPAIGN_STATUSES = {
    "ACTIVE": CarrierStatus.APPROVED,
    "REJECTED": CarrierStatus.REJECTED,
    "SUSPENDED": CarrierStatus.SUSPENDED,
}


def _report(order: Order, spelled: Mapping[str, str], unfit: Mapping[str, Failure]) -> OrderReport:
    status = order.status.upper()
    if status in _OPEN:
        return OrderReport(carrier_order_id=order.order_id, is_open=True)
    if status not in _ENDED:
        raise documents.unreadable()
    failures = dict(unfit)
    overall: list[Failure] = []
    for error in order.errors:
        failure = failure_of(error.code, error.description)
        if not error.numbers:
            overall.append(failure)
        for number in error.numbers:
            failures[_e164(number, spelled)] = failure
    if status == "FAILED":
        general = overall[0] if overall else failure_of(None, None)
        return OrderReport(order.order_id, failures={n: failures.get(n, general) for n in [*spelled.values(), *unfit]})
    if status == "PARTIAL" and overall:
        # Some number failed, and it is not said which. Those that are not named are asked for again, which changes
        # nothing for the ones that went through.
        doubt = Failure(FailureCode.CARRIER_UNAVAILABLE, overall[0].message, overall[0].carrier_code)
        return OrderReport(order.order_id, failures={n: failures.get(n, doubt) for n in [*spelled.values(), *unfit]})
    return OrderReport(order.order_id, failures=failures)


def _e164(number: str, spelled: Mapping[str, str]) -> str:
    """An error's number in our form, whichever form it came in."""
    digits = "".join(filter(str.isdigit, number))
    ten = digits[1:] if len(digits) == 11 and digits.startswith("1") else digits
    return spelled.get(number) or spelled.get(ten) or spelled.get(f"+1{ten}") or number


def _refusal(answer: Answer) -> CarrierRefused | CarrierUnavailable:
    if answer.status == 404:
        return CarrierRefused(
            Failure(FailureCode.NOT_CONFIGURED, "Bandwidth does not know the account in CARRIER_URL.", "404")
        )
    if answer.status not in (400, 409):
        return CarrierUnavailable(f"Bandwidth answered with HTTP {answer.status}.", carrier_code=str(answer.status))
    error = documents.read_status(documents.parse(answer.body, _RESPONSE, _REPORT))
    failure = failure_of(error.code, error.description)
    if failure.code == FailureCode.CARRIER_UNAVAILABLE:
        return CarrierUnavailable(failure.message, carrier_code=failure.carrier_code, was_sent=False)
    return CarrierRefused(failure)
