"""`manage.py create_api_key`, `manage.py revoke_api_key`."""
