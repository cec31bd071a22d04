"""The admin's site with the console's pages around the lists."""

from typing import Any

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import path, reverse

from accounts.sign_in import AdminSite


class ConsoleSite(AdminSite):
    """The admin, with a home page instead of a list of models."""

    index_title = "Home"
    index_template = "console/home.html"

    def index(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> TemplateResponse:
        """Show the home page."""
        # Imported by the first request: a worker that loads the site does not read the admin's classes.
        from console.home import home_context

        return super().index(request, home_context(request, self) | (extra_context or {}))

    def get_urls(self) -> list[Any]:
        """Add the page that says which campaign a number was on at a time."""
        return [path("campaign-at/", self.admin_view(self.campaign_at), name="campaign_at"), *super().get_urls()]

    def campaign_at(self, request: HttpRequest) -> TemplateResponse:
        """Show a number at a time."""
        from console.report import report_context

        context = self.each_context(request) | report_context(request, self)
        return TemplateResponse(request, "console/campaign_at.html", context)

    def app_index(  # type: ignore[override]  # The stubs expect a page.
        self, request: HttpRequest, app_label: str, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Lead to the home page: the navigation groups the lists by what operators do, not by app."""
        return HttpResponseRedirect(reverse("admin:index", current_app=self.name))

    def search(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> TemplateResponse:
        """Answer the command palette. All results are on one page, so a page in the query has no meaning."""
        query = request.GET.copy()
        query.pop("page", None)
        request.GET = query  # type: ignore[assignment]  # Django's own decorators assign what has been parsed, too.
        return super().search(request, extra_context)
