"""API keys: created once, shown once, revoked, never edited or deleted."""

from collections.abc import Iterator, Sequence
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME, AdminErrorList, AdminForm
from django.contrib.admin.utils import flatten_fieldsets
from django.core.exceptions import PermissionDenied
from django.db.models import Field, Q, QuerySet
from django.db.models.functions import Now
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.views.decorators.debug import sensitive_variables
from unfold.contrib.filters.admin import AutocompleteSelectFilter
from unfold.enums import ActionVariant
from unfold.widgets import UnfoldAdminCheckboxSelectMultipleWidget

from accounts.models import ApiKey, Scope
from accounts.services import create_api_key, revoke_api_key
from agentmessage.admin.base import RowAdmin, selected_ids
from agentmessage.admin.forms import ReasonForm
from agentmessage.admin.lists import STATUS_COLORS, NamedFilter
from agentmessage.admin.unfold_typing import action, display
from agentmessage.errors import ValidationFailed

# The response is the page with the key, so there is no next page to choose.
_ONE_BUTTON = {"show_save_and_add_another": False, "show_save_and_continue": False}


class KeyStatusFilter(NamedFilter):
    """Filter keys by whether they work now. The conditions must agree with `ApiKey.is_usable`."""

    title = "status"
    parameter_name = "key_status"
    conditions = {
        "usable": ("Usable", Q(expires_at__gt=Now(), revoked_at=None) | Q(expires_at=None, revoked_at=None)),
        "expired": ("Expired", Q(expires_at__lte=Now(), revoked_at=None)),
        "revoked": ("Revoked", Q(revoked_at__isnull=False)),
    }


@admin.register(ApiKey)
class ApiKeyAdmin(RowAdmin):
    """The keys of all organizations."""

    list_display = ("label", "prefix", "organization", "scope_list", "key_status", "last_used_at", "created_at")
    export_also = ("expires_at", "revoked_at")
    list_select_related = ("organization",)
    list_filter = (("organization", AutocompleteSelectFilter), KeyStatusFilter)
    search_fields = ("label__icontains", "prefix__startswith", "organization__name__icontains")
    when_empty = "A key lets a program of an organization use the API."
    search_help_text = "Label, beginning of the key, organization or id"
    date_hierarchy = "created_at"
    autocomplete_fields = ("organization",)
    fieldsets = (
        (None, {"fields": ("label", "organization", "prefix", "scope_list", "key_status")}),
        (
            "Times",
            {"classes": ("collapse",), "fields": ("created_at", "last_used_at", "expires_at", "revoked_at", "id")},
        ),
    )
    add_fieldsets = ((None, {"fields": ("organization", "label", "scopes", "expires_at")}),)
    actions = ("revoke_selected",)
    actions_detail = ("revoke_one",)

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        """Return everything but the label, once the key exists."""
        return () if obj is None else tuple(name for name in flatten_fieldsets(self.fieldsets) if name != "label")

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Refuse: keys are revoked, and history refers to them."""
        return False

    @display(description="scopes")
    def scope_list(self, key: ApiKey) -> str:
        return ", ".join(key.scopes)

    @display(description="status", label=STATUS_COLORS)
    def key_status(self, key: ApiKey) -> str:
        if key.is_usable(at=timezone.now()):
            return "usable"
        return "expired" if key.revoked_at is None else "revoked"

    def formfield_for_dbfield(self, db_field: "Field[Any, Any]", request: HttpRequest, **kwargs: Any) -> Any:
        """Offer the scopes as checkboxes, with the names that the documentation and the commands use."""
        if db_field.name == "scopes":
            return forms.MultipleChoiceField(
                choices=[(scope.value, scope.value) for scope in Scope],
                widget=UnfoldAdminCheckboxSelectMultipleWidget,
                help_text="What the key may do. It cannot be changed later.",
            )
        return super().formfield_for_dbfield(db_field, request, **kwargs)

    # Creating a key

    @sensitive_variables("plain")
    def add_view(
        self, request: HttpRequest, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Show the form, and answer it with the only page that shows the key.

        Django's way of saving would open a transaction around the service's own and answer with a redirect, so the key
        would have to be stored in a cookie or a session until the next page.
        """
        if request.method != "POST":
            return super().add_view(request, form_url, (extra_context or {}) | _ONE_BUTTON)
        if not self.has_add_permission(request):
            raise PermissionDenied
        form = self.get_form(request)(request.POST)
        if form.is_valid():
            fields = form.cleaned_data
            try:
                key, plain = create_api_key(
                    organization_id=fields["organization"].id,
                    label=fields["label"],
                    scopes=fields["scopes"],
                    expires_at=fields["expires_at"],
                )
            except ValidationFailed as refused:
                for field, message in (refused.details or {}).items():
                    form.add_error(field, f"{message}.")
            else:
                self.log_addition(request, key, [{"added": {}}])
                return self._show_once(request, key, plain)
        return self._form_again(request, form, form_url)

    @sensitive_variables("plain")
    def _show_once(self, request: HttpRequest, key: ApiKey, plain: str) -> HttpResponse:
        context = self.page(request, f"API key “{key.label}” has been made") | {"key": key, "plain": plain}
        # Like every page of the admin, it is sent with Cache-Control: no-store; a test asserts it.
        return TemplateResponse(request, "admin/accounts/apikey/created.html", context)

    def _form_again(self, request: HttpRequest, form: "forms.ModelForm[Any]", form_url: str) -> HttpResponse:
        fieldsets: list[Any] = list(self.get_fieldsets(request))
        page = AdminForm(form, fieldsets, {}, (), model_admin=self)
        context = self.page(request, "Add API key") | {
            "adminform": page,
            "media": self.media + page.media,
            "errors": AdminErrorList(form, []),
            "inline_admin_formsets": [],
            **_ONE_BUTTON,
        }
        return self.render_change_form(request, context, add=True, form_url=form_url)

    # Revoking

    def get_urls(self) -> list[URLPattern]:
        """Add the page that confirms revocations."""
        revoke = path("revoke/", self.admin_site.admin_view(self.revoke_view), name="accounts_apikey_revoke")
        return [revoke, *super().get_urls()]

    @action(description="Revoke…", permissions=["change"], icon="block")
    def revoke_selected(self, request: HttpRequest, queryset: QuerySet[ApiKey]) -> HttpResponse:
        return self._confirm_revocation(request, queryset)

    @action(
        description="Revoke…", permissions=["change"], url_path="revoke", icon="block", variant=ActionVariant.DANGER
    )
    def revoke_one(self, request: HttpRequest, object_id: str) -> HttpResponse:
        return self._confirm_revocation(request, [self.get_row(request, object_id)])

    def _confirm_revocation(self, request: HttpRequest, keys: Sequence[ApiKey] | QuerySet[ApiKey]) -> HttpResponse:
        context = self.page(request, "Revoke API keys") | {
            "keys": list(keys),
            "form": ReasonForm(),
            "checkbox": ACTION_CHECKBOX_NAME,
            "changelist": reverse("admin:accounts_apikey_changelist"),
            "action": reverse("admin:accounts_apikey_revoke"),
        }
        return TemplateResponse(request, "admin/accounts/apikey/revoke.html", context)

    def revoke_view(self, request: HttpRequest) -> HttpResponse:
        """Revoke the keys that the operator has confirmed."""
        if not self.has_change_permission(request):
            raise PermissionDenied
        changelist = HttpResponseRedirect(reverse("admin:accounts_apikey_changelist"))
        if request.method == "POST":
            revoked = len(list(self._revoke_each(request)))
            messages.success(request, f"{revoked} API key{'' if revoked == 1 else 's'} revoked.")
        return changelist

    def _revoke_each(self, request: HttpRequest) -> Iterator[ApiKey]:
        for key in self.get_queryset(request).filter(id__in=selected_ids(request), revoked_at=None):
            revoked = revoke_api_key(organization_id=key.organization_id, api_key_id=key.id)
            self.log_change(request, revoked, "Revoked.")
            yield revoked
