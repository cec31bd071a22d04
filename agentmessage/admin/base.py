"""The base of all admin pages: searches that use indexes, updates of changed fields only, and safe deletion."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, time, timedelta
from functools import reduce
from operator import or_
from typing import Any, ClassVar
from uuid import UUID

from django.contrib import messages
from django.contrib.admin import ShowFacets
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.contrib.admin.utils import unquote
from django.contrib.admin.views.main import ChangeList
from django.contrib.admin.widgets import AutocompleteSelect
from django.db.models import PROTECT, F, ManyToOneRel, Model, Q, QuerySet
from django.db.models.functions import Greatest, Now
from django.forms import Form, ModelForm
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.dateparse import parse_date, parse_time
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.contrib.filters.admin import RangeDateTimeFilter

from agentmessage.admin.changes import ChangesMixin
from agentmessage.admin.export import ExportMixin
from agentmessage.admin.forms import RowForm
from agentmessage.admin.lists import CappedChangeList, CappedPaginator, counted
from agentmessage.ids import parse_uuid


def selected_ids(request: HttpRequest) -> list[UUID]:
    """Return the IDs that the operator has selected; malformed ones are ignored."""
    ids = (parse_uuid(text) for text in request.POST.getlist(ACTION_CHECKBOX_NAME))
    return [row_id for row_id in ids if row_id is not None]


def any_of(lookups: Iterable[str], value: object) -> Q:
    """Match rows in which any of the lookups finds the value."""
    return reduce(or_, [Q((lookup, value)) for lookup in lookups])


class ReadOnlyMixin:
    """Only show rows, whatever the permissions of the operator. Precedes the admin class."""

    def _refuse(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    has_add_permission = has_change_permission = has_delete_permission = _refuse


class RowAdmin(ChangesMixin, ExportMixin):
    """A ModelAdmin for tables that may have a million rows.

    `search_fields` are lookups for words, `id_lookups` for words that are UUIDs. An OR over both kinds would read the
    whole table every time.
    """

    form = RowForm
    id_lookups: ClassVar[tuple[str, ...]] = ("id",)
    show_full_result_count = False
    show_facets = ShowFacets.NEVER
    list_per_page = 50
    paginator = CappedPaginator
    list_filter_submit = True
    warn_unsaved_form = True
    compressed_fields = True
    change_form_outer_before_template = "admin/panels.html"
    list_after_template = "admin/more_rows.html"
    instead_of_deleting: ClassVar[str] = ""
    """What to do where a row cannot be deleted because of what refers to it."""
    when_empty: ClassVar[str] = ""
    """What to do where there are no rows yet."""

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        return CappedChangeList

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        """Return rows that match every word; for an autocomplete field, only those of its organization."""
        organization_id = parse_uuid(request.GET.get(WithinOrganization.PARAMETER))
        if organization_id is not None and _is_autocomplete(request) and self._has_field("organization"):
            queryset = queryset.filter(organization_id=organization_id)
        words = search_term.replace("\x00", " ").split()
        return queryset.filter(*[self.matches(word) for word in words]), False

    def matches(self, word: str) -> Q:
        """Build the condition for one word of a search."""
        word_id = parse_uuid(word)
        if word_id is not None:
            return any_of(self.id_lookups, word_id)
        return any_of(self.search_fields, word)

    def save_model(self, request: HttpRequest, obj: Model, form: Form, change: Any) -> None:
        """Save only the changed fields: the rest of the row may be newer than the page.

        `updated_at` moves on by the database's clock, and past what it is: the history of a number must be in order.
        """
        assert isinstance(form, ModelForm)  # noqa: S101  (The admin builds every form from RowForm.)
        if not change:
            super().save_model(request, obj, form, change)
        elif form.changed_data:
            stamp = ["updated_at"] if self._has_field("updated_at") else []
            for field in stamp:
                setattr(obj, field, Greatest(Now(), F(field) + timedelta(microseconds=1)))
            obj.save(update_fields=[*form.changed_data, *stamp])

    def delete_view(
        self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Delete a row, unless other rows refer to it."""
        row = self.get_object(request, unquote(object_id))
        if row is not None and self.has_delete_permission(request, row) and self._refuse_deletion(request, [row]):
            return HttpResponseRedirect(
                reverse(f"admin:{self.opts.app_label}_{self.opts.model_name}_change", args=[row.pk])
            )
        return super().delete_view(request, object_id, extra_context)

    def _refuse_deletion(self, request: HttpRequest, rows: Any) -> bool:
        """Name what refers to the rows, if anything does. Django would load all of it, possibly a million numbers."""
        if not (found := list(_protecting(rows))):
            return False
        named = f"“{rows[0]}”" if len(rows) == 1 else "These rows"
        message = f"{named} cannot be deleted, because of {', '.join(found)}. {self.instead_of_deleting}"
        self.message_user(request, message.strip(), messages.ERROR)
        return True

    def response_action(self, request: HttpRequest, queryset: QuerySet[Any]) -> HttpResponse | None:
        """Run an action on the selected rows; malformed IDs are rows that do not exist. Django would answer 500."""
        ids = [parse_uuid(text) or UUID(int=0) for text in request.POST.getlist(ACTION_CHECKBOX_NAME)]
        posted = request.POST.copy()
        posted.setlist(ACTION_CHECKBOX_NAME, [str(row_id) for row_id in ids])
        request.POST = posted  # type: ignore[assignment]  # Django's own decorators assign it, too.
        if posted.get("action") == "delete_selected":
            selected = queryset if posted.get("select_across") == "1" else queryset.filter(pk__in=ids)
            if self.has_delete_permission(request) and self._refuse_deletion(request, selected):
                return HttpResponseRedirect(request.get_full_path())
        return super().response_action(request, queryset)

    def page(self, request: HttpRequest, title: str) -> dict[str, Any]:
        """Return the context of a custom page."""
        return self.admin_site.each_context(request) | {"title": title, "opts": self.opts}

    def get_row(self, request: HttpRequest, object_id: str) -> Any:
        """Return the row of a page's address. Raises Http404."""
        row = self.get_object(request, unquote(object_id))
        if row is None:
            raise Http404
        return row

    def _has_field(self, name: str) -> bool:
        return any(field.name == name for field in self.opts.concrete_fields)


class MomentRangeFilter(RangeDateTimeFilter):
    """Filter rows by a range of time, in UTC. A day without a time means the whole day; an invalid date is ignored.

    Unfold's own filter compares with a naive time and ignores a day without a time.
    """

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        for end, lookup, whole_day in (("from", "gte", time.min), ("to", "lte", time.max)):
            moment = self._moment(end, whole_day)
            if moment is not None:
                queryset = queryset.filter(**{f"{self.field_path}__{lookup}": moment})
        return queryset

    def _moment(self, end: str, whole_day: time) -> datetime | None:
        try:
            day = parse_date(self._given(f"{end}_0"))
            at = parse_time(self._given(f"{end}_1"))
        except ValueError:  # Well formed, but no such day or time exists.
            return None
        return datetime.combine(day, at or whole_day, UTC) if day is not None else None

    def _given(self, name: str) -> str:
        return str(self.used_parameters.get(f"{self.field_path}_{name}") or "")


class WithinOrganization(AutocompleteSelect):
    """Offer the rows of one organization in an autocomplete field."""

    PARAMETER = "organization"

    def __init__(self, *args: Any, organization_id: object, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.organization_id = organization_id

    def get_url(self) -> str:
        """Return the field's address; RowAdmin.get_search_results reads the parameter."""
        return f"{super().get_url()}?{self.PARAMETER}={self.organization_id}"


def _is_autocomplete(request: HttpRequest) -> bool:
    return request.resolver_match is not None and request.resolver_match.url_name == "autocomplete"


def _protecting(objs: Sequence[Model] | QuerySet[Any]) -> Iterable[str]:
    """Yield how many rows of each model refer to these rows."""
    first = objs[0] if objs else None
    for relation in first._meta.get_fields(include_hidden=True) if first is not None else ():
        if not isinstance(relation, ManyToOneRel) or relation.on_delete is not PROTECT:
            continue
        model = relation.field.model
        found = model._default_manager.filter(**{f"{relation.field.name}__in": objs}).order_by()
        if found.exists():
            count = counted(found)
            yield f"{count} {model._meta.verbose_name if count == 1 else model._meta.verbose_name_plural}"


def link(address: str, text: object) -> SafeString:
    """Return a link in the color of links."""
    return format_html('<a class="text-primary-600 dark:text-primary-500" href="{}">{}</a>', address, text)
