#!/usr/bin/env python
"""Runs a management command of the service."""

import os
import sys

from django.core.management import execute_from_command_line

from agentmessage.environment import exit_on_bad_settings

if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "agentmessage.settings")
    with exit_on_bad_settings():
        execute_from_command_line(sys.argv)
