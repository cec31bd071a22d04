"""Argument types that the management commands share."""

from argparse import ArgumentTypeError

from accounts.models import Organization


def organization(slug: str) -> Organization:
    """Return the organization with this slug. Raises ArgumentTypeError if there is none."""
    try:
        slug.encode()
    except UnicodeEncodeError:
        raise ArgumentTypeError("must be UTF-8") from None
    if "\x00" in slug:
        raise ArgumentTypeError("must not contain NUL")
    found = Organization.objects.filter(slug=slug).first()
    if found is None:
        raise ArgumentTypeError(f"there is no organization with the slug {slug!r}")
    return found
