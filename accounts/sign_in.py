"""The admin's site and its password forms, which slow down guessing.

Attempts are counted for a user name and a network together: an operator cannot be locked out from another network, and
guessing one name does not affect other operators in the same network. Unknown names are counted like known ones.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from hashlib import sha256
from typing import Any, TypeVar

import structlog
from django import forms
from django.contrib.auth.views import PasswordChangeView
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.urls import reverse
from unfold.forms import AdminOwnPasswordChangeForm, AuthenticationForm
from unfold.sites import UnfoldAdminSite

from agentmessage.clients import client_network
from agentmessage.counter import count_attempt, forget

_Response = TypeVar("_Response", bound=HttpResponseBase)
log = structlog.get_logger(__name__)

# Seconds to wait after the first, second and each later attempt with a wrong password.
DELAYS = (0, 0, 0, 0, 5, 10, 20, 40, 80, 160, 320, 640, 900)


class _PasswordAttempts:
    """A form that checks a password."""

    request: HttpRequest | None
    retry_after = 0

    @contextmanager
    def attempt(self, username: str) -> Iterator[None]:
        """Check a password in this context. Raises ValidationError if the attempt comes too early."""
        assert self.request is not None  # noqa: S101  (Both views pass it.)
        network = client_network(self.request)
        # A digest, because a name may be longer than a subject, or a password in the wrong field.
        subject = f"sign-in:{network}:{sha256(username.encode()).hexdigest()[:32]}"
        self.retry_after = count_attempt(subject, DELAYS)
        if self.retry_after:
            log.warning("sign_in.delayed", network=network, seconds=self.retry_after)
            raise forms.ValidationError(
                f"Too many attempts with a wrong password. Try again in {_in_words(self.retry_after)}.",
                code="throttled",
            )
        yield
        forget(subject)


class SignInForm(_PasswordAttempts, AuthenticationForm):
    """Sign in an operator."""

    def clean(self) -> dict[str, Any]:
        """Check the password, if there is one to check."""
        username = self.cleaned_data.get("username")
        if username is None or not self.cleaned_data.get("password"):
            return super().clean()
        with self.attempt(username):
            return super().clean()


class PasswordForm(_PasswordAttempts, AdminOwnPasswordChangeForm):
    """Change one's own password, which takes the old one."""

    def __init__(self, request: HttpRequest, *args: Any, **kwargs: Any) -> None:
        self.request = request
        super().__init__(*args, **kwargs)

    def clean_old_password(self) -> str:
        """Check the old password."""
        with self.attempt(self.user.get_username()):
            return super().clean_old_password()


class AdminSite(UnfoldAdminSite):
    """Unfold's site, with 429 and `Retry-After` for attempts that come too early."""

    login_form = SignInForm

    def login(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """Show the sign-in page, or sign in."""
        return _with_retry_after(super().login(request, extra_context))

    def password_change(  # type: ignore[override]  # The stubs forget the redirect after the change.
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponseBase:
        """Show the form for a new password, or change it."""
        request.current_app = self.name
        view = PasswordChangeView.as_view(
            form_class=partial(PasswordForm, request),
            success_url=reverse("admin:password_change_done", current_app=self.name),
            extra_context={**self.each_context(request), **(extra_context or {})},
        )
        return _with_retry_after(view(request))


def _with_retry_after(response: _Response) -> _Response:
    form = getattr(response, "context_data", {}).get("form")
    if isinstance(form, _PasswordAttempts) and form.retry_after:
        response.status_code = 429
        response["Retry-After"] = str(form.retry_after)
    return response


def _in_words(seconds: int) -> str:
    """`40 seconds`, or for more than two minutes `3 minutes`."""
    return f"{seconds} second{'' if seconds == 1 else 's'}" if seconds <= 120 else f"{-(-seconds // 60)} minutes"
