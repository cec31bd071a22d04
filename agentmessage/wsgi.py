"""The WSGI entry: `granian --interface wsgi agentmessage.wsgi:application`."""

import gc
import os

from django.core.wsgi import get_wsgi_application

from agentmessage.environment import exit_on_bad_settings
from agentmessage.wsgi_bodies import RequestBodies

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "agentmessage.settings")

with exit_on_bad_settings():
    application = RequestBodies(get_wsgi_application())

# What has been made until now stays for the process's life. The collector need not walk over it again and again.
gc.collect()
gc.freeze()
