"""Every database CHECK that a form of the admin could break has a message."""

import pytest
from django.contrib import admin
from django.db import models

from accounts.models import Organization
from agentmessage.admin.forms import RowForm
from brands.models import Brand
from campaigns.models import Campaign
from phone_numbers.models import PhoneNumber

# No form has the fields that these are about.
OUT_OF_REACH = {
    "numbers_phonenumber_campaign_organization",
    "numbers_phonenumber_campaign_status",
    "numbers_phonenumber_propagated_at",
}


@pytest.mark.parametrize("model", [Organization, Brand, Campaign, PhoneNumber])
def test_every_check_has_a_message(model: type[models.Model]) -> None:
    checks = [check for check in model._meta.constraints if isinstance(check, models.CheckConstraint)]
    assert issubclass(admin.site.get_model_admin(model).form, RowForm)
    default = models.CheckConstraint.default_violation_error_message
    silent = {check.name for check in checks if check.violation_error_message == default}
    assert silent == OUT_OF_REACH & {check.name for check in checks}
