"""/v1/phone-numbers and below, and the numbers of a campaign. Parse, one call of a service, render: no rules here."""

from collections import Counter
from dataclasses import replace
from typing import Any
from uuid import UUID

from django.http import HttpResponse
from rest_framework.request import Request

from accounts.api.base import TenantView
from accounts.models import Scope
from agentmessage.api.envelope import success, success_with_etag
from agentmessage.api.pagination import PageQuery
from agentmessage.api.requests import path_uuid
from agentmessage.api.views import Operation
from agentmessage.errors import ErrorCode
from agentmessage.ids import parse_uuid, uuid7
from phone_numbers.api.serializers import (
    AttachCampaignSerializer,
    AttachmentSerializer,
    BulkAttachmentsSerializer,
    BulkAttachSerializer,
    HistoryEntrySerializer,
    PhoneNumberChangesSerializer,
    PhoneNumberQuery,
    PhoneNumberSerializer,
    ReadinessSerializer,
    WarningSerializer,
    render_phone_number,
)
from phone_numbers.models import PhoneNumber
from phone_numbers.readiness import read_readiness
from phone_numbers.selectors import (
    SHOWN,
    attachment_history,
    get_attached_phone_number,
    read_phone_number,
    search_phone_numbers,
    visible_phone_numbers,
)
from phone_numbers.services.attach import attach_campaign, detach_campaign
from phone_numbers.services.bulk_attach import Outcome, RowResult, bulk_attach_to_campaign
from phone_numbers.services.move_warnings import MoveWarnings, previewed
from phone_numbers.services.retry import retry_propagation
from phone_numbers.services.update import update_phone_number

_NUMBERS = "Phone numbers"
_CAMPAIGN_OF_A_NUMBER = "Campaign of a number"
_NUMBER_ID = "The ID of a number of your organization."
_CAMPAIGN_RULES = (ErrorCode.CAMPAIGN_NOT_ACTIVE, ErrorCode.BRAND_NOT_VERIFIED)
_NUMBER_RULES = (ErrorCode.NUMBER_NOT_ASSIGNED, ErrorCode.NUMBER_TYPE_NOT_ELIGIBLE, ErrorCode.CAMPAIGN_NUMBER_LIMIT)


class PhoneNumbersView(TenantView):
    """The organization's numbers."""

    scopes = {"GET": Scope.NUMBERS_READ}
    tag = _NUMBERS

    @Operation("listPhoneNumbers", query=PhoneNumberQuery(), answer=PhoneNumberSerializer, returns="A page of numbers.")
    def get(self, request: Request) -> HttpResponse:
        """List phone numbers.

        The assigned numbers of your organization, newest first. Pages stay consistent while numbers are
        added or removed, and later pages cost no more than the first.
        """
        rows = visible_phone_numbers(organization_id=self.organization_id).filter(**self.filters)
        if self.query["search"]:
            rows = search_phone_numbers(rows, self.query["search"])
        return self.paginated(rows.values(*SHOWN))


class PhoneNumberView(TenantView):
    """One number."""

    scopes = {"GET": Scope.NUMBERS_READ, "PATCH": Scope.NUMBERS_WRITE}
    tag = _NUMBERS
    path_id = _NUMBER_ID

    @Operation("getPhoneNumber", answer=PhoneNumberSerializer, returns="The number.")
    def get(self, request: Request, phone_number_id: str) -> HttpResponse:
        """Get a phone number.

        One assigned number of your organization.
        """
        shown = read_phone_number(organization_id=self.organization_id, phone_number_id=path_uuid(phone_number_id))
        return success_with_etag(request, shown)

    @Operation(
        "updatePhoneNumber",
        body=PhoneNumberChangesSerializer(),
        answer=PhoneNumberSerializer,
        returns="The number, changed.",
        error_codes=(*_CAMPAIGN_RULES, *_NUMBER_RULES),
        is_conditional=True,
    )
    def patch(self, request: Request, phone_number_id: str) -> HttpResponse:
        """Change a phone number.

        Changes routing, label and campaign, all or nothing. A `campaign_id` is attached by the six rules of
        [Attach a campaign](#tag/campaign-of-a-number/POST/v1/phone-numbers/{id}/campaign).
        """
        identifier = path_uuid(phone_number_id)
        given = {name: value for name, value in self.body.items() if value is not None}
        campaign_id = given.pop("campaign_id", None)
        phone_number = update_phone_number(
            organization_id=self.organization_id,
            phone_number_id=identifier,
            changes={name: value or None for name, value in given.items()},
            campaign_id=campaign_id,
            actor=self.actor,
            precondition=self.precondition(render_phone_number),
        )
        return success(render_phone_number(phone_number))


class PhoneNumberReadinessView(TenantView):
    """Whether one number can send."""

    scopes = {"GET": Scope.NUMBERS_READ}
    tag = _NUMBERS
    path_id = _NUMBER_ID

    @Operation("getReadiness", answer=ReadinessSerializer, returns="Whether the number can send, and what blocks it.")
    def get(self, request: Request, phone_number_id: str) -> HttpResponse:
        """Can this number send now?

        `can_send` is true if nothing blocks sending, false if something does, and null if that is unknown, for example
        while a carrier order is open. The blockers are listed in a fixed order, each with its resolution.
        """
        numbers = PhoneNumber.objects.filter(organization_id=self.organization_id)
        return success(ReadinessSerializer(read_readiness(numbers, id=path_uuid(phone_number_id))).data)


class PhoneNumberCampaignView(TenantView):
    """The campaign of one number."""

    scopes = {"GET": Scope.NUMBERS_READ, "POST": Scope.NUMBERS_WRITE, "DELETE": Scope.NUMBERS_WRITE}
    tag = _CAMPAIGN_OF_A_NUMBER
    path_id = _NUMBER_ID

    @Operation("getAttachment", answer=AttachmentSerializer, returns="The attachment.")
    def get(self, request: Request, phone_number_id: str) -> HttpResponse:
        """Get the status of an attachment.

        Which campaign the number is on, and what the carrier has answered.
        """
        phone_number = get_attached_phone_number(
            organization_id=self.organization_id, phone_number_id=path_uuid(phone_number_id)
        )
        return success_with_etag(request, _render_attachment(phone_number))

    @Operation(
        "attachCampaign",
        body=AttachCampaignSerializer(),
        answer=PhoneNumberSerializer,
        returns="The number, with its campaign.",
        error_codes=(*_CAMPAIGN_RULES, *_NUMBER_RULES),
        is_conditional=True,
    )
    def post(self, request: Request, phone_number_id: str) -> HttpResponse:
        """Attach a campaign to a phone number.

        Associates a 10DLC campaign with a phone number that you own. The association takes effect with this response;
        the carrier is notified afterwards, once it has approved the campaign.

        The rules are checked in this order, and the first violation is returned:

        1. `campaign_id` is missing or not a valid ID: 422 `VALIDATION_FAILED`.
        2. The campaign is not in your organization: 404 `NOT_FOUND`.
        3. The campaign is not ACTIVE: 409 `CAMPAIGN_NOT_ACTIVE`.
        4. Its brand is neither VERIFIED nor VETTED_VERIFIED: 409 `BRAND_NOT_VERIFIED`.
        5. The number is not in your organization: 404 `NOT_FOUND`.
        6. The number is not assigned: 409 `NUMBER_NOT_ASSIGNED`.

        Attaching the current campaign again changes nothing and returns 200. Another campaign replaces the current one
        atomically: readers see either the old one or the new one.
        """
        # A malformed phone number ID counts as rule 5, so it is checked after rules 1 to 4.
        phone_number = attach_campaign(
            organization_id=self.organization_id,
            phone_number_id=parse_uuid(phone_number_id),
            campaign_id=self.body["campaign_id"],
            actor=self.actor,
            precondition=self.precondition(_render_attachment),
        )
        return success(render_phone_number(phone_number))

    @Operation(
        "detachCampaign",
        answer=PhoneNumberSerializer,
        returns="The number, without a campaign.",
        error_codes=(ErrorCode.NUMBER_NOT_ASSIGNED,),
        is_conditional=True,
    )
    def delete(self, request: Request, phone_number_id: str) -> HttpResponse:
        """Detach the campaign.

        Takes the number off its campaign; the carrier is notified afterwards. A number without a campaign is left
        unchanged and returns 200.
        """
        phone_number, _ = detach_campaign(
            organization_id=self.organization_id,
            phone_number_id=path_uuid(phone_number_id),
            actor=self.actor,
            precondition=self.precondition(_render_attachment),
        )
        return success(render_phone_number(phone_number))


class RetryPropagationView(TenantView):
    """A failed propagation of one number."""

    scopes = {"POST": Scope.NUMBERS_WRITE}
    tag = _CAMPAIGN_OF_A_NUMBER
    path_id = _NUMBER_ID

    @Operation(
        "retryPropagation",
        answer=AttachmentSerializer,
        returns="The attachment.",
        error_codes=(ErrorCode.NUMBER_NOT_ASSIGNED, ErrorCode.NOT_FAILED),
    )
    def post(self, request: Request, phone_number_id: str) -> HttpResponse:
        """Retry a failed propagation.

        Notifies the carrier of the attach or detach again, after the cause of the failure has been corrected. Temporary
        failures are retried automatically.
        """
        phone_number = retry_propagation(
            organization_id=self.organization_id, phone_number_id=parse_uuid(phone_number_id)
        )
        return success(_render_attachment(phone_number))


class CampaignHistoryView(TenantView):
    """The campaign history of a number."""

    scopes = {"GET": Scope.NUMBERS_READ}
    tag = _CAMPAIGN_OF_A_NUMBER
    path_id = _NUMBER_ID

    @Operation("listAttachmentHistory", query=PageQuery(), answer=HistoryEntrySerializer, returns="A page of entries.")
    def get(self, request: Request, phone_number_id: str) -> HttpResponse:
        """List the history of a number.

        Every attach and detach, newest first: who, when, from which campaign to which, and how the carrier's side
        ended.
        """
        identifier = path_uuid(phone_number_id)
        phone_number = get_attached_phone_number(organization_id=self.organization_id, phone_number_id=identifier)
        return self.paginated(
            attachment_history(organization_id=self.organization_id, phone_number_id=identifier),
            HistoryEntrySerializer,
            current_id=phone_number.current_attachment_id,
        )


class CampaignPhoneNumbersView(TenantView):
    """The numbers of one campaign."""

    scopes = {"POST": Scope.NUMBERS_WRITE}
    tag = _CAMPAIGN_OF_A_NUMBER
    path_id = "The ID of a campaign of your organization."

    @Operation(
        "bulkAttachCampaign",
        body=BulkAttachSerializer(),
        answer=BulkAttachmentsSerializer,
        returns="The outcome of each number.",
        error_codes=_CAMPAIGN_RULES,
    )
    def post(self, request: Request, campaign_id: str) -> HttpResponse:
        """Attach a campaign to many phone numbers.

        Up to 1000 numbers in one transaction, by the rules of a single attach. A broken campaign rule (2 to 4) refuses
        the whole call; a broken number rule (5 and 6) fails only that number. A repeated number is attached once and
        reported as unchanged after that.

        With `atomic`, one failed number rolls back all of them: those that would have been attached are
        `rolled_back`. With `dry_run` the response is the same and nothing is written. Its `warnings` say what the moves
        would lead to: a campaign that its last number leaves, a limit that is exceeded, numbers that move often.
        """
        # A malformed campaign ID counts as rule 2, as a malformed number ID of a single attach counts as rule 5.
        phone_number_ids: list[UUID] = self.body["phone_number_ids"]
        target, is_dry = parse_uuid(campaign_id), self.body["dry_run"]
        results = bulk_attach_to_campaign(
            organization_id=self.organization_id,
            campaign_id=target,
            phone_number_ids=phone_number_ids,
            dry_run=is_dry,
            atomic=self.body["atomic"],
            actor=replace(self.actor, batch_id=uuid7()),
        )
        counts = Counter(result.outcome for result in results)
        answer: dict[str, Any] = {
            "attached": counts[Outcome.ATTACHED],
            "unchanged": counts[Outcome.UNCHANGED],
            "failed": counts[Outcome.FAILED],
            "rolled_back": counts[Outcome.ROLLED_BACK],
            "results": [_render_row(*row) for row in zip(phone_number_ids, results, strict=True)],
        }
        if is_dry:
            moves = MoveWarnings(self.organization_id)
            moves.add(previewed((name, target, row) for name, row in zip(phone_number_ids, results, strict=True)))
            answer["warnings"] = WarningSerializer(moves.found(), many=True).data
        return success(answer)


def _render_attachment(phone_number: PhoneNumber) -> dict[str, Any]:
    return AttachmentSerializer(phone_number).data


def _render_row(phone_number_id: UUID, result: RowResult) -> dict[str, Any]:
    row: dict[str, Any] = {"phone_number_id": phone_number_id, "outcome": result.outcome}
    if result.error is not None:
        row["error"] = {"code": result.error.code, "message": result.error.message}
    return row
