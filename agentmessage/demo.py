"""What `make run` starts: the service on this machine, with demo data. `python -m agentmessage.demo`

Sets up what a demo needs and a deployment must say itself (a SECRET_KEY, plain HTTP), then runs `manage.py run_demo`.
"""

import os
import secrets
from pathlib import Path

from django.core.management import execute_from_command_line

from agentmessage.database.lifetime import exit_with_parent
from agentmessage.environment import env, exit_on_bad_settings
from agentmessage.private_files import write_private

_BASE_DIR = Path(__file__).resolve().parent.parent


def main() -> None:
    """Runs the demo until it is interrupted."""
    exit_with_parent()
    env.load(_BASE_DIR / ".env")
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "agentmessage.settings")
    os.environ.setdefault("HTTPS", "off")
    os.environ.setdefault("LOG_LEVEL", "WARNING")
    # Where settings look for it too, so that `manage.py` in another terminal works on the same database.
    secret_key = _BASE_DIR / env.DATA_DIR / "secret_key"
    if not secret_key.is_file():
        write_private(secret_key, secrets.token_urlsafe(50))
    os.environ.setdefault("SECRET_KEY", secret_key.read_text(encoding="ascii"))
    execute_from_command_line(["manage.py", "run_demo"])


if __name__ == "__main__":
    with exit_on_bad_settings():
        main()
