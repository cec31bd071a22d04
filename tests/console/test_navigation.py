"""The sidebar and the pages around the lists: what operators do, and nothing of Django's own words."""

import re

from django.test import Client
from django.urls import reverse

from accounts.groups import ADMINISTRATOR
from accounts.models import ApiKey, Operator
from phone_numbers.models import PhoneNumber
from tests.support.operators import browser_of, member_of, page, sign_in
from tests.support.propagation import fail_propagation
from tests.support.worlds import World

STOCK = ("Site administration", "Authentication and Authorization", "Django", ">Users<", ">Accounts<")


def sidebar(client: Client) -> dict[str, list[str]]:
    groups = client.get(reverse("admin:index")).context["sidebar_navigation"]
    return {group.get("title", ""): [item["title"] for item in group["items"]] for group in groups if group["items"]}


def test_the_navigation_is_grouped_by_what_operators_do(admin_client: Client) -> None:
    assert sidebar(admin_client) == {
        "": ["Home"],
        "Numbers": ["Phone numbers", "History", "Import", "Campaign at a time"],
        "Campaigns": ["Campaigns", "Brands"],
        "Carrier": ["Carrier orders", "Reconciliation"],
        "Access": ["Organizations", "API keys", "Operators", "Groups", "Log entries"],
    }
    for group in admin_client.get(reverse("admin:index")).context["sidebar_navigation"]:
        for item in group["items"]:
            assert admin_client.get(item["link"]).status_code == 200, item
            assert item["icon"]


def test_it_leads_nowhere_the_operator_may_not_go(db: None) -> None:
    assert sidebar(sign_in("view_apikey", "view_phonenumber")) == {
        "": ["Home"],
        "Numbers": ["Phone numbers"],
        "Access": ["API keys"],
    }
    assert sidebar(browser_of(member_of(ADMINISTRATOR)))["Access"] == [
        "Organizations",
        "API keys",
        "Operators",
        "Groups",
        "Log entries",
    ]


def test_failed_numbers_have_a_badge_on_every_page(world: World, admin_client: Client) -> None:
    def badge(client: Client) -> str | None:
        navigation = client.get(page(ApiKey, "changelist")).context["sidebar_navigation"]
        return next((item.get("badge") for group in navigation for item in group["items"] if "badge" in item), None)

    assert badge(admin_client) is None
    fail_propagation(world.phone_number, world.campaign)
    assert badge(admin_client) == "1"
    assert badge(sign_in("view_apikey")) is None


def test_no_page_shows_djangos_own_words(world: World, admin_client: Client) -> None:
    operator = Operator.objects.get()
    for address in (
        reverse("admin:index"),
        page(Operator, "changelist"),
        page(Operator, "change", operator.id),
        page(PhoneNumber, "changelist"),
        page(PhoneNumber, "change", world.phone_number.id),
        reverse("admin:auth_group_changelist"),
        reverse("admin:search") + "?extended=1&s=group",
    ):
        content = admin_client.get(address).content.decode()
        assert [words for words in STOCK if words in re.sub(r">\s+|\s+<", lambda m: m[0].strip(), content)] == [], (
            address
        )
    assert admin_client.get(reverse("admin:app_list", args=["numbers"])).headers["Location"] == reverse("admin:index")


def test_the_mark_and_the_color_are_the_products(admin_client: Client) -> None:
    content = admin_client.get(reverse("admin:index")).content.decode()
    assert '<link rel="icon" href="/static/reference/mark.svg" type="image/svg+xml"' in content
    assert '<img src="/static/reference/mark.svg"' in content
    # #0e7a63
    assert re.search(r"--color-primary-600: rgb\(14, 122, 99\)", content)
    assert "http" not in {url.partition(":")[0] for url in re.findall(r'(?:src|href)="([^"]+)"', content)}
