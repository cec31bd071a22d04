"""What the OpenAPI document says about numbers. The serializers are never called."""

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from accounts.actors import ActorKind
from agentmessage.api.operations import PAGE, UUID_SCHEMA, Operation, Parameter
from agentmessage.errors import ErrorCode
from phone_numbers.failures import FailureCode
from phone_numbers.models import AttachmentStatus, LineOptionStatus, NumberType, PhoneNumber

_NUMBERS = "Phone numbers"
_CAMPAIGN_OF_A_NUMBER = "Campaign of a number"
_NUMBER_ID = "The id of a number of your organization."
_STATUS = (
    "What the carrier knows. `pending`: recorded here, not confirmed there; `propagated`: confirmed; `failed`: the "
    "carrier refused; `removing`: detached here, not confirmed there; null: nothing to know."
)

# The most numbers that one bulk attach takes.
BULK_LIMIT = 1000
# What can be wrong with one of its numbers: rules 5 and 6.
BULK_ROW_CODES = (ErrorCode.NOT_FOUND, ErrorCode.NUMBER_NOT_ASSIGNED)


class PhoneNumberSerializer(serializers.Serializer[Any]):
    """A phone number and the campaign that it sends under."""

    id = serializers.UUIDField()
    number = serializers.CharField(help_text="E.164, or the digits of a short code.")
    number_type = serializers.ChoiceField(choices=NumberType.choices)
    inbound_url = serializers.URLField(allow_null=True, help_text="Where messages to the number are sent.")
    status_url = serializers.URLField(allow_null=True, help_text="Where delivery reports are sent.")
    label = serializers.CharField(allow_null=True, help_text="Your name for it.")  # type: ignore[assignment]  # DRF makes fields no attributes.
    campaign_id = serializers.UUIDField(allow_null=True, help_text="The campaign that it sends under.")
    carrier_line_option_status = serializers.ChoiceField(
        choices=LineOptionStatus.choices, allow_null=True, help_text=_STATUS
    )
    carrier_line_option_propagated_at = serializers.DateTimeField(
        allow_null=True, help_text="When the carrier confirmed."
    )
    sms_enabled = serializers.BooleanField()
    mms_enabled = serializers.BooleanField()
    created_at = serializers.DateTimeField()
    updated_at = serializers.DateTimeField(help_text="When it last changed. A call that changes nothing leaves it.")


class FailureSerializer(serializers.Serializer[Any]):
    """Why the carrier's side failed, and what to do."""

    code = serializers.ChoiceField(choices=FailureCode.choices)
    carrier_code = serializers.CharField(allow_null=True, help_text="The carrier's own code.")
    message = serializers.CharField(allow_null=True, help_text="The carrier's own words.")
    retried_automatically = serializers.BooleanField(
        help_text="Whether the attempt is repeated without a call: at next_attempt_at, or when the carrier approves "
        "the campaign."
    )
    can_retry = serializers.BooleanField(help_text="Whether a call of the retry endpoint is accepted now.")
    resolution = serializers.CharField(help_text="What to do.")


class AttachmentSerializer(serializers.Serializer[Any]):
    """Where the attachment of a number stands with the carrier."""

    campaign_id = serializers.UUIDField(allow_null=True)
    status = serializers.ChoiceField(choices=LineOptionStatus.choices, allow_null=True, help_text=_STATUS)
    attached_at = serializers.DateTimeField(allow_null=True)
    submitted_at = serializers.DateTimeField(allow_null=True, help_text="When the carrier was last told.")
    propagated_at = serializers.DateTimeField(allow_null=True, help_text="When the carrier confirmed.")
    attempts = serializers.IntegerField(min_value=0, help_text="Attempts since the kind of failure last changed.")
    next_attempt_at = serializers.DateTimeField(
        allow_null=True,
        help_text="When it is told next; null where nothing is due, or it waits for the campaign's approval.",
    )
    failure = FailureSerializer(allow_null=True)


class ActorSerializer(serializers.Serializer[Any]):
    """Who did it."""

    kind = serializers.ChoiceField(choices=ActorKind.choices)
    id = serializers.CharField(help_text="The id of the key or operator, or the name of the command.")


class HistoryEntrySerializer(serializers.Serializer[Any]):
    """One attach or detach."""

    id = serializers.UUIDField()
    campaign_id = serializers.UUIDField(allow_null=True, help_text="To which campaign; null: detached.")
    previous_campaign_id = serializers.UUIDField(allow_null=True, help_text="From which one; null: from none.")
    actor = ActorSerializer()
    request_id = serializers.CharField(allow_null=True, help_text="The request that did it.")
    created_at = serializers.DateTimeField()
    status = serializers.ChoiceField(
        choices=AttachmentStatus.choices,
        help_text="How the carrier's side ended; `superseded`: a later change overtook it.",
    )
    propagated_at = serializers.DateTimeField(allow_null=True)
    failure = FailureSerializer(allow_null=True)


@extend_schema_field(UUID_SCHEMA)
class _Id(serializers.Field[Any, Any, Any, Any]):
    """36 characters, in the usual hyphenated form."""


@extend_schema_field(UUID_SCHEMA | {"type": ["string", "null"]})
class _IdOrNull(serializers.Field[Any, Any, Any, Any]):
    """As above, or null."""


class AttachCampaignSerializer(serializers.Serializer[Any]):
    """The campaign to attach."""

    campaign_id = _Id(help_text="36 characters, in the usual hyphenated form.")


@extend_schema_field(
    {
        "anyOf": [
            {"type": "string", "format": "uri", "maxLength": PhoneNumber.URL_LENGTH},
            {"type": "string", "const": ""},
            {"type": "null"},
        ]
    }
)
class _ChangedUrl(serializers.Field[Any, Any, Any, Any]):
    """An https URL, or nothing."""


@extend_schema_field(
    {
        "type": ["string", "null"],
        "maxLength": PhoneNumber.LABEL_LENGTH,
        "pattern": "^[^\\u0000-\\u001f\\u007f-\\u009f]*$",
    }
)
class _ChangedLabel(serializers.Field[Any, Any, Any, Any]):
    """One line of text."""


class PhoneNumberChangesSerializer(serializers.Serializer[Any]):
    """What to change. A field that is left out, or null, stays as it is; an empty string clears it."""

    inbound_url = _ChangedUrl(required=False, help_text='An https URL; `""` clears it.')
    status_url = _ChangedUrl(required=False, help_text='An https URL; `""` clears it.')
    label = _ChangedLabel(required=False, help_text='One line of text; `""` clears it.')  # type: ignore[assignment]  # As above.
    campaign_id = _IdOrNull(
        required=False, help_text="Attaches by the six rules. It cannot be cleared: detach instead."
    )


LIST_PHONE_NUMBERS = Operation(
    id="listPhoneNumbers",
    tag=_NUMBERS,
    summary="List phone numbers",
    description="The assigned numbers of your organization, newest first. Numbers that come and go meanwhile neither "
    "repeat nor hide others, and the thousandth page costs what the first does.",
    query=(
        *PAGE,
        Parameter("number_type", "Only numbers of this kind.", {"type": "string", "enum": NumberType.values}),
        Parameter("campaign_id", "Only numbers on this campaign.", UUID_SCHEMA),
        Parameter(
            "carrier_line_option_status",
            "Only numbers of which the carrier knows this.",
            {"type": "string", "enum": LineOptionStatus.values},
        ),
        Parameter(
            "search",
            "A part of the number or of the label.",
            {"type": "string", "pattern": "^[^\\u0000-\\u001f\\u007f-\\u009f\\ufffd]*$"},
        ),
    ),
    answer=PhoneNumberSerializer,
    is_list=True,
    success_description="A page of numbers.",
)
GET_PHONE_NUMBER = Operation(
    id="getPhoneNumber",
    tag=_NUMBERS,
    summary="Get a phone number",
    description="One assigned number of your organization.",
    path_id=_NUMBER_ID,
    answer=PhoneNumberSerializer,
    success_description="The number.",
    has_etag=True,
)
UPDATE_PHONE_NUMBER = Operation(
    id="updatePhoneNumber",
    tag=_NUMBERS,
    summary="Change a phone number",
    description="Changes routing, label and campaign, all of it or nothing. A `campaign_id` attaches by the six rules "
    "of [Attach a campaign](#tag/campaign-of-a-number/POST/v1/phone-numbers/{id}/campaign).",
    path_id=_NUMBER_ID,
    body=PhoneNumberChangesSerializer,
    refuses_unknown_fields=True,
    answer=PhoneNumberSerializer,
    success_description="The number, changed.",
    refusals=(
        ErrorCode.INVALID_INPUT,
        ErrorCode.CAMPAIGN_NOT_ACTIVE,
        ErrorCode.BRAND_NOT_VERIFIED,
        ErrorCode.NUMBER_NOT_ASSIGNED,
    ),
)
ATTACH_CAMPAIGN = Operation(
    id="attachCampaign",
    tag=_CAMPAIGN_OF_A_NUMBER,
    summary="Attach a campaign to a phone number",
    description="""\
Associates a 10DLC campaign with a phone number that you own. The association holds from this answer on; the carrier is
told afterwards, once it has approved the campaign.

The rules are checked in this order, and the first one that is broken answers:

1. `campaign_id` is missing or no valid id: 422 `VALIDATION_FAILED`.
2. The campaign is not in your organization: 404 `NOT_FOUND`.
3. The campaign is not ACTIVE: 409 `CAMPAIGN_NOT_ACTIVE`.
4. Its brand is neither VERIFIED nor VETTED_VERIFIED: 409 `BRAND_NOT_VERIFIED`.
5. The number is not in your organization: 404 `NOT_FOUND`.
6. The number is not assigned: 409 `NUMBER_NOT_ASSIGNED`.

Attaching the campaign that is already on the number changes nothing and answers 200. Another campaign replaces the
present one in the same moment: a reader sees the old one or the new one, and never none.""",
    path_id=_NUMBER_ID,
    body=AttachCampaignSerializer,
    answer=PhoneNumberSerializer,
    success_description="The number, with the campaign on it.",
    refusals=(ErrorCode.CAMPAIGN_NOT_ACTIVE, ErrorCode.BRAND_NOT_VERIFIED, ErrorCode.NUMBER_NOT_ASSIGNED),
)
DETACH_CAMPAIGN = Operation(
    id="detachCampaign",
    tag=_CAMPAIGN_OF_A_NUMBER,
    summary="Detach the campaign",
    description="Takes the number off its campaign; the carrier is told afterwards. A number without a campaign stays "
    "as it is and answers 200.",
    path_id=_NUMBER_ID,
    answer=PhoneNumberSerializer,
    success_description="The number, without a campaign.",
    refusals=(ErrorCode.NUMBER_NOT_ASSIGNED,),
)
GET_ATTACHMENT = Operation(
    id="getAttachment",
    tag=_CAMPAIGN_OF_A_NUMBER,
    summary="See where the attachment stands",
    description="Which campaign the number is on and what the carrier has said to it.",
    path_id=_NUMBER_ID,
    answer=AttachmentSerializer,
    success_description="Where it stands.",
    has_etag=True,
)
RETRY_PROPAGATION = Operation(
    id="retryPropagation",
    tag=_CAMPAIGN_OF_A_NUMBER,
    summary="Send a failed propagation again",
    description="Tells the carrier of the attach or detach once more, after whatever made it fail has been mended. "
    "Nothing else needs it: what can pass by itself is tried again by itself.",
    path_id=_NUMBER_ID,
    answer=AttachmentSerializer,
    success_description="Where it stands now.",
    refusals=(ErrorCode.NUMBER_NOT_ASSIGNED, ErrorCode.NOT_FAILED),
)
LIST_HISTORY = Operation(
    id="listAttachmentHistory",
    tag=_CAMPAIGN_OF_A_NUMBER,
    summary="List the history of a number",
    description="Every attach and detach, newest first: who, when, from which campaign to which, and how the carrier's "
    "side ended.",
    path_id=_NUMBER_ID,
    query=PAGE,
    answer=HistoryEntrySerializer,
    is_list=True,
    success_description="A page of entries.",
)


@extend_schema_field({"type": "array", "items": UUID_SCHEMA, "minItems": 1, "maxItems": BULK_LIMIT})
class _Ids(serializers.Field[Any, Any, Any, Any]):
    """Ids of numbers."""


@extend_schema_field({"type": "boolean", "default": False})
class _Switch(serializers.Field[Any, Any, Any, Any]):
    """Off, unless it is sent as true."""


class BulkAttachSerializer(serializers.Serializer[Any]):
    """The numbers to attach."""

    phone_number_ids = _Ids(help_text="Each id as 36 characters, in the usual hyphenated form.")
    dry_run = _Switch(required=False, help_text="The same answer, nothing written.")
    atomic = _Switch(required=False, help_text="One number that fails, and nothing is attached.")


class BulkErrorSerializer(serializers.Serializer[Any]):
    """Why a number failed."""

    code = serializers.ChoiceField(choices=[code.value for code in BULK_ROW_CODES])
    message = serializers.CharField()


class BulkResultSerializer(serializers.Serializer[Any]):
    """What became of one number."""

    phone_number_id = serializers.UUIDField()
    outcome = serializers.ChoiceField(choices=["attached", "unchanged", "failed"])
    error = BulkErrorSerializer(required=False, help_text="Only where it failed.")


class BulkAttachmentsSerializer(serializers.Serializer[Any]):
    """What became of the numbers."""

    attached = serializers.IntegerField(min_value=0)
    unchanged = serializers.IntegerField(min_value=0)
    failed = serializers.IntegerField(min_value=0)
    results = BulkResultSerializer(many=True, help_text="In the order sent.")


BULK_ATTACH = Operation(
    id="bulkAttachCampaign",
    tag=_CAMPAIGN_OF_A_NUMBER,
    summary="Attach a campaign to many phone numbers",
    description=f"""\
Up to {BULK_LIMIT} numbers in one transaction, by the rules of a single attach: the campaign's own (2 to 4) refuse the
call, a number's (5 and 6) fail its row, and the others go on. A number that stands twice is attached once and unchanged
the second time.

With `atomic`, one failed row leaves every number as it was: those that would have been attached are `unchanged`. With
`dry_run` the answer is the same and nothing is written.""",
    path_id="The id of a campaign of your organization.",
    body=BulkAttachSerializer,
    answer=BulkAttachmentsSerializer,
    success_description="What became of each number.",
    refusals=(ErrorCode.CAMPAIGN_NOT_ACTIVE, ErrorCode.BRAND_NOT_VERIFIED),
)
