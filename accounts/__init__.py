"""Callers: organizations, their API keys, and the operators of the admin."""
