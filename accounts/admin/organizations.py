"""Organizations."""

from django.contrib import admin
from django.db.models import ManyToOneRel
from django.urls import reverse
from django.utils.html import format_html_join
from django.utils.safestring import SafeString

from accounts.models import Organization
from agentmessage.admin.base import RowAdmin
from agentmessage.admin.forms import RowForm
from agentmessage.admin.unfold_typing import display


class OrganizationForm(RowForm):
    """An organization."""

    sentences = {
        "accounts_organization_name_not_empty": ("name", "An organization has a name."),
        "accounts_organization_slug_form": (
            "slug",
            "Small letters, digits and hyphens only, and a letter or digit first.",
        ),
    }


@admin.register(Organization)
class OrganizationAdmin(RowAdmin):
    """The tenants, with links to everything that belongs to one of them."""

    form = OrganizationForm
    list_display = ("name", "slug", "created_at")
    search_fields = ("name__icontains", "slug__icontains")
    search_help_text = "Name, slug or id"
    date_hierarchy = "created_at"
    prepopulated_fields = {"slug": ("name",)}
    readonly_fields = ("id", "created_at", "belongings")
    fieldsets = ((None, {"fields": ("name", "slug", "belongings", "id", "created_at")}),)
    add_fieldsets = ((None, {"fields": ("name", "slug")}),)

    @display(description="has")
    def belongings(self, organization: Organization) -> SafeString:
        """Return links to the lists of its rows in every app."""
        relations = (field for field in self.opts.get_fields(include_hidden=True) if isinstance(field, ManyToOneRel))
        listed = [relation.field.model for relation in relations if self.admin_site.is_registered(relation.field.model)]
        return format_html_join(
            " · ",
            '<a class="text-primary-600 dark:text-primary-500" href="{}?organization__id__exact={}">{}</a>',
            (
                (
                    reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist"),
                    organization.id,
                    model._meta.verbose_name_plural,
                )
                for model in listed
            ),
        )
