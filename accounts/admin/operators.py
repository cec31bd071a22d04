"""The operators themselves, and their groups."""

from typing import Any

from django.contrib import admin
from django.contrib.auth.admin import GroupAdmin as DjangoGroupAdmin
from django.contrib.auth.admin import UserAdmin
from django.contrib.auth.models import Group
from django.http import HttpRequest
from unfold.forms import AdminPasswordChangeForm, UserChangeForm, UserCreationForm

from accounts.models import Operator
from agentmessage.admin.unfold_typing import ModelAdmin

admin.site.unregister(Group)


@admin.register(Group)
class GroupAdmin(DjangoGroupAdmin, ModelAdmin):
    """Groups of operators with the same permissions."""


@admin.register(Operator)
class OperatorAdmin(UserAdmin, ModelAdmin):  # type: ignore[type-arg]  # Django's is generic for type checkers only.
    """Who may sign in here. An operator is made inactive, never deleted: history and the admin's log name them."""

    form = UserChangeForm
    add_form = UserCreationForm
    change_password_form = AdminPasswordChangeForm
    readonly_fields = ("last_login", "date_joined")

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nobody's."""
        return False

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        """Permissions are given by superusers: otherwise whoever may edit operators could make themselves one."""
        own = super().get_readonly_fields(request, obj)
        if getattr(request.user, "is_superuser", False):
            return tuple(own)
        return (*own, "is_staff", "is_superuser", "groups", "user_permissions")
