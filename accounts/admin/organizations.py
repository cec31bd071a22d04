"""Organizations."""

from typing import Any

from django.contrib import admin
from django.db.models import ManyToOneRel
from django.http import HttpRequest
from django.urls import reverse
from django.utils.text import capfirst

from accounts.models import Organization
from agentmessage.admin.base import RowAdmin, link
from agentmessage.admin.lists import counted


@admin.register(Organization)
class OrganizationAdmin(RowAdmin):
    """The tenants, with links to everything that belongs to one of them."""

    list_display = ("name", "slug", "created_at")
    search_fields = ("name__icontains", "slug__icontains")
    when_empty = "Each tenant is an organization, which has the brands, campaigns, numbers and keys."
    search_help_text = "Name, slug or id"
    date_hierarchy = "created_at"
    prepopulated_fields = {"slug": ("name",)}
    readonly_fields = ("id", "created_at")
    fieldsets = ((None, {"fields": ("name", "slug", "id", "created_at")}),)
    add_fieldsets = ((None, {"fields": ("name", "slug")}),)
    instead_of_deleting = "Release its numbers and revoke its keys instead."

    def has_history(self, row: Organization) -> bool:
        return any(getattr(row, name).exists() for name in ("brands", "campaigns", "phone_numbers", "api_keys"))

    def describe(self, request: HttpRequest, row: Organization) -> dict[str, Any]:
        """Return what belongs to it in every app, with links to the lists that the operator may see."""
        relations = (field for field in self.opts.get_fields(include_hidden=True) if isinstance(field, ManyToOneRel))
        rows = []
        for relation in relations:
            model = relation.field.model
            page = self.admin_site.get_model_admin(model) if self.admin_site.is_registered(model) else None
            if page is None or not page.has_view_permission(request):
                continue
            address = reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")
            # History has no index by organization, so it is not counted.
            count = "" if relation.hidden else counted(model._default_manager.filter(organization=row))
            name = capfirst(model._meta.verbose_name_plural)
            rows.append([link(f"{address}?organization__id__exact={row.id}", name), count])
        return {"panels": [{"title": "What it has", "rows": rows[::-1]}]}
