"""The life of operators' jobs: who does the next part of one, what stops it, and when it is deleted.

A part is one transaction that writes its results and the progress. So a job can be interrupted at any moment, and
whatever takes it next goes on from there.
"""

from collections.abc import Callable
from datetime import timedelta
from typing import TypeVar
from uuid import UUID

import structlog
from django.db import transaction
from django.db.models import Case, F, Q, QuerySet, Value, When
from django.db.models.functions import Now

from phone_numbers.bulk_operations import WORKING, BulkPhase, OperatorJob

log = structlog.get_logger(__name__)

Job = TypeVar("Job", bound=OperatorJob)
# Parts that break off one after the other before the job stops for an operator.
_MAX_ERRORS = 5
_DRAFT_DAYS, _KEPT_DAYS = 1, 30


def in_phase(job: Job, *phases: BulkPhase) -> QuerySet[Job]:
    """Return the job as a queryset, which is empty unless it is in one of the phases."""
    return type(job)._default_manager.filter(id=job.id, phase__in=phases)


def change(jobs: QuerySet[Job], **values: object) -> bool:
    """Change a job in one statement, which compares its phase. Return whether it was in it."""
    return jobs.update(**values, updated_at=Now()) == 1


def continue_job(job: OperatorJob) -> bool:
    """Go on after errors have stopped the job."""
    phase = BulkPhase.PREVIEWING if job.started_at is None else BulkPhase.RUNNING
    return change(in_phase(job, BulkPhase.STOPPED), phase=phase, errors=0)


def run_next(model: type[Job], run: Callable[[Job], None], job_id: UUID | None = None) -> bool:
    """Do the next part of this job, or of the one that has waited longest. Return False if there is none."""
    job: Job | None = None
    try:
        with transaction.atomic(durable=True):
            # Another worker may be at it.
            free = model._default_manager.select_for_update(no_key=True, skip_locked=True, of=("self",))
            working = free.filter(phase__in=WORKING).select_related("operator").order_by("updated_at")
            job = (working if job_id is None else working.filter(id=job_id)).first()
            if job is None:
                return False
            run(job)
    except Exception:
        if job is not None:
            _count_error(job)
        raise
    return True


def delete_old_jobs(model: type[OperatorJob]) -> None:
    """Delete jobs that were never confirmed after a day, and all others after 30 days."""
    drafts = Q(phase__in=[BulkPhase.CHOOSING, BulkPhase.PREVIEWED], updated_at__lt=Now() - timedelta(days=_DRAFT_DAYS))
    old = Q(updated_at__lt=Now() - timedelta(days=_KEPT_DAYS)) & ~Q(phase__in=WORKING)
    model._default_manager.filter(drafts | old).delete()


def _count_error(job: OperatorJob) -> None:
    """Count a part that broke off. After some of them the job stops, until an operator continues it."""
    stopped = Case(When(errors__gte=_MAX_ERRORS - 1, then=Value(BulkPhase.STOPPED)), default=F("phase"))
    change(in_phase(job, *WORKING), errors=F("errors") + 1, phase=stopped)
    log.warning("bulk_operation.interrupted", operation_id=str(job.id))
