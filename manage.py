#!/usr/bin/env python
"""Run a management command of the service."""

import os
import sys

import environ
from django.core.exceptions import ImproperlyConfigured
from django.core.management import execute_from_command_line

from agentmessage import make_run


def main() -> None:
    """Run the command on the database that DATABASE_URL names, or else on that of a running `make run`."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "agentmessage.settings")
    environ.Env.read_env(make_run.BASE_DIR / ".env")
    if not os.environ.get("DATABASE_URL") and (running := make_run.find_running(make_run.data_folder())):
        make_run.set_defaults(running.settings)
    try:
        execute_from_command_line(sys.argv)
    except ImproperlyConfigured as error:
        sys.exit(str(error) if os.environ.get("DATABASE_URL") else f"{error}\n{make_run.NOTHING_RUNS}")


if __name__ == "__main__":
    main()
