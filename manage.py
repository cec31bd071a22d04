#!/usr/bin/env python
"""Run a management command of the service."""

import os
import sys
from contextlib import nullcontext

from django.core.management import execute_from_command_line

from agentmessage.environment import env, exit_on_bad_settings
from agentmessage.make_run import beside_make_run

SETTINGS = "agentmessage.settings"

if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", SETTINGS)
    env.is_command = True
    # Other settings, such as those of the tests, have a database of their own.
    is_service = os.environ["DJANGO_SETTINGS_MODULE"] == SETTINGS
    with exit_on_bad_settings(), beside_make_run() if is_service else nullcontext():
        execute_from_command_line(sys.argv)
