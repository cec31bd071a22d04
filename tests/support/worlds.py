"""The smallest world in which an attach succeeds, and its mirror image in a second organization."""

from dataclasses import dataclass, field

from accounts.models import Organization
from brands.models import Brand
from campaigns.models import Campaign
from phone_numbers.models import PhoneNumber
from tests.support.factories import BrandFactory, CampaignFactory, OrganizationFactory, PhoneNumberFactory


@dataclass
class Tenant:
    """One organization with a verified brand, two active campaigns and an assigned number without a campaign."""

    organization: Organization = field(default_factory=OrganizationFactory.create)

    def __post_init__(self) -> None:
        self.brand: Brand = BrandFactory.create(organization=self.organization)
        self.campaign: Campaign = CampaignFactory.create(organization=self.organization, brand=self.brand)
        self.other_campaign: Campaign = CampaignFactory.create(organization=self.organization, brand=self.brand)
        self.phone_number: PhoneNumber = PhoneNumberFactory.create(organization=self.organization)


class World(Tenant):
    """The tenant that calls, and a stranger."""

    def __init__(self) -> None:
        super().__init__()
        self.stranger = Tenant()
