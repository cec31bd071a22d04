"""Unfold's classes and decorators, typed as the Django classes that they extend.

Unfold's own annotations do not allow subclasses: `add_fieldsets = ()` is inferred as an empty tuple.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from django.contrib.admin import ModelAdmin as _ModelAdmin
    from django.http import HttpRequest

    _F = TypeVar("_F", bound=Callable[..., Any])

    class ModelAdmin(_ModelAdmin[Any]):
        """unfold.admin.ModelAdmin."""

        add_fieldsets: Any
        actions_detail: tuple[str, ...]

        def get_actions_detail(self, request: HttpRequest, object_id: str) -> list[Any]:
            """Return the actions on the page of a row."""

    def action(**options: Any) -> Callable[[_F], _F]:
        """unfold.decorators.action."""

    def display(**options: Any) -> Callable[[_F], _F]:
        """unfold.decorators.display."""

else:
    from unfold.admin import ModelAdmin
    from unfold.decorators import action, display

__all__ = ["ModelAdmin", "action", "display"]
