"""Settings, from the environment or a `.env` file beside `manage.py`. README.md lists them all."""

import base64
from pathlib import Path

import environ
from django.core.exceptions import ImproperlyConfigured
from django.urls import reverse_lazy

from agentmessage.database import database_settings, replica_settings
from agentmessage.logs import configure_logging
from agentmessage.rates import Rate, parse_rate

BASE_DIR = Path(__file__).resolve().parent.parent
env = environ.Env()
env.read_env(BASE_DIR / ".env")

DEBUG = env.bool("DEBUG", default=False)
DATA_DIR = (BASE_DIR / env.str("DATA_DIR", default=".data")).resolve()
DATABASE_URL: str | None = env.str("DATABASE_URL", default="") or None


def _secret_key() -> str:
    """SECRET_KEY, or the one that `make run` made for its own embedded database. Nothing else goes without one."""
    given: str = env.str("SECRET_KEY", default="")
    if given:
        return given
    demo = DATA_DIR / "secret_key"
    if DATABASE_URL is None and demo.is_file():
        kept: str = demo.read_text(encoding="ascii").strip()
        return kept
    raise ImproperlyConfigured("Set SECRET_KEY in the environment or in .env (`make run` needs none).")


SECRET_KEY = _secret_key()
ALLOWED_HOSTS = env.list("ALLOWED_HOSTS", default=["127.0.0.1", "localhost", "[::1]"])
CSRF_TRUSTED_ORIGINS = env.list("CSRF_TRUSTED_ORIGINS", default=[])

INSTALLED_APPS = [
    "procrastinate.contrib.django",
    "agentmessage.apps.AgentMessageConfig",
    "inventory",
    "phone_numbers.apps.PhoneNumbersConfig",
    "campaigns.apps.CampaignsConfig",
    "brands.apps.BrandsConfig",
    "accounts.apps.AccountsConfig",
    "corsheaders",
    "drf_spectacular",
    "rest_framework",
    "agentmessage.apps.UnfoldConfig",
    "unfold.contrib.filters",
    "agentmessage.apps.LateAdminConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.postgres",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
]

# What stands below ServeApi is for people with a browser: requests below /v1 do not come there.
MIDDLEWARE = [
    "agentmessage.api.middleware.RequestMiddleware",
    "agentmessage.api.cors.CorsMiddleware",
    "agentmessage.api.middleware.ServeApi",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]

ROOT_URLCONF = "agentmessage.urls"
WSGI_APPLICATION = "agentmessage.wsgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    },
]

# With DATABASE_POOL each of a server's threads keeps its connection between requests: a new one per request costs a
# factor of seven.
_keep = env.int("DATABASE_POOL", default=0) > 0
# Whether DATABASE_URL names a pgbouncer in transaction mode: for web processes only (docs/scale.md).
DATABASE_PGBOUNCER = env.bool("DATABASE_PGBOUNCER", default=False)
DATABASES = {
    "default": database_settings(
        database_url=DATABASE_URL,
        data_dir=DATA_DIR / "postgresql",
        durable=env.bool("DATABASE_DURABLE", default=True),
        prepare=env.bool("DATABASE_PREPARE", default=True),
        keep=_keep,
        behind_pgbouncer=DATABASE_PGBOUNCER,
    )
}
# A streaming replica of that database, for lists and exports.
DATABASE_REPLICA_URL: str | None = env.str("DATABASE_REPLICA_URL", default="") or None
if DATABASE_REPLICA_URL is not None:
    DATABASES["replica"] = replica_settings(database_url=DATABASE_REPLICA_URL, keep=_keep)
    DATABASE_ROUTERS = ["agentmessage.database.routers.PrimaryRouter"]
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

AUTH_USER_MODEL = "accounts.Operator"
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in (
        "UserAttributeSimilarityValidator",
        "MinimumLengthValidator",
        "CommonPasswordValidator",
        "NumericPasswordValidator",
    )
]
LOGIN_URL = reverse_lazy("admin:login")

DEFAULT_EXCEPTION_REPORTER_FILTER = "agentmessage.error_pages.ErrorPageFilter"

LANGUAGE_CODE = "en-us"
TIME_ZONE = "UTC"
USE_I18N = False
FORMAT_MODULE_PATH = "agentmessage.formats"
USE_TZ = True

STATIC_URL = "static/"
# Served from the packages themselves, so that there is no collectstatic step to forget.
WHITENOISE_USE_FINDERS = True
WHITENOISE_AUTOREFRESH = DEBUG
# Files that carry their version in their name never change.
WHITENOISE_IMMUTABLE_FILE_TEST = r"^/static/reference/vendor/[a-z-]+-[0-9.]+\."

# HTTPS for operators. Where a proxy ends TLS, TRUST_PROXY believes its X-Forwarded-Proto.
# /v1 is never redirected: a key that came in the clear is not made safe by asking for it again.
HTTPS = env.bool("HTTPS", default=not DEBUG)
SECURE_SSL_REDIRECT = HTTPS
SECURE_REDIRECT_EXEMPT = [r"^(?!admin/)"]
SECURE_HSTS_SECONDS = 31_536_000 if HTTPS else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = HTTPS
SESSION_COOKIE_SECURE = HTTPS
CSRF_COOKIE_SECURE = HTTPS
TRUST_PROXY = env.bool("TRUST_PROXY", default=False)
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if TRUST_PROXY else None
X_FRAME_OPTIONS = "DENY"
SILENCED_SYSTEM_CHECKS = [
    "security.W021",  # Whether a host joins the browsers' preload list is for the owner of its domain to say.
]

# A body over this many bytes is 413.
MAX_BODY_BYTES = env.int("MAX_BODY_BYTES", default=1_048_576)


def _rate(name: str, *, default: str) -> Rate | None:
    try:
        return parse_rate(env.str(name, default=default))
    except ValueError as error:
        raise ImproperlyConfigured(f"{name}: {error}") from error


# Requests of one key, and wrong keys from one address. None: unlimited. Counted in PostgreSQL, or in Redis.
THROTTLE_RATE = _rate("THROTTLE_RATE", default="")
THROTTLE_UNAUTHORIZED_RATE = _rate("THROTTLE_UNAUTHORIZED_RATE", default="100/min")
REDIS_URL: str | None = env.str("REDIS_URL", default="") or None

# The carrier that hears of attachments, and how fast it may be asked: requests a second (0: no limit) and orders that
# are open there at once (0: no limit), for all workers together. Unset: what the adapter's carrier is known to bear.
CARRIER_URL: str = env.str("CARRIER_URL", default="simulated://")
CARRIER_REQUESTS_PER_SECOND: float | None = env.float("CARRIER_REQUESTS_PER_SECOND", default=None)
CARRIER_OPEN_ORDERS: int | None = env.int("CARRIER_OPEN_ORDERS", default=None)


def _webhook_credentials() -> str | None:
    """`user:password`, which Bandwidth is told in its subscription; None: its webhook is off."""
    given: str = env.str("CARRIER_WEBHOOK_CREDENTIALS", default="")
    user, _, password = given.partition(":")
    if given and not (user and password):
        raise ImproperlyConfigured("CARRIER_WEBHOOK_CREDENTIALS must be user:password.")
    return given or None


def _telnyx_public_key() -> bytes | None:
    """The key of 32 bytes by which Telnyx's webhooks are checked; None: its webhook is off."""
    try:
        key = base64.b64decode(env.str("TELNYX_PUBLIC_KEY", default=""), validate=True)
    except ValueError:
        key = b"?"
    if key and len(key) != 32:
        raise ImproperlyConfigured("TELNYX_PUBLIC_KEY must be the account's public key: 32 bytes in base64.")
    return key or None


CARRIER_WEBHOOK_CREDENTIALS = _webhook_credentials()
TELNYX_PUBLIC_KEY = _telnyx_public_key()
# After so many attempts that the carrier could not take, a propagation has failed: some six hours with these delays.
PROPAGATION_MAX_ATTEMPTS: int = env.int("PROPAGATION_MAX_ATTEMPTS", default=16)
# For so long after a lost answer, "no such order" is not believed: the carrier may still be at it.
PROPAGATION_SETTLE_SECONDS: float = env.float("PROPAGATION_SETTLE_SECONDS", default=30.0)
# A worker that is not heard of for so long is taken for dead, and another one goes on with its order.
PROPAGATION_LEASE_SECONDS: float = env.float("PROPAGATION_LEASE_SECONDS", default=90.0)
# In one run, reconciliation takes at most this share of an organization's numbers off campaigns (and one at least).
RECONCILE_MAX_DETACH_SHARE: float = env.float("RECONCILE_MAX_DETACH_SHARE", default=0.05)

# Jobs are found by their worker through LISTEN, and by polling where a NOTIFY was lost.
PROCRASTINATE_WORKER_DEFAULTS = {"concurrency": 8, "delete_jobs": "successful"}

# Pages of these origins may call /v1 from a browser. They send the key themselves: no cookie is let through.
CORS_ALLOWED_ORIGINS: list[str] = env.list("CORS_ORIGINS", default=[])
CORS_URLS_REGEX = r"^/v1(?:/|$)"
CORS_ALLOW_METHODS = ["GET", "HEAD", "OPTIONS", "POST", "PATCH", "DELETE"]
CORS_ALLOW_HEADERS = ["authorization", "content-type", "if-none-match"]
CORS_EXPOSE_HEADERS = [
    "X-Request-Id",
    "RateLimit-Limit",
    "RateLimit-Remaining",
    "RateLimit-Reset",
    "Retry-After",
    "ETag",
]

REST_FRAMEWORK = {
    # Every view below /v1 is a TenantView, which names its own; a view that is none is open to nobody.
    "DEFAULT_AUTHENTICATION_CLASSES": [],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAdminUser"],
    "DEFAULT_PARSER_CLASSES": ["agentmessage.api.bodies.JSONParser"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_CONTENT_NEGOTIATION_CLASS": "agentmessage.api.bodies.AlwaysJSON",
    "EXCEPTION_HANDLER": "agentmessage.api.errors.render_exception",
    "DEFAULT_SCHEMA_CLASS": "agentmessage.api.openapi.OperationSchema",
    "UNAUTHENTICATED_USER": None,
    "URL_FORMAT_OVERRIDE": None,
}

SPECTACULAR_SETTINGS = {
    "OAS_VERSION": "3.1.0",
    "TITLE": "AgentMessage numbers",
    "VERSION": "1",
    "DESCRIPTION": (
        "Which 10DLC campaign each phone number sends under: correct at every moment, pushed to the carrier, explained "
        "when it fails.\n\n"
        'Every answer is `{"success": true, "data": …}` or `{"success": false, "error": {"code", "message", '
        '"request_id"}}`, and carries `X-Request-Id`. A method that a route does not know is 405 `METHOD_NOT_ALLOWED`; '
        "a route that does not exist is 404 `NOT_FOUND`. Times are RFC 3339 in UTC, ids are UUIDs."
    ),
    "SERVERS": [{"url": "/", "description": "This service"}],
    "TAGS": [
        {"name": "Phone numbers", "description": "The numbers of your organization."},
        {"name": "Campaign of a number", "description": "Attach, detach, and where the carrier stands."},
        {"name": "Campaigns", "description": "What your brands are registered to send."},
        {"name": "Brands", "description": "The businesses that are registered with The Campaign Registry."},
        {"name": "API keys", "description": "Who may call, and what for."},
    ],
    "POSTPROCESSING_HOOKS": ["agentmessage.api.openapi.name_path_ids", "agentmessage.api.openapi.add_components"],
    "ENUM_GENERATE_CHOICE_DESCRIPTION": False,
    "SORT_OPERATIONS": False,
}

UNFOLD = {
    "SITE_TITLE": "AgentMessage numbers",
    "SITE_HEADER": "AgentMessage numbers",
    "SITE_SYMBOL": "sim_card",
    "SHOW_HISTORY": True,
    "SHOW_VIEW_ON_SITE": False,
}

# What a scrape of /metrics must say; without it there is no such page.
METRICS_TOKEN: str | None = env.str("METRICS_TOKEN", default="") or None

LOG_LEVEL = env.str("LOG_LEVEL", default="INFO")
LOGGING_CONFIG = None
configure_logging(level=LOG_LEVEL)
