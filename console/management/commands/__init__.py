"""The commands of `manage.py` that report."""
