"""A list of the admin as CSV: all of its rows, in its order, read page by page (docs/adr/0047-export.md)."""

import io
import json
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from functools import partial
from operator import attrgetter
from typing import Any, ClassVar, NamedTuple

import structlog
from django.contrib.admin.options import IncorrectLookupParameters
from django.contrib.admin.utils import get_fields_from_path, lookup_field
from django.contrib.admin.views.main import PAGE_VAR
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.db.models import F, Model, OrderBy, Q, QuerySet
from django.http import HttpRequest, HttpResponseRedirect, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.text import slugify

from agentmessage.admin.unfold_typing import ModelAdmin
from agentmessage.db.session import allow_bulk_statements
from agentmessage.files import CsvWriter

log = structlog.get_logger(__name__)

PAGE = 2_000


class ExportMixin(ModelAdmin):
    """Offer a list as CSV: what it shows, the IDs behind that, and `export_also`. Precedes the admin class."""

    export_also: ClassVar[tuple[str, ...]] = ()

    def get_urls(self) -> list[URLPattern]:
        """Add the export, which takes the query of the list."""
        name = f"{self.opts.app_label}_{self.opts.model_name}_export"
        return [path("export/", self.admin_site.admin_view(self.export_view), name=name), *super().get_urls()]

    def export_view(self, request: HttpRequest) -> HttpResponseBase:
        """Send all rows that the list has with this query, on whatever page."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        query = request.GET.copy()
        query.pop(PAGE_VAR, None)
        request.GET = query  # type: ignore[assignment]  # Django's own decorators assign it, too.
        try:
            rows = self.get_changelist_instance(request).queryset
        except IncorrectLookupParameters:
            # The list itself says that there is something wrong with the query.
            changelist = reverse(f"admin:{self.opts.app_label}_{self.opts.model_name}_changelist")
            return HttpResponseRedirect(f"{changelist}?{query.urlencode()}")
        columns = dict(self._columns(self.get_list_display(request)))
        cells = ([read(row) for read in columns.values()] for row in in_pages(rows))
        name = f"{slugify(str(self.opts.verbose_name_plural))}-{timezone.now():%Y-%m-%dT%H%M%SZ}.csv"
        return csv_response(name, columns, cells)

    def _columns(self, listed: Iterable[Any]) -> Iterator[tuple[str, Callable[[Any], object]]]:
        """Yield the header and the reader of each column."""
        fields = {field.name: field for field in self.opts.concrete_fields}
        for name in (self.opts.pk.name, *listed, *self.export_also):
            if name in fields and fields[name].is_relation:
                yield fields[name].attname, attrgetter(fields[name].attname)
            header = name if name in fields else getattr(getattr(self, name, None), "short_description", name)
            # Of the columns, fields are the most, and Django's way to look one up takes ten times as long.
            read = attrgetter(name) if name in fields else partial(self._look_up, name)
            yield header.replace(" ", "_"), read

    def _look_up(self, name: str, row: Model) -> object:
        return lookup_field(name, row, self)[2]


def csv_response(name: str, header: Iterable[str], rows: Iterable[Iterable[object]]) -> StreamingHttpResponse:
    """Stream a CSV as a file to keep."""
    return StreamingHttpResponse(
        csv_chunks(header, rows),
        content_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )


def csv_chunks(header: Iterable[str], rows: Iterable[Iterable[object]]) -> Iterator[str]:
    """Yield a CSV. If it fails, it ends in a line that says so, within a quote that nothing closes.

    The server ends a response that has failed like any other one, so the file itself must show it, to people and to
    programs.
    """
    file = io.StringIO(newline="")
    writer, count = CsvWriter(file, header), 0
    try:
        for count, row in enumerate(rows, start=1):
            writer.write(map(_machine_readable, row))
            if count % PAGE == 0:
                yield file.getvalue()
                file.seek(0)
                file.truncate()
    except Exception:
        log.exception("export.failed", rows=count)
        yield f'{file.getvalue()}"INCOMPLETE: the export failed after {count} rows. Repeat it.\r\n'
        raise
    yield file.getvalue()


def _machine_readable(cell: object) -> object:
    match cell:
        case bool():
            return str(cell).lower()
        case datetime():
            return cell.astimezone(UTC).isoformat().replace("+00:00", "Z")
        case list() | dict():
            return json.dumps(cell)
        case None | int():
            return cell
        case _:
            return str(cell)


class _Key(NamedTuple):
    """One column by which rows are ordered."""

    path: str
    is_descending: bool
    is_nullable: bool


def in_pages(rows: QuerySet[Any]) -> Iterator[Any]:
    """Yield the rows in their order, each page by a statement that begins after the last row of the page before.

    A server-side cursor would hold a transaction, and its connection to the server, for as long as the client reads.
    """
    model, ordering = rows.model, [str(part) for part in rows.query.order_by]
    if not {part.removeprefix("-") for part in ordering} & {"pk", model._meta.pk.name}:
        ordering.append("pk")
    keys = {f"key_{place}": key for place, key in enumerate(_keys(model, ordering))}
    ordered = rows.annotate(**{name: F(key.path) for name, key in keys.items()}).order_by(
        *(OrderBy(F(name), descending=key.is_descending) for name, key in keys.items())
    )
    page = ordered
    while True:
        with transaction.atomic():
            allow_bulk_statements()
            found = list(page[:PAGE])
        yield from found
        if len(found) < PAGE:
            return
        page = ordered.filter(_after(found[-1], keys))


def _keys(model: type[Model], ordering: Iterable[Any], prefix: str = "", flipped: bool = False) -> Iterator[_Key]:
    """Yield the columns of an ordering. A relation is expanded into the ordering of its model, as Django does."""
    for part in ordering:
        name, is_descending = part.removeprefix("-"), part.startswith("-") != flipped
        field: Any = model._meta.pk if name == "pk" else get_fields_from_path(model, name)[-1]
        if field.is_relation and field.related_model._meta.ordering:
            yield from _keys(
                field.related_model, field.related_model._meta.ordering, f"{prefix}{name}__", is_descending
            )
        else:
            yield _Key(prefix + name, is_descending, is_nullable=bool(prefix) or field.null)


def _after(row: Any, keys: dict[str, _Key]) -> Q:
    """Match what comes after the row. PostgreSQL sorts NULL as larger than everything."""
    after, same = Q(), Q()
    for name, key in keys.items():
        value = getattr(row, name)
        if value is None:
            beyond = Q((f"{name}__isnull", False)) if key.is_descending else Q(pk__in=[])
            equal = Q((f"{name}__isnull", True))
        else:
            beyond, equal = Q((f"{name}__{'lt' if key.is_descending else 'gt'}", value)), Q((name, value))
            if key.is_nullable and not key.is_descending:
                beyond |= Q((f"{name}__isnull", True))
        after |= same & beyond
        same &= equal
    return after
