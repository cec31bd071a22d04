"""The operators' pages of phone numbers and of their history."""

from phone_numbers.admin import history, phone_number

__all__ = ["history", "phone_number"]
