"""The operators themselves, and their groups. Only superusers edit superusers, groups and permissions."""

from typing import Any

from django import forms
from django.contrib import admin
from django.contrib.auth.admin import GroupAdmin as DjangoGroupAdmin
from django.contrib.auth.admin import UserAdmin
from django.contrib.auth.forms import UsernameField
from django.contrib.auth.models import Group, Permission
from django.db.models import ManyToManyField, Q, QuerySet
from django.http import HttpRequest
from unfold.forms import AdminPasswordChangeForm, UserChangeForm, UserCreationForm

from accounts.groups import ASSIGNABLE
from accounts.models import Operator
from agentmessage.admin.changes import ChangesMixin
from agentmessage.admin.export import ExportMixin
from agentmessage.admin.forms import ReasonForm

admin.site.unregister(Group)


def _is_superuser(request: HttpRequest) -> bool:
    return isinstance(request.user, Operator) and request.user.is_superuser


class GroupForm(ReasonForm, forms.ModelForm):  # type: ignore[type-arg]  # Django's is generic for type checkers only.
    """A group."""


@admin.register(Group)
class GroupAdmin(ChangesMixin, DjangoGroupAdmin, ExportMixin):
    """Groups of operators with the same permissions. A group stays: operators may be in it."""

    form = GroupForm
    filter_horizontal = ()

    def _only_superusers(self, request: HttpRequest, obj: Any = None) -> bool:
        return _is_superuser(request)

    has_add_permission = has_change_permission = _only_superusers

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


class NewOperatorForm(ReasonForm, UserCreationForm):
    """A new operator."""


class PasswordForm(ReasonForm, AdminPasswordChangeForm):
    """A new password of another operator."""

    field_order = ("password1", "password2", "usable_password")


class OperatorForm(ReasonForm, UserChangeForm):
    """An operator, as `editor` may edit it. `OperatorAdmin.get_form` sets the editor."""

    editor: Operator

    class Meta:
        field_classes = {"username": UsernameField}
        labels = {"is_active": "May sign in", "is_staff": "Uses the console", "is_superuser": "May do everything"}
        help_texts = {
            "is_active": "Switch this off instead of deleting an operator.",
            "is_staff": "Without it, no group has an effect.",
            "is_superuser": "Superusers and groups included, without being in a group.",
            "groups": "What the operator may do.",
            "user_permissions": "Beside those of the groups.",
        }

    def clean_groups(self) -> QuerySet[Group]:
        """Keep the groups that the editor cannot assign, and refuse groups with more permissions than the editor's."""
        chosen: QuerySet[Group] = self.cleaned_data["groups"]
        if self.editor.is_superuser:
            return chosen
        kept = self.instance.groups.exclude(name__in=ASSIGNABLE)
        groups = Group.objects.filter(Q(id__in=chosen) | Q(id__in=kept))
        permissions = Permission.objects.filter(Q(group__in=groups) | Q(user=self.instance))
        names = {f"{app}.{code}" for app, code in permissions.values_list("content_type__app_label", "codename")}
        if not self.editor.may_do_more_than(names):
            raise forms.ValidationError("These groups have permissions that you do not have yourself.")
        return groups


@admin.register(Operator)
class OperatorAdmin(ChangesMixin, UserAdmin, ExportMixin):  # type: ignore[type-arg]  # Django's is generic for type checkers only.
    """Who may sign in here. An operator is deactivated, never deleted: history and the admin's log refer to it."""

    form = OperatorForm
    add_form = NewOperatorForm
    change_password_form = PasswordForm
    filter_horizontal = ()
    readonly_fields = ("last_login", "date_joined")
    fieldsets = (
        (None, {"fields": ("username", "password")}),
        ("Person", {"fields": ("first_name", "last_name", "email")}),
        ("Access", {"fields": ("is_active", "is_staff", "is_superuser", "groups")}),
        ("More permissions", {"classes": ("collapse",), "fields": ("user_permissions",)}),
        ("Times", {"fields": ("last_login", "date_joined")}),
    )

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Allow superusers, and operators who may do more than `obj`. The page of a new password asks here, too."""
        if not super().has_change_permission(request, obj):
            return False
        return obj is None or (isinstance(request.user, Operator) and request.user.may_edit(obj))

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        """Let only superusers edit permissions."""
        readonly = tuple(super().get_readonly_fields(request, obj))
        return readonly if _is_superuser(request) else (*readonly, "is_staff", "is_superuser", "user_permissions")

    def get_form(
        self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any
    ) -> "type[forms.ModelForm[Any]]":
        """Return a form class for this request, which knows the editor."""
        form: type[forms.ModelForm[Any]] = super().get_form(request, obj, change=change, **kwargs)
        form.editor = request.user  # type: ignore[attr-defined]  # Of OperatorForm; the form to add ignores it.
        return form

    def formfield_for_manytomany(
        self, db_field: "ManyToManyField[Any, Any]", request: HttpRequest, **kwargs: Any
    ) -> Any:
        """Offer the groups that the editor may assign."""
        if db_field.name == "groups" and not _is_superuser(request):
            kwargs["queryset"] = Group.objects.filter(name__in=ASSIGNABLE)
        return super().formfield_for_manytomany(db_field, request, **kwargs)

    def save_model(self, request: HttpRequest, obj: Operator, form: Any, change: bool) -> None:
        """Save the operator. An operator who gains a group may sign in, because without that a group has no effect."""
        groups = form.cleaned_data.get("groups")
        if groups and not _is_superuser(request) and set(groups) - set(obj.groups.all()):
            obj.is_staff = True
        super().save_model(request, obj, form, change)
