"""The operators' pages of organizations, their keys, and the operators themselves."""

from accounts.admin import api_keys, operators, organizations

__all__ = ["api_keys", "operators", "organizations"]
