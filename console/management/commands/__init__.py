"""The commands of `manage.py` that load data."""
