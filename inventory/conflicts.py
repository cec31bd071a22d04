"""What the database says against a document that is right by itself."""

from dataclasses import dataclass

from django.db.backends.utils import CursorWrapper

from inventory.kinds import ALL, BRANDS, CAMPAIGNS, ORGANIZATIONS, PHONE_NUMBERS, Kind
from inventory.problems import MOST_PROBLEMS, Entry, Problems


@dataclass(frozen=True, slots=True)
class _Check:
    """One question. `sql` finds the entries at fault: where they stand, and a word for the sentence's `{}`."""

    kind: Kind
    key: str
    sentence: str
    sql: str


_CHECKS = (
    _Check(
        ORGANIZATIONS,
        "slug",
        "is the slug of the organization {}",
        """
        SELECT s.organization_index, s.entry_index, o.id
        FROM inventory_organizations s JOIN accounts_organization o ON o.slug = s.slug AND o.id <> s.id
        """,
    ),
    _Check(
        BRANDS,
        "id",
        "is a brand of another organization",
        """
        SELECT s.organization_index, s.entry_index, NULL
        FROM inventory_brands s JOIN brands_brand b ON b.id = s.id AND b.organization_id <> s.organization_id
        """,
    ),
    _Check(
        BRANDS,
        "tcr_brand_id",
        "is that of the brand {}",
        """
        SELECT s.organization_index, s.entry_index, b.id
        FROM inventory_brands s
        JOIN brands_brand b
            ON b.organization_id = s.organization_id AND b.tcr_brand_id = s.tcr_brand_id AND b.id <> s.id
        """,
    ),
    _Check(
        CAMPAIGNS,
        "id",
        "is a campaign of another organization",
        """
        SELECT s.organization_index, s.entry_index, NULL
        FROM inventory_campaigns s
        JOIN campaigns_campaign c ON c.id = s.id AND c.organization_id <> s.organization_id
        """,
    ),
    _Check(
        CAMPAIGNS,
        "tcr_campaign_id",
        "is that of the campaign {}",
        """
        SELECT s.organization_index, s.entry_index, c.id
        FROM inventory_campaigns s
        JOIN campaigns_campaign c
            ON c.organization_id = s.organization_id AND c.tcr_campaign_id = s.tcr_campaign_id AND c.id <> s.id
        """,
    ),
    _Check(
        CAMPAIGNS,
        "brand_id",
        "is no brand of this organization",
        """
        SELECT s.organization_index, s.entry_index, NULL
        FROM inventory_campaigns s
        WHERE NOT EXISTS (
            SELECT FROM inventory_brands b WHERE b.organization_id = s.organization_id AND b.id = s.brand_id
        ) AND NOT EXISTS (
            SELECT FROM brands_brand b WHERE b.organization_id = s.organization_id AND b.id = s.brand_id
        )
        """,
    ),
    _Check(
        PHONE_NUMBERS,
        "id",
        "is a number of another organization",
        """
        SELECT s.organization_index, s.entry_index, NULL
        FROM inventory_phone_numbers s
        JOIN numbers_phonenumber p ON p.id = s.id AND p.organization_id <> s.organization_id
        """,
    ),
    _Check(
        PHONE_NUMBERS,
        "number",
        "is the number of another id: {}",
        """
        SELECT s.organization_index, s.entry_index, p.id
        FROM inventory_phone_numbers s JOIN numbers_phonenumber p ON p.number = s.number AND p.id <> s.id
        """,
    ),
    _Check(
        PHONE_NUMBERS,
        "campaign_id",
        "is no campaign of this organization",
        """
        SELECT s.organization_index, s.entry_index, NULL
        FROM inventory_phone_numbers s
        WHERE s.campaign_id IS NOT NULL AND NOT EXISTS (
            SELECT FROM inventory_campaigns c WHERE c.organization_id = s.organization_id AND c.id = s.campaign_id
        ) AND NOT EXISTS (
            SELECT FROM campaigns_campaign c WHERE c.organization_id = s.organization_id AND c.id = s.campaign_id
        )
        """,
    ),
)
# One more than are listed, so that it shows that there are more.
_IN_ORDER = f" ORDER BY s.organization_index, s.entry_index LIMIT {MOST_PROBLEMS + 1}"


def refuse_conflicts(cursor: CursorWrapper) -> None:
    """Raises InventoryRefused if the staged rows clash with what is stored, in the order of the document."""
    found: list[tuple[tuple[int, int, int], Entry, str, str]] = []
    for check in _CHECKS:
        cursor.execute(check.sql + _IN_ORDER)
        for organization, index, word in cursor.fetchall():
            kind = None if check.kind is ORGANIZATIONS else check.kind.name
            order = (organization, ALL.index(check.kind), index)
            found.append((order, Entry(organization, kind, index), check.key, check.sentence.format(word)))
    problems = Problems()
    for _order, entry, key, sentence in sorted(found):
        problems.add(sentence, entry=entry, key=key)
    problems.raise_if_any()
