"""A client of /v1, and checks of its answers."""

import re
from typing import TYPE_CHECKING, Any
from uuid import UUID

from django.test import Client

if TYPE_CHECKING:
    from django.test.client import _MonkeyPatchedWSGIResponse as Answer

ULID = re.compile(r"[0-7][0-9A-HJKMNP-TV-Z]{25}")


class ApiClient:
    """Sends requests with a key, or with none."""

    def __init__(self, key: str | None) -> None:
        self.client = Client(raise_request_exception=False, headers={"Authorization": f"Bearer {key}"} if key else {})

    def attach(self, phone_number_id: UUID | str, campaign_id: UUID | str) -> "Answer":
        """POST /v1/phone-numbers/{id}/campaign."""
        return self.post(f"/v1/phone-numbers/{phone_number_id}/campaign", {"campaign_id": str(campaign_id)})

    def post(self, path: str, body: Any, *, content_type: str = "application/json", **extra: Any) -> "Answer":
        """POST with a JSON body, or with `body` unchanged if it is text or bytes."""
        return self.client.post(path, data=body, content_type=content_type, **extra)

    def patch(self, phone_number_id: UUID | str, body: Any, *, content_type: str = "application/json") -> "Answer":
        """PATCH /v1/phone-numbers/{id}."""
        return self.client.patch(f"/v1/phone-numbers/{phone_number_id}", data=body, content_type=content_type)

    def detach(self, phone_number_id: UUID | str) -> "Answer":
        """DELETE /v1/phone-numbers/{id}/campaign."""
        return self.client.delete(f"/v1/phone-numbers/{phone_number_id}/campaign")

    def get(self, path: str, **extra: Any) -> "Answer":
        """GET."""
        return self.client.get(path, **extra)


def assert_refused(
    response: "Answer", status: int, code: str, message: str, *, details: dict[str, str] | None = None
) -> None:
    """The whole answer of a refusal: status, body to the last key, request id in body and header."""
    request_id = response["X-Request-Id"]
    assert ULID.fullmatch(request_id)
    error: dict[str, Any] = {"code": code, "message": message, "request_id": request_id}
    if details is not None:
        error["details"] = details
    assert response.json() == {"success": False, "error": error}
    assert response.status_code == status
    assert response["Content-Type"] == "application/json"
