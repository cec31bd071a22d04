"""Settings of the tests: the service's own, on the database that `devserver.pytest_plugin` starts."""

import os

from agentmessage.environment import env

env.remove_blank()
# The tests do not depend on what a developer or a deployment has in this folder.
os.environ["READ_ENV_FILE"] = "off"
os.environ.setdefault("SECRET_KEY", "only-for-the-tests-" + "x" * 50)
os.environ.setdefault("LOG_LEVEL", "CRITICAL")
# Threads of a test wait for locks as long as it takes.
os.environ["DATABASE_LOCK_WAITERS"] = "1000"
# Tests of the limits switch them on.
os.environ["THROTTLE_RATE"] = os.environ["THROTTLE_UNAUTHORIZED_RATE"] = "off"

from agentmessage.settings import *  # noqa: E402, F403  (The environment first.)

ALLOWED_HOSTS = ["*"]
SECURE_SSL_REDIRECT = False
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
# Above what a slow machine needs; a lock that is never released still ends its test.
DATABASES["default"]["OPTIONS"]["options"] = "-c lock_timeout=120s"  # noqa: F405
