"""Holds the key's scopes against what the endpoint asks for."""

from collections.abc import Mapping
from typing import Protocol

from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from accounts.models import ApiKey
from accounts.scopes import Scope


class Scoped(Protocol):
    """A view that names the scope of each of its methods."""

    scopes: Mapping[str, Scope]


class HasScope(BasePermission):
    """Passes where the key has the scope that the view's `scopes` names for the method."""

    def has_permission(self, request: Request, view: Scoped) -> bool:  # type: ignore[override]  # Our views have scopes.
        """Whether the call may go on. A method that the view lacks passes: it is 405, not 403."""
        # HEAD is GET without the body.
        method = "GET" if request.method == "HEAD" else request.method
        scope = view.scopes.get(method or "")
        key = request.auth
        return isinstance(key, ApiKey) and (scope is None or key.has_scope(scope))
