"""Registers the app."""

from django.apps import AppConfig


class BrandsConfig(AppConfig):
    """Brands."""

    name = "brands"
