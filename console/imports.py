"""The page "Import": upload a file, see what it would change, and confirm it."""

from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse

from agentmessage.admin.base import RowAdmin
from agentmessage.admin.export import csv_response, in_pages
from agentmessage.admin.moments import relative
from agentmessage.api.envelope import request_id_of
from console.uploads import MAX_MEGABYTES, ConfirmForm, UploadForm
from inventory.imports import begin_import, confirm_import, run_import
from inventory.models import InventoryImport
from inventory.numbers_csv import COLUMNS, REQUIRED
from inventory.preview import SHOWN
from inventory.reading import InventoryRefused
from inventory.schema import KINDS
from phone_numbers.admin.operations import OperatorJobAdmin, operator_of
from phone_numbers.bulk_operations import WORKING, BulkPhase
from phone_numbers.services.operator_jobs import continue_job

# Files and previews up to this size are read and loaded by the page itself. Workers take larger ones.
_BYTES_AT_ONCE, _ROWS_AT_ONCE = 100_000, 500
_EXAMPLE = {"organization": "acme", "number": "(312) 555-0100", "number_type": "local", "label": "Front desk"}
_COUNTS = ("new", "changed", "unchanged", "refused")


@admin.register(InventoryImport)
class InventoryImportAdmin(OperatorJobAdmin):
    """The imports of the last 30 days, and a form for the next one."""

    list_display = ("file_name", "operator", "phase", "rows_total", "created_at", "finished_at")
    list_select_related = ("operator",)
    list_filter = ("phase",)
    ordering = ("-id",)
    list_before_template = "console/upload.html"
    when_empty = "An import is kept for 30 days: what it changed, who confirmed it, and why."

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Ask Django: administrators have the permission."""
        return RowAdmin.has_add_permission(self, request)

    def get_queryset(self, request: HttpRequest) -> Any:
        """Leave out the documents, which are large."""
        return super().get_queryset(request).defer("document")

    def get_urls(self) -> list[URLPattern]:
        """Add the CSVs."""
        view = self.admin_site.admin_view
        return [
            path("example.csv", view(self.example_view), name="inventory_inventoryimport_example"),
            path("<path:object_id>/refused.csv", view(self.refused_view), name="inventory_inventoryimport_refused"),
            *super().get_urls(),
        ]

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """Show the form above the list."""
        context = self._upload(UploadForm()) if self.has_add_permission(request) else {}
        return super().changelist_view(request, context | {"has_add_permission": False, "title": "Import"})

    def add_view(
        self, request: HttpRequest, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Take a file, and lead to its preview."""
        if not self.has_add_permission(request):
            raise PermissionDenied
        form = UploadForm(request.POST, request.FILES) if request.method == "POST" else UploadForm()
        if form.is_valid():
            file = form.cleaned_data["file"]
            try:
                job = begin_import(operator=operator_of(request), file_name=file.name, document=file.read())
            except InventoryRefused as refused:
                form.add_error("file", f"{file.name} cannot be imported: {refused.message}.")
            else:
                self.log_addition(request, job, "Uploaded.")
                if file.size <= _BYTES_AT_ONCE:
                    run_import(job.id)
                return HttpResponseRedirect(reverse("admin:inventory_inventoryimport_change", args=[job.id]))
        return TemplateResponse(request, "console/upload_page.html", self.page(request, "Import") | self._upload(form))

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Show the import, or take its next step."""
        job: InventoryImport = self.visible(request, object_id)
        if request.method != "POST":
            return self._page(request, job, ConfirmForm({"digest": job.digest}))
        if not (job.operator_id == request.user.pk and self.has_add_permission(request)):
            raise PermissionDenied
        form = ConfirmForm(request.POST)
        if "continue" in request.POST:
            has_begun = continue_job(job)
        elif not form.is_valid():
            return self._page(request, job, form)
        else:
            reason = form.cleaned_data["reason"] or None
            has_begun = confirm_import(
                job, digest=form.cleaned_data["digest"], request_id=request_id_of(request), reason=reason
            )
        if has_begun and 0 < job.rows_total <= _ROWS_AT_ONCE:
            run_import(job.id)
        return self.take_step(request, has_begun=has_begun)

    def example_view(self, request: HttpRequest) -> HttpResponseBase:
        """Send a CSV with all columns and one number."""
        row = [_EXAMPLE.get(key, "") for key in COLUMNS]
        return csv_response("numbers.csv", [titles[0] for titles in COLUMNS.values()], [row])

    def refused_view(self, request: HttpRequest, object_id: str) -> HttpResponseBase:
        """Send everything that is refused as CSV."""
        refused = self.visible(request, object_id).rows.filter(is_refused=True).order_by("id")
        return csv_response("refused.csv", ("place", "reason"), ((row.place, row.message) for row in in_pages(refused)))

    def _upload(self, form: UploadForm) -> dict[str, Any]:
        columns = [{"name": titles[0], "is_required": key in REQUIRED} for key, titles in COLUMNS.items()]
        return {"upload": form, "columns": columns, "megabytes": MAX_MEGABYTES}

    def _page(self, request: HttpRequest, job: InventoryImport, form: ConfirmForm) -> HttpResponse:
        may_act = job.operator_id == request.user.pk and self.has_add_permission(request)
        refused = job.rows.filter(is_refused=True).order_by("id").values_list("place", "message")[:SHOWN]
        changes = job.rows.filter(is_refused=False).order_by("id").values_list("place", "name", "message")[:SHOWN]
        counts = {kind: [job.counts.get(kind, {}).get(name) for name in _COUNTS] for kind in KINDS}
        new, changed, _unchanged, refused_total = (
            sum(row[column] or 0 for row in counts.values()) for column in range(4)
        )
        context = self.page(request, f"Import {job.file_name}") | {
            "job": job,
            "form": form,
            "media": form.media,
            "is_working": job.phase in WORKING,
            "is_waiting": job.phase in WORKING and _is_free(job),
            "is_finished": job.phase == BulkPhase.FINISHED,
            "can_confirm": may_act and job.phase == BulkPhase.PREVIEWED and job.digest,
            "can_continue": may_act and job.phase == BulkPhase.STOPPED,
            "since": relative(job.updated_at),
            "count": new + changed,
            "counted": {"changes": f"{new + changed:,}", "refused": f"{refused_total:,}"},
            "counts": {
                "headers": ["", *(name.capitalize() for name in _COUNTS)],
                "rows": [
                    [kind.replace("_", " ").capitalize(), *("-" if n is None else f"{n:,}" for n in row)]
                    for kind, row in counts.items()
                    if any(row)
                ],
            },
            "refused": {"headers": ["Place", "Reason"], "rows": list(map(list, refused))},
            "changes": {
                "headers": ["Place", "Row", "Change"],
                "rows": list(map(list, changes)),
            },
            "shown": SHOWN,
        }
        return TemplateResponse(request, "console/import.html", context)


def _is_free(job: InventoryImport) -> bool:
    """Whether the import waits for a worker: one that is at it holds its row."""
    with transaction.atomic():
        free = InventoryImport.objects.select_for_update(no_key=True, skip_locked=True).filter(id=job.id)
        return bool(free.values_list("id"))
