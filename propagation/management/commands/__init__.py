"""The commands of `manage.py` that deal with phone numbers."""
