"""Bandwidth's adapter.

Sources: Bandwidth/api-docs site/specs/numbers.yml (`tnoptions`, `tndetails`),
Bandwidth/cli cmd/tnoption/assign.go and cmd/number/details.go.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from http import HTTPStatus
from typing import Self
from urllib.parse import SplitResult, quote
from xml.etree.ElementTree import Element

from carriers.bandwidth import tendlc, xml_format
from carriers.bandwidth.account import Address, Token
from carriers.bandwidth.outcomes import failure_of, report_of, report_of_rejection
from carriers.bandwidth.xml_format import Order, OrderError
from carriers.base import (
    AssignmentPage,
    CampaignApproval,
    CarrierRefused,
    CarrierUnavailable,
    Failure,
    FailureKind,
    ListedBrand,
    ListedCampaign,
    ListUnavailable,
    OrderReport,
    OrderRequest,
    Pace,
    unreadable,
)
from carriers.http import Answer, HttpCarrier

_RESPONSE, _REPORT, _ORDER = "TnOptionOrderResponse", "TnOptionOrderReportResponse", "TnOptionOrder"
_DETAILS = "TelephoneNumberResponse"
_XML = "application/xml"
_REFUSING = (HTTPStatus.BAD_REQUEST, HTTPStatus.CONFLICT)
# About the account, whatever the code: credentials, funds, permission, an account that is not there.
_ACCOUNT = (
    HTTPStatus.UNAUTHORIZED,
    HTTPStatus.PAYMENT_REQUIRED,
    HTTPStatus.FORBIDDEN,
    HTTPStatus.NOT_FOUND,
)
_TRANSIENT = (HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_EARLY)
_NO_SUCH_NUMBER_CODE = "12512"


class BandwidthCarrier(HttpCarrier):
    """Version 1 is asked with HTTP Basic and ten digits, version 2 with an OAuth token and E.164.

    `Address.read` says which addresses it takes.
    """

    lookup_size = 1
    page_size = page_step = tendlc.PAGE_SIZE

    def __init__(self, *, address: Address, pace: Pace) -> None:
        self.batch_size = address.batch_size
        self._api = address.api
        self._base = address.account_base
        self._account = address.account
        self._has_ten_digits = address.version == "1"
        super().__init__(pace=pace)
        credentials = (address.user, address.secret)
        self._basic = credentials if address.version == "1" else None
        self._token = Token(url=address.token_url, credentials=credentials) if address.version == "2" else None
        self._list_access = tendlc.Access()

    @classmethod
    def from_url(cls, url: SplitResult, *, pace: Pace) -> Self:
        """Raises ValueError for what it cannot understand, in words that show no secret."""
        return cls(address=Address.read(url), pace=pace)

    def submit(self, order: OrderRequest) -> OrderReport:
        sent, unsupported = self._formatted(order.numbers)
        if not sent:
            return OrderReport(failures=unsupported)
        answer = self._call("POST", f"{self._base}/tnoptions", xml_format.write_order(order, list(sent)))
        if HTTPStatus.OK <= answer.status < HTTPStatus.MULTIPLE_CHOICES:
            element = xml_format.parse(answer.body, _RESPONSE).find(_ORDER)
            if element is None:
                raise unreadable()
            placed = report_of(_ours(xml_format.read_order(element), order), sent, unsupported)
            return tendlc.with_registration(self._get_json, self._list_access, order, placed)
        if answer.status == HTTPStatus.CONFLICT:
            # It is not documented whether an ID that exists already is a conflict; if so, it is not a failure.
            try:
                found = self.find(order)
            except CarrierRefused as refused:
                # This is about how we ask, not about the order.
                raise CarrierUnavailable(refused.failure.message, carrier_code=refused.failure.carrier_code) from None
            if found is not None:
                return found
        exception = _exception_for(answer)
        if isinstance(exception, CarrierRefused) and answer.status in _REFUSING:
            report = report_of_rejection(xml_format.read_error(answer), sent, unsupported)
            if report is not None:
                return report
        raise exception

    def find(self, order: OrderRequest) -> OrderReport | None:
        report = self._find(order)
        if report is None:
            return None
        return tendlc.with_registration(self._get_json, self._list_access, order, report)

    def _find(self, order: OrderRequest) -> OrderReport | None:
        sent, unsupported = self._formatted(order.numbers)
        if order.carrier_order_id is not None:
            known = self._order(order, order.carrier_order_id)
            if known is not None:
                return report_of(known, sent, unsupported)
        answer = self._call("GET", f"{self._base}/tnoptions", params={"customerOrderId": order.order_id})
        if _is_absent(answer, _REPORT, xml_format.LISTING):
            return None
        if answer.status != HTTPStatus.OK:
            raise _exception_for(answer)
        found = xml_format.read_found(xml_format.parse(answer.body, _REPORT, xml_format.LISTING), order.order_id)
        if found is None:
            return None
        if found.order is not None:
            return report_of(found.order, sent, unsupported)
        listed = self._order(order, found.order_id)
        if listed is None:
            # A list that has it and an order that is not there: it may be on its way. None would place it again.
            raise unreadable()
        return report_of(listed, sent, unsupported)

    def assignments(self, numbers: Sequence[str]) -> Iterator[tuple[str, str | None]]:
        """See `Carrier`. One call for each number.

        That is for its record in the list of 10DLC numbers, where the account may read it, or else for
        `GET /tns/{tn}/tndetails`, which belongs to no account's path.
        A number that Bandwidth cannot read is left out, and so is one whose details have no `CampaignId`. Source:
        numbers.yml, `RetrieveTnDetails`, whose examples have it in hosted details only, so its absence says nothing.
        """
        for number in numbers:
            sent = next(iter(self._formatted([number])[0]), None)
            if sent is None:
                continue
            try:
                yield from tendlc.look_up(self._get_json, self._list_access, number)
                continue
            except ListUnavailable:
                pass
            for details in self._details(sent):
                if details is None:
                    yield number, None
                    continue
                campaign = xml_format.read_campaign_of_number(details, account=self._account, number=number)
                if campaign is not None:
                    yield number, campaign

    def holdings(self, numbers: Sequence[str]) -> Iterator[tuple[str, bool]]:
        """See `Carrier`. One call for each number: its details."""
        for number in numbers:
            for sent in self._formatted([number])[0]:
                for details in self._details(sent):
                    is_held = details is not None and xml_format.read_holding(
                        details, account=self._account, number=number
                    )
                    if is_held is not None:
                        yield number, is_held

    def _details(self, sent: str) -> Iterator[Element | None]:
        """Yield the number's `TelephoneNumberResponse`, None if it is not on this account.

        That is what Bandwidth/cli reads a 404 as (cmd/number/details.go). Of a number that Bandwidth cannot read,
        nothing.
        """
        answer = self._call("GET", f"{self._api}/tns/{quote(sent, safe='')}/tndetails")
        if _is_absent(answer, _DETAILS):
            yield None
        elif answer.status == HTTPStatus.OK:
            yield xml_format.parse(answer.body, _DETAILS)
        else:
            exception = _exception_for(answer)
            if not isinstance(exception, CarrierRefused) or exception.failure.carrier_code != _NO_SUCH_NUMBER_CODE:
                raise exception

    def assignment_pages(self, position: int = 0) -> Iterator[AssignmentPage]:
        """See `Carrier`. 250 numbers a request."""
        return tendlc.pages(self._get_json, self._list_access, position)

    def number_pages(self, position: int = 0) -> Iterator[AssignmentPage]:
        """See `Carrier`. The list of assignments has them all."""
        return iter(())

    def brands(self) -> Iterator[ListedBrand]:
        return tendlc.brands(self._get_json, self._list_access)

    def campaigns(self, tcr_brand_ids: Collection[str]) -> Iterator[ListedCampaign]:
        return tendlc.campaigns(self._get_json, self._list_access, tcr_brand_ids)

    def campaign_status(self, tcr_campaign_id: str, *, tcr_brand_id: str | None = None) -> CampaignApproval | None:
        """See `Carrier`. Up to two calls, of which Bandwidth takes 30 a minute (campaign-api.mdx, Important Notes).

        An account that may use neither kind of campaign raises CarrierRefused.
        """
        denied: list[CarrierRefused] = []
        for path, root, name in xml_format.CAMPAIGN_KINDS:
            try:
                answer = self._call("GET", f"{self._base}/{path}/{quote(tcr_campaign_id, safe='')}")
                if _is_absent(answer, root):
                    continue
                if answer.status != HTTPStatus.OK:
                    raise _exception_for(answer)
            except CarrierRefused as refused:
                if refused.failure.carrier_code in xml_format.NO_SUCH_CAMPAIGN:
                    continue
                if refused.failure.carrier_code != xml_format.FEATURE_IS_OFF:
                    raise
                denied.append(refused)
                continue
            return xml_format.read_campaign_status(xml_format.parse(answer.body, root), name, tcr_campaign_id)
        if len(denied) == len(xml_format.CAMPAIGN_KINDS):
            raise denied[0]
        return None

    def _order(self, order: OrderRequest, carrier_order_id: str) -> Order | None:
        answer = self._call("GET", f"{self._base}/tnoptions/{quote(carrier_order_id, safe='')}")
        if _is_absent(answer, _REPORT, _RESPONSE):
            return None
        if answer.status != HTTPStatus.OK:
            raise _exception_for(answer)
        found = _ours(xml_format.read_order(xml_format.parse(answer.body, _ORDER)), order)
        if found.order_id.lower() != carrier_order_id.lower():
            raise unreadable()
        return found

    def _formatted(self, numbers: Sequence[str]) -> tuple[dict[str, str], dict[str, Failure]]:
        """Map the numbers in the form of this API to E.164, and return those that it does not support."""
        sent, unsupported = {}, {}
        for number in numbers:
            if not xml_format.is_north_american(number):
                unsupported[number] = Failure(
                    FailureKind.REJECTED, "Bandwidth's orders take North American numbers only."
                )
            else:
                sent[number[2:] if self._has_ten_digits else number] = number
        return sent, unsupported

    def _call(
        self, method: str, url: str, content: bytes | None = None, *, params: Mapping[str, str] | None = None
    ) -> Answer:
        answer = self._authorized(method, url, content, params)
        if answer.status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
            raise _exception_for(answer)
        return answer

    def _get_json(self, path: str, params: Mapping[str, str] | None) -> Answer:
        if self._token is None:
            # These pages belong to the second API.
            raise ListUnavailable
        answer = self._authorized("GET", f"{self._base}/{path}", None, params, "application/json")
        if answer.status == HTTPStatus.UNAUTHORIZED:
            raise _exception_for(answer)
        return answer

    def _authorized(
        self, method: str, url: str, content: bytes | None, params: Mapping[str, str] | None, accept: str = _XML
    ) -> Answer:
        headers = {"Accept": accept}
        if content is not None:
            headers["Content-Type"] = f"{_XML}; charset=utf-8"
        call = partial(self._caller.call, method, url, content=content, params=params)
        if self._token is None:
            return call(headers=headers, auth=self._basic)
        token = self._token.value(self._caller)
        answer = call(headers={**headers, "Authorization": f"Bearer {token}"})
        if answer.status == HTTPStatus.UNAUTHORIZED:
            # The token may have been revoked early. A second 401 is about more than the token.
            token = self._token.value(self._caller, instead_of=token)
            answer = call(headers={**headers, "Authorization": f"Bearer {token}"})
        return answer


def _ours(answered: Order, order: OrderRequest) -> Order:
    """Raises CarrierUnavailable for an order that bears another id than ours."""
    if (answered.customer_order_id or order.order_id).lower() != order.order_id.lower():
        raise unreadable()
    return answered


def _is_absent(answer: Answer, *roots: str) -> bool:
    """Whether it is Bandwidth that answers 404. Raises CarrierUnavailable for another server's page."""
    if answer.status != HTTPStatus.NOT_FOUND:
        return False
    if not answer.is_declared_as("xml"):
        raise unreadable()
    xml_format.parse(answer.body, *roots)
    return True


def _exception_for(answer: Answer) -> CarrierRefused | CarrierUnavailable:
    """What an answer means that is not a success. Only Bandwidth's own document is a refusal."""
    if answer.status < HTTPStatus.BAD_REQUEST or answer.status in _TRANSIENT:
        return CarrierUnavailable(f"Bandwidth answered with HTTP {answer.status}.", carrier_code=str(answer.status))
    try:
        error = xml_format.read_error(answer)
    except CarrierUnavailable:
        if not answer.is_challenge:
            raise
        error = OrderError(None, "Bandwidth refuses the credentials of the account.")
    failure = failure_of(error.code, error.description)
    if failure.kind == FailureKind.CARRIER_UNAVAILABLE:
        return CarrierUnavailable(failure.message, carrier_code=failure.carrier_code, was_sent=False)
    if answer.status in _ACCOUNT:
        code = failure.carrier_code or str(int(answer.status))
        failure = replace(failure, kind=FailureKind.NOT_CONFIGURED, carrier_code=code)
    return CarrierRefused(failure)
