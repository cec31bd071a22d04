"""The admin pages of organizations, API keys and operators."""

from accounts.admin import api_keys, operators, organizations

__all__ = ["api_keys", "operators", "organizations"]
