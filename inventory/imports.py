"""Imports of operators: upload a file, preview what it would do, and load exactly that once it is confirmed."""

from uuid import UUID

from django.contrib.admin.models import ADDITION, CHANGE, LogEntry
from django.contrib.contenttypes.models import ContentType
from django.db import transaction
from django.db.models.functions import Now

from accounts.actors import Actor
from accounts.models import Operator
from inventory.load import apply_file
from inventory.merge import Change
from inventory.models import ImportRow, InventoryImport
from inventory.numbers_csv import read_file
from inventory.preview import SHOWN, Preview, PreviewOutdated
from inventory.reading import InventoryRefused, decode, path_of
from inventory.schema import KINDS, MODELS
from phone_numbers.bulk_operations import BulkPhase
from phone_numbers.models import PhoneNumber
from phone_numbers.services.operator_jobs import change, in_phase, run_next

_BATCH = 1_000
# All that a run writes, apart from the document, which is large.
_WRITTEN = (
    "phase", "rows_total", "rows_done", "errors", "updated_at", "started_at", "finished_at",
    "digest", "counts", "problem", "is_outdated",
)  # fmt: skip
_MODELS = MODELS | {"phone_numbers": PhoneNumber}


def begin_import(*, operator: Operator, file_name: str, document: bytes) -> InventoryImport:
    """Keep a file, for `run_import` to preview. Raises InventoryRefused unless it is text."""
    decode(document)
    return InventoryImport.objects.create(
        operator=operator, phase=BulkPhase.PREVIEWING, file_name=file_name, document=document
    )


def confirm_import(job: InventoryImport, *, digest: str, request_id: str, reason: str | None) -> bool:
    """Have `run_import` load the file. Return False unless `digest` is that of the present preview."""
    confirmed = in_phase(job, BulkPhase.PREVIEWED).filter(digest=digest).exclude(digest="")
    return change(confirmed, phase=BulkPhase.RUNNING, request_id=request_id, reason=reason, started_at=Now())


def run_import(job_id: UUID | None = None) -> bool:
    """Preview or load the file of this import, or of the one that has waited longest. Return False if there is none."""
    return run_next(InventoryImport, _run, job_id)


def _run(job: InventoryImport) -> None:
    is_confirmed = job.phase == BulkPhase.RUNNING
    preview = Preview(confirmed=job.digest if is_confirmed else None)
    job.problem, job.is_outdated = "", False
    try:
        with transaction.atomic():
            actor = Actor.for_operator(job.operator, request_id=job.request_id, reason=job.reason, batch_id=job.id)
            apply_file(read_file(bytes(job.document)), actor=actor, dry_run=not is_confirmed, preview=preview)
            transaction.set_rollback(not is_confirmed)
    except PreviewOutdated:
        job.is_outdated = True
    except InventoryRefused as refused:
        job.is_outdated = is_confirmed
        preview.problems = refused.problems
        job.problem = "" if refused.problems else refused.message
    _keep(job, preview)
    if is_confirmed and not job.is_outdated:
        _log(job, preview.changes)
        job.phase, job.finished_at, job.rows_done, job.document = BulkPhase.FINISHED, Now(), job.rows_total, b""
    else:
        job.phase, job.started_at = BulkPhase.PREVIEWED, None
    job.errors, job.updated_at = 0, Now()
    job.save(update_fields=[*_WRITTEN, *(() if job.document else ("document",))])


def _keep(job: InventoryImport, preview: Preview) -> None:
    """Store the preview."""
    refused = preview.refused
    job.counts = {kind: {"refused": refused[kind]} for kind in KINDS}
    changed = 0
    if preview.counts is not None:
        for kind in KINDS:
            counts = getattr(preview.counts, kind)
            job.counts[kind] |= {"new": counts.created, "changed": counts.updated, "unchanged": counts.unchanged}
        job.counts |= {"attached": preview.counts.attached, "detached": preview.counts.detached}
        changed = preview.counts.changed
    job.rows_total = sum(sum(job.counts[kind].values()) for kind in KINDS)
    job.digest = preview.digest if changed and not preview.problems else ""
    job.rows.all().delete()
    problems = (
        ImportRow(job=job, is_refused=True, place=path_of(place), message=message)
        for place, message in preview.problems
    )
    ImportRow.objects.bulk_create(problems, batch_size=_BATCH)
    ImportRow.objects.bulk_create(
        ImportRow(job=job, is_refused=False, place=path_of(place), name=name, message=description)
        for (place, _kind, _id, name, *_), description in preview.changes[:SHOWN]
    )


def _log(job: InventoryImport, changes: list[tuple[Change, str]]) -> None:
    """Write the admin's log: an entry for each row that was changed, and one for the import."""
    reason = f" Reason: {job.reason}" if job.reason else ""
    entries = (
        LogEntry(
            user_id=job.operator_id,
            content_type=ContentType.objects.get_for_model(_MODELS[change.kind]),
            object_id=str(change.id),
            object_repr=change.name[:200],
            action_flag=ADDITION if change.is_new else CHANGE,
            change_message=f"Imported from {job.file_name}: {description}.{reason}",
        )
        for change, description in changes
    )
    LogEntry.objects.bulk_create(entries, batch_size=_BATCH)
    said = f"Imported {len(changes):,} rows.{reason}"
    LogEntry.objects.log_actions(job.operator_id, [job], CHANGE, said, single_object=True)
