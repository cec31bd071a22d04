"""The operators' pages of phone numbers and of their history."""

from phone_numbers.admin import history, orders, phone_number

__all__ = ["history", "orders", "phone_number"]
