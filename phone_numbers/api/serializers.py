"""What /v1 takes and shows of phone numbers and their attachments."""

from typing import Any
from uuid import UUID

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from accounts.actors import ActorKind
from agentmessage.api.pagination import PageQuery
from agentmessage.api.requests import (
    NOT_A_UUID,
    UUID_SCHEMA,
    ChoiceField,
    RequestBody,
    StrictField,
    UUIDField,
)
from agentmessage.errors import ErrorCode
from agentmessage.ids import parse_uuid
from agentmessage.validators import LABEL_LENGTH, URL_LENGTH
from phone_numbers.failures import FailureCode, remedy_of
from phone_numbers.models import AttachmentStatus, CampaignAttachment, LineOptionStatus, NumberType, PhoneNumber
from phone_numbers.readiness import BlockerCode
from phone_numbers.selectors import SHOWN
from phone_numbers.services.move_warnings import WarningCode

_STATUS = (
    "The status at the carrier. `pending`: not confirmed yet; `propagated`: confirmed; `failed`: refused; "
    "`removing`: detached, not confirmed yet; null: nothing to confirm."
)

# The most numbers that one bulk attach takes.
BULK_LIMIT = 1000


class PhoneNumberSerializer(serializers.Serializer[Any]):
    """A phone number and the campaign that it sends under."""

    id = serializers.UUIDField()
    number = serializers.CharField(help_text="E.164, or the digits of a short code.")
    number_type = serializers.ChoiceField(choices=NumberType.choices)
    inbound_url = serializers.URLField(allow_null=True, help_text="Where messages to the number are sent.")
    status_url = serializers.URLField(allow_null=True, help_text="Where delivery reports are sent.")
    label = serializers.CharField(allow_null=True, help_text="A name of your choice.")  # type: ignore[assignment]  # DRF makes fields no attributes.
    campaign_id = serializers.UUIDField(allow_null=True, help_text="The campaign that the number sends under.")
    carrier_line_option_status = serializers.ChoiceField(
        choices=LineOptionStatus.choices, allow_null=True, help_text=_STATUS
    )
    carrier_line_option_propagated_at = serializers.DateTimeField(
        allow_null=True, help_text="When the carrier confirmed."
    )
    sms_enabled = serializers.BooleanField()
    mms_enabled = serializers.BooleanField()
    created_at = serializers.DateTimeField()
    updated_at = serializers.DateTimeField(help_text="When the number last changed.")


def render_phone_number(phone_number: PhoneNumber) -> dict[str, Any]:
    """Return what `PhoneNumberSerializer` does, by hand: on this hot path a serializer takes seventy times as long."""
    return {name: getattr(phone_number, name) for name in SHOWN}


class FailureSerializer(serializers.Serializer[Any]):
    """Why the carrier's side failed, and what to do."""

    code = serializers.ChoiceField(choices=FailureCode.choices)
    carrier_code = serializers.CharField(allow_null=True, help_text="The carrier's own code.")
    message = serializers.CharField(allow_null=True, help_text="The carrier's message.")
    retried_automatically = serializers.BooleanField(
        help_text="Whether the attempt is retried automatically: at next_attempt_at, or when the carrier approves "
        "the campaign."
    )
    can_retry = serializers.BooleanField(help_text="Whether the retry endpoint accepts a call now.")
    resolution = serializers.CharField(help_text="What to do.")

    def to_representation(self, attachment: CampaignAttachment) -> dict[str, Any] | None:  # type: ignore[override]  # Null where nothing has failed.
        """Return the failure of an attachment, in words, and what to do."""
        if attachment.failure_code is None:
            return None
        remedy = remedy_of(
            attachment.failure_code,
            has_failed=attachment.status == AttachmentStatus.FAILED,
            is_current=attachment.id == self.context["current_id"],
        )
        return {
            "code": attachment.failure_code,
            "carrier_code": attachment.failure_carrier_code,
            "message": attachment.failure_message,
            "retried_automatically": remedy.retried_automatically,
            "can_retry": remedy.can_retry,
            "resolution": remedy.resolution,
        }


class StepSerializer(serializers.Serializer[Any]):
    """How far the carrier is with the number at one network, or at the others together."""

    network = serializers.CharField()
    status = serializers.CharField(help_text="The carrier's own word.")


class AttachmentSerializer(serializers.Serializer[Any]):
    """The carrier's status of a number's attachment."""

    campaign_id = serializers.UUIDField(allow_null=True)
    status = serializers.ChoiceField(choices=LineOptionStatus.choices, allow_null=True, help_text=_STATUS)
    attached_at = serializers.DateTimeField(allow_null=True)
    submitted_at = serializers.DateTimeField(allow_null=True, help_text="When the carrier was last notified.")
    propagated_at = serializers.DateTimeField(allow_null=True, help_text="When the carrier confirmed.")
    attempts = serializers.IntegerField(min_value=0, help_text="Attempts since the kind of failure last changed.")
    next_attempt_at = serializers.DateTimeField(
        allow_null=True,
        help_text="When the carrier is notified next; null if nothing is due, or while approval is pending.",
    )
    failure = FailureSerializer(allow_null=True, source="*")
    steps = StepSerializer(many=True, help_text="Network by network, where the carrier says.")

    def to_representation(self, phone_number: PhoneNumber) -> dict[str, Any]:
        """Return the state of a number's current attachment: all null where there is none."""
        attachment = phone_number.current_attachment
        # The last attachment of a number that came from another organization may still be that organization's.
        if attachment is None or attachment.organization_id != phone_number.organization_id:
            return dict.fromkeys(self.fields) | {"attempts": 0, "steps": []}
        return {
            "campaign_id": phone_number.campaign_id,
            "status": phone_number.carrier_line_option_status,
            "attached_at": attachment.created_at if attachment.campaign_id else None,
            "submitted_at": attachment.submitted_at,
            "propagated_at": attachment.propagated_at,
            "attempts": attachment.attempts,
            "next_attempt_at": attachment.next_attempt_at,
            "failure": FailureSerializer(context={"current_id": attachment.id}).to_representation(attachment),
            "steps": [
                {"network": network, "status": status} for network, status in (attachment.carrier_steps or {}).items()
            ],
        }


class ActorSerializer(serializers.Serializer[Any]):
    """Who made the change."""

    kind = serializers.ChoiceField(choices=ActorKind.choices, source="actor_kind")
    id = serializers.CharField(
        source="actor_id",
        help_text="The ID of the key or operator, or the name of the command or carrier account.",
    )


class HistoryEntrySerializer(serializers.Serializer[Any]):
    """One attach or detach."""

    id = serializers.UUIDField()
    campaign_id = serializers.UUIDField(allow_null=True, help_text="The new campaign; null: detached.")
    previous_campaign_id = serializers.UUIDField(allow_null=True, help_text="The previous campaign; null: none.")
    actor = ActorSerializer(source="*")
    request_id = serializers.CharField(allow_null=True, help_text="The request that made the change.")
    reason = serializers.CharField(allow_null=True, help_text="Why, in the words of who did it.")
    created_at = serializers.DateTimeField()
    status = serializers.ChoiceField(
        choices=AttachmentStatus.choices,
        help_text="How the carrier's side ended; `superseded`: replaced by a later change.",
    )
    propagated_at = serializers.DateTimeField(allow_null=True)
    failure = FailureSerializer(allow_null=True, source="*")

    def to_representation(self, attachment: CampaignAttachment) -> dict[str, Any]:
        """Return the entry. It is `superseded` if a later one replaced it before the carrier side had ended."""
        shown: dict[str, Any] = super().to_representation(attachment)
        is_open = attachment.status in (AttachmentStatus.PENDING, AttachmentStatus.SUBMITTED)
        if is_open and attachment.id != self.context["current_id"]:
            shown["status"] = AttachmentStatus.SUPERSEDED.value
        return shown


@extend_schema_field({"type": "string", "pattern": "^[^\\u0000-\\u001f\\u007f-\\u009f\\ufffd]*$"})
class _SearchField(StrictField):
    """Any text."""


class PhoneNumberQuery(PageQuery):
    """The filters of the list."""

    number_type = ChoiceField(choices=NumberType.choices, required=False, help_text="Only numbers of this kind.")
    campaign_id = UUIDField(
        required=False, help_text="Only numbers on this campaign.", error_messages={"invalid": "must be a UUID"}
    )
    carrier_line_option_status = ChoiceField(
        choices=LineOptionStatus.choices, required=False, help_text="Only numbers with this status at the carrier."
    )
    search = _SearchField(default="", help_text="A part of the number or of the label.")


class AttachCampaignSerializer(RequestBody):
    """The campaign to attach."""

    whole = "campaign_id"
    unknown_keys_in_details = True

    campaign_id = UUIDField(help_text="36 characters, in hyphenated form.")


class _ChangedText(StrictField):
    """Text that an empty string clears. The validators are those of the model's field."""

    default_error_messages = {"invalid": "must be a string, or null to leave it unchanged"}
    kind = str

    def __init__(self, column: str, **kwargs: Any) -> None:
        validators = PhoneNumber._meta.get_field(column).validators  # type: ignore[union-attr]  # It is a column.
        super().__init__(required=False, allow_null=True, validators=validators, **kwargs)

    def run_validators(self, value: str | None) -> None:
        """Check the text, unless it clears."""
        if value:
            super().run_validators(value)


@extend_schema_field(
    {
        "anyOf": [
            {"type": "string", "format": "uri", "maxLength": URL_LENGTH},
            {"type": "string", "const": ""},
        ]
    }
)
class _ChangedUrl(_ChangedText):
    """An https URL, or nothing."""


@extend_schema_field(
    {
        "type": "string",
        "maxLength": LABEL_LENGTH,
        "pattern": "^[^\\u0000-\\u001f\\u007f-\\u009f\\u2028\\u2029]*$",
    }
)
class _ChangedLabel(_ChangedText):
    """One line of text."""


class PhoneNumberChangesSerializer(RequestBody):
    """What to change. An omitted or null field is left unchanged; an empty string clears it."""

    inbound_url = _ChangedUrl("inbound_url", help_text='An https URL; `""` clears it.')
    status_url = _ChangedUrl("status_url", help_text='An https URL; `""` clears it.')
    label = _ChangedLabel("label", help_text='One line of text; `""` clears it.')  # type: ignore[assignment]  # As above.
    campaign_id = UUIDField(
        required=False, allow_null=True, help_text="Attaches by the six rules. It cannot be cleared: detach instead."
    )


@extend_schema_field({"type": "array", "items": UUID_SCHEMA, "minItems": 1, "maxItems": BULK_LIMIT})
class _IdsField(StrictField):
    """IDs of numbers. By hand: DRF's list of a thousand takes ten times as long."""

    default_error_messages = {"invalid": f"must be a list of 1 to {BULK_LIMIT} ids"}

    def to_internal_value(self, data: Any) -> list[UUID]:
        if not isinstance(data, list) or not 1 <= len(data) <= BULK_LIMIT:
            self.fail("invalid")
        ids = [parse_uuid(item) for item in data]
        wrong = {index: [NOT_A_UUID] for index, identifier in enumerate(ids) if identifier is None}
        if wrong:
            raise serializers.ValidationError(wrong)  # type: ignore[arg-type]  # As DRF's own lists do it.
        return [identifier for identifier in ids if identifier is not None]


@extend_schema_field({"type": "boolean"})
class _SwitchField(StrictField):
    """Off, unless it is sent as true. DRF's own field takes "yes" and 1 too."""

    default_error_messages = {"invalid": "must be true or false"}
    kind = bool


class BulkAttachSerializer(RequestBody):
    """The numbers to attach."""

    whole = "phone_number_ids"

    phone_number_ids = _IdsField(help_text="Phone number IDs, each as 36 characters in hyphenated form.")
    dry_run = _SwitchField(default=False, help_text="Return the same response without writing anything.")
    atomic = _SwitchField(default=False, help_text="Attach nothing if any number fails.")


class BlockerSerializer(serializers.Serializer[Any]):
    """A reason why a number cannot send, or why that is unknown."""

    code = serializers.ChoiceField(choices=BlockerCode.choices)
    message = serializers.CharField(help_text="What blocks sending.")
    resolution = serializers.CharField(help_text="What to do.")
    retry_at = serializers.DateTimeField(allow_null=True, help_text="When the next attempt at the carrier is due.")


class ReadinessSerializer(serializers.Serializer[Any]):
    """Whether a number can send now."""

    can_send = serializers.BooleanField(allow_null=True, help_text="Null: not known.")
    observed_at = serializers.DateTimeField()
    blockers = BlockerSerializer(many=True)


class BulkErrorSerializer(serializers.Serializer[Any]):
    """Why a number failed."""

    code = serializers.ChoiceField(
        choices=[
            ErrorCode.NOT_FOUND.value,
            ErrorCode.NUMBER_NOT_ASSIGNED.value,
            ErrorCode.NUMBER_TYPE_NOT_ELIGIBLE.value,
            ErrorCode.CAMPAIGN_NUMBER_LIMIT.value,
        ]
    )
    message = serializers.CharField()


class BulkResultSerializer(serializers.Serializer[Any]):
    """The outcome of one number."""

    phone_number_id = serializers.UUIDField()
    outcome = serializers.ChoiceField(choices=["attached", "unchanged", "failed", "rolled_back"])
    error = BulkErrorSerializer(required=False, help_text="Only where it failed.")


class WarningSerializer(serializers.Serializer[Any]):
    """What the moves of a dry run would lead to, allowed but perhaps not wanted."""

    code = serializers.ChoiceField(choices=WarningCode.choices)
    message = serializers.CharField(help_text="What would happen, and what it may cost.")
    numbers = serializers.IntegerField(min_value=1, help_text="How many of the numbers it is about.")
    campaign_id = serializers.UUIDField(allow_null=True, help_text="Which campaign it is about; null: none.")


class BulkAttachmentsSerializer(serializers.Serializer[Any]):
    """The outcome of a bulk attach."""

    attached = serializers.IntegerField(min_value=0)
    unchanged = serializers.IntegerField(min_value=0)
    failed = serializers.IntegerField(min_value=0)
    rolled_back = serializers.IntegerField(min_value=0, help_text="Numbers that `atomic` left unchanged.")
    results = BulkResultSerializer(many=True, help_text="In the order sent.")
    warnings = WarningSerializer(many=True, required=False, help_text="Only in a dry run.")
