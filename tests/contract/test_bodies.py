"""What fuzzing has found, so that it is not left to chance."""

from tests.support.api import ApiClient, assert_refused
from tests.support.worlds import World


def test_a_patch_without_a_body_is_no_patch_that_changes_nothing(world: World, api: ApiClient) -> None:
    response = api.client.patch(f"/v1/phone-numbers/{world.phone_number.id}")
    assert_refused(response, 422, "VALIDATION_FAILED", "validation failed", details={"body": "is required"})
