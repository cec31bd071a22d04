"""What operators preview and confirm: work of any kind, and operations on many numbers as the operator saw them."""

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from accounts.models import Operator
from agentmessage.ids import uuid7
from agentmessage.validators import REASON_LENGTH
from campaigns.models import Campaign


class BulkAction(models.TextChoices):
    """What is done to the numbers."""

    ATTACH = "attach", "Attach a campaign"
    DETACH = "detach", "Detach campaigns"
    RELEASE = "release", "Release numbers"
    RETRY = "retry", "Send failed propagations again"
    UNDO = "undo", "Undo a bulk move"


class BulkPhase(models.TextChoices):
    """How far an operation has come. Workers run the batches of those that are previewing or running."""

    CHOOSING = "choosing"
    PREVIEWING = "previewing"
    PREVIEWED = "previewed"
    RUNNING = "running"
    STOPPED = "stopped", "stopped after errors"
    FINISHED = "finished"


class RowOutcome(models.TextChoices):
    """What became of a number, or would become of it by the preview. Empty: nothing yet."""

    CHANGED = "changed"
    UNCHANGED = "unchanged"
    FAILED = "failed"
    BUSY = "busy"


WORKING = (BulkPhase.PREVIEWING, BulkPhase.RUNNING)


class OperatorJob(models.Model):
    """Work that an operator sees as a preview, confirms, and follows, while workers or the page itself do it."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    operator = models.ForeignKey(Operator, on_delete=models.PROTECT, related_name="+", db_index=False)
    phase = models.CharField(max_length=10, choices=BulkPhase.choices, default=BulkPhase.CHOOSING)
    rows_total = models.PositiveIntegerField(default=0)
    # Rows up to this position have their outcome in this phase.
    rows_done = models.PositiveIntegerField(default=0)
    # Batches that broke off, one after the other.
    errors = models.PositiveSmallIntegerField(default=0)
    # The request that confirmed it, which history names.
    request_id = models.CharField(max_length=26, null=True)
    reason = models.CharField(max_length=REASON_LENGTH, null=True)
    created_at = models.DateTimeField(db_default=Now())
    updated_at = models.DateTimeField(db_default=Now())
    started_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)

    class Meta:
        abstract = True
        ordering = ["-id"]


class BulkOperation(OperatorJob):
    """An operation on numbers that were chosen at one moment; its rows never come from a second query."""

    action = models.CharField(max_length=7, choices=BulkAction.choices)
    # The rows of a campaign that has been deleted fail, so an operation keeps no campaign from being deleted.
    campaign = models.ForeignKey(
        Campaign, on_delete=models.DO_NOTHING, related_name="+", null=True, db_constraint=False, db_index=False
    )
    # What the preview says: how many numbers go from which campaign to which, and what that may cost.
    moves = models.JSONField(default=list)
    warnings = models.JSONField(default=list)
    # The batch of history that is undone. An operation's own moves have its ID as their batch.
    undone_batch_id = models.UUIDField(null=True)

    class Meta(OperatorJob.Meta):
        indexes = [
            models.Index(fields=["updated_at"], name="numbers_bulkoperation_working", condition=Q(phase__in=WORKING)),
        ]

    def __str__(self) -> str:
        return f"{self.get_action_display()}: {self.rows_total:,} numbers"


class BulkOperationRow(models.Model):
    """One number: where the operator saw it, and what became of it. Copied, so that it stays what it was."""

    pk = models.CompositePrimaryKey("operation_id", "position")
    operation = models.ForeignKey(
        BulkOperation, on_delete=models.CASCADE, related_name="rows", db_constraint=False, db_index=False
    )
    position = models.PositiveIntegerField()
    phone_number_id = models.UUIDField()
    number = models.CharField(max_length=16)
    organization_id = models.UUIDField(null=True)
    campaign_id = models.UUIDField(null=True)
    attachment_id = models.UUIDField(null=True)
    # The campaign to which an undo takes the number back; NULL: to none.
    target_id = models.UUIDField(null=True)
    outcome = models.CharField(max_length=9, choices=RowOutcome.choices, default="")
    code = models.CharField(max_length=40, default="")

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return self.number
