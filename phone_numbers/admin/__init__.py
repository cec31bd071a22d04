"""The operators' pages of phone numbers and of their history."""

from phone_numbers.admin import history, operations, phone_number

__all__ = ["history", "operations", "phone_number"]
