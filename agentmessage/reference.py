"""The reference page at / and /docs: a quickstart in plain HTML, followed by the OpenAPI document."""

from functools import cache, lru_cache
from pathlib import Path

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString, mark_safe
from django.views.decorators.http import require_safe
from pygments import highlight  # type: ignore[import-untyped]  # It has no types.
from pygments.formatters import HtmlFormatter  # type: ignore[import-untyped]  # As above.
from pygments.lexers import get_lexer_by_name  # type: ignore[import-untyped]  # As above.

from agentmessage.api.document import TYPES
from agentmessage.api.errors import ERRORS
from agentmessage.errors import ErrorCode

_EXAMPLES = Path(__file__).parent / "static" / "reference" / "examples"
_BASE_URL = "http://127.0.0.1:8000"

# The page is self-contained: no third-party requests. Scalar writes inline styles, hence `unsafe-inline`.
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; font-src 'self'; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)


@require_safe
def reference_page(request: HttpRequest) -> HttpResponse:
    """Render the page; its examples use the address of the request."""
    context = {
        "base_url": request.build_absolute_uri("/").rstrip("/"),
        "examples": _examples(request.build_absolute_uri("/").rstrip("/")),
        "types": _types(),
        "errors": _errors(),
    }
    response = render(request, "reference/page.html", context)
    response["Content-Security-Policy"] = _POLICY
    response["Referrer-Policy"] = "no-referrer"
    response["Cache-Control"] = "no-cache"
    return response


# Few entries: ALLOWED_HOSTS refuses all other host names.
@lru_cache(maxsize=16)
def _examples(base_url: str) -> list[dict[str, str]]:
    """Return the quickstart in three languages, with syntax highlighting."""
    examples = []
    for language, title, name in (
        ("bash", "curl", "quickstart.sh"),
        ("python", "Python", "quickstart.py"),
        ("typescript", "TypeScript", "quickstart.mts"),
    ):
        text = (_EXAMPLES / name).read_text(encoding="utf-8").replace(_BASE_URL, base_url)
        examples.append({"id": language, "title": title, "name": name, "html": _coloured(text, language)})
    return examples


@cache
def _types() -> SafeString:
    """Return the component types, with syntax highlighting."""
    text = TYPES.read_text(encoding="utf-8")
    start = text.index("export interface components")
    return _coloured(text[start : text.index("\n}\n", start) + 3], "typescript")


@cache
def _errors() -> list[dict[str, object]]:
    rows = [
        {"status": kind.status, "code": code, "meaning": _with_code(kind.description)} for code, kind in ERRORS.items()
    ]
    rows.append(
        {
            "status": 400,
            "code": ErrorCode.VALIDATION_FAILED,
            "meaning": "The id in the path is no UUID (GET, PATCH and DELETE).",
        }
    )
    return sorted(rows, key=lambda row: row["status"])  # type: ignore[arg-type, return-value]  # Statuses are numbers.


def _with_code(text: str) -> SafeString:
    """Render words between backticks as code."""
    parts = text.split("`")
    return format_html_join(
        "", "{}", ((format_html("<code>{}</code>", part) if index % 2 else part,) for index, part in enumerate(parts))
    )


def _coloured(text: str, language: str) -> SafeString:
    html: str = highlight(text, get_lexer_by_name(language), HtmlFormatter(nowrap=True))
    return mark_safe(html)  # noqa: S308  (Pygments escapes the text.)
