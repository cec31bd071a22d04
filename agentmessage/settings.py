"""Django settings. `agentmessage.environment` declares what comes from the environment or `.env`."""

from pathlib import Path

from django.core.exceptions import ImproperlyConfigured
from django.urls import reverse_lazy

from agentmessage.db.configuration import COMMAND_TIMEOUTS, database_settings
from agentmessage.environment import env
from agentmessage.logs import configure_logging

BASE_DIR = Path(__file__).resolve().parent.parent
env.load(BASE_DIR / ".env")

DEBUG = env.DEBUG
DATABASE_URL = env.DATABASE_URL
if env.SECRET_KEY is None:
    raise ImproperlyConfigured("Set SECRET_KEY in the environment or in .env (`make run` needs none).")
SECRET_KEY = env.SECRET_KEY
ALLOWED_HOSTS = env.ALLOWED_HOSTS
CSRF_TRUSTED_ORIGINS = env.CSRF_TRUSTED_ORIGINS

INSTALLED_APPS = [
    "procrastinate.contrib.django",
    "agentmessage.apps.AgentMessageConfig",
    "console",
    "inventory",
    "propagation.apps.PropagationConfig",
    "phone_numbers.apps.PhoneNumbersConfig",
    "campaigns",
    "brands",
    "accounts",
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

# The middleware below ServePrograms is for browsers: API requests do not reach it.
MIDDLEWARE = [
    "agentmessage.api.middleware.RequestMiddleware",
    "agentmessage.api.middleware.CorsMiddleware",
    "agentmessage.api.middleware.ServePrograms",
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

DATABASE_PGBOUNCER = env.DATABASE_PGBOUNCER
# None: unlimited.
DATABASE_LOCK_WAITERS = None if env.is_command else env.DATABASE_LOCK_WAITERS
DATABASE_BULK_STATEMENT_TIMEOUT = env.DATABASE_BULK_STATEMENT_TIMEOUT
DATABASES = {
    "default": database_settings(
        database_url=DATABASE_URL,
        persistent=env.DATABASE_PERSISTENT,
        prepare=env.DATABASE_PREPARE,
        behind_pgbouncer=DATABASE_PGBOUNCER,
        timeouts=COMMAND_TIMEOUTS
        if env.is_command
        else {
            "lock_timeout": env.DATABASE_LOCK_TIMEOUT,
            "statement_timeout": env.DATABASE_STATEMENT_TIMEOUT,
            "idle_in_transaction_session_timeout": env.DATABASE_IDLE_TIMEOUT,
        },
    )
}
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
LOGIN_REDIRECT_URL = reverse_lazy("admin:index")

DEFAULT_EXCEPTION_REPORTER_FILTER = "agentmessage.logs.ErrorPageFilter"

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
HTTPS = not DEBUG if env.HTTPS is None else env.HTTPS
SECURE_SSL_REDIRECT = HTTPS
SECURE_REDIRECT_EXEMPT = [r"^(?!admin/)"]
SECURE_HSTS_SECONDS = 31_536_000 if HTTPS else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = env.HSTS_INCLUDE_SUBDOMAINS
SESSION_COOKIE_SECURE = HTTPS
CSRF_COOKIE_SECURE = HTTPS
TRUST_PROXY = env.TRUST_PROXY
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if TRUST_PROXY else None
X_FRAME_OPTIONS = "DENY"
SILENCED_SYSTEM_CHECKS = [
    "security.W005",  # Other services below the same domain may not have HTTPS: HSTS_INCLUDE_SUBDOMAINS is opt-in.
    "security.W021",  # Whether a host joins the browsers' preload list is for the owner of its domain to say.
]

MAX_BODY_BYTES = env.MAX_BODY_BYTES
# Of the admin. A larger file is not written to the disk.
FILE_UPLOAD_HANDLERS = ["console.uploads.LimitedUpload"]

# None: unlimited.
THROTTLE_RATE = env.THROTTLE_RATE
THROTTLE_UNAUTHORIZED_RATE = env.THROTTLE_UNAUTHORIZED_RATE

# The accounts at carriers, by name.
CARRIERS = env.CARRIERS or {"default": env.CARRIER_URL}
# None: the default limits of the carrier's adapter.
CARRIER_REQUESTS_PER_SECOND = env.CARRIER_REQUESTS_PER_SECOND
CARRIER_OPEN_ORDERS = env.CARRIER_OPEN_ORDERS

# None: the carrier's webhook is off.
CARRIER_WEBHOOK_CREDENTIALS = env.CARRIER_WEBHOOK_CREDENTIALS
TELNYX_PUBLIC_KEY = env.TELNYX_PUBLIC_KEY

PROPAGATION_MAX_ATTEMPTS = env.PROPAGATION_MAX_ATTEMPTS
PROPAGATION_SETTLE_SECONDS = env.PROPAGATION_SETTLE_SECONDS
PROPAGATION_LEASE_SECONDS = env.PROPAGATION_LEASE_SECONDS
PROPAGATION_ORDER_DAYS = env.PROPAGATION_ORDER_DAYS
PROPAGATION_APPROVAL_DAYS = env.PROPAGATION_APPROVAL_DAYS
PROPAGATION_DETACH_DAYS = env.PROPAGATION_DETACH_DAYS

CAMPAIGN_NUMBER_LIMIT = env.CAMPAIGN_NUMBER_LIMIT
ENFORCE_CAMPAIGN_LIMIT = env.ENFORCE_CAMPAIGN_LIMIT
ATTACH_NUMBER_TYPES = env.ATTACH_NUMBER_TYPES

# Jobs are found by their worker through LISTEN, and by polling where a NOTIFY was lost.
PROCRASTINATE_WORKER_DEFAULTS = {"concurrency": 8, "delete_jobs": "successful"}

# Pages of these origins may call /v1 from a browser. They send the key themselves: no cookie is let through.
CORS_ALLOWED_ORIGINS = env.CORS_ORIGINS
CORS_URLS_REGEX = r"^/v1(?:/|$)"
CORS_ALLOW_METHODS = ["GET", "HEAD", "OPTIONS", "POST", "PATCH", "DELETE"]
CORS_ALLOW_HEADERS = ["authorization", "content-type", "if-match", "if-none-match", "if-unmodified-since"]
CORS_EXPOSE_HEADERS = [
    "X-Request-Id",
    "RateLimit-Limit",
    "RateLimit-Remaining",
    "RateLimit-Reset",
    "Retry-After",
    "ETag",
    "X-Next-Cursor",
]

REST_FRAMEWORK = {
    # Every view below /v1 is a TenantView, which names its own; any other view is closed.
    "DEFAULT_AUTHENTICATION_CLASSES": [],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAdminUser"],
    "DEFAULT_PARSER_CLASSES": ["agentmessage.api.requests.JSONParser"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_CONTENT_NEGOTIATION_CLASS": "agentmessage.api.requests.AlwaysJSON",
    "EXCEPTION_HANDLER": "agentmessage.api.errors.render_exception",
    "DEFAULT_SCHEMA_CLASS": "agentmessage.api.schema.ApiSchema",
    "UNAUTHENTICATED_USER": None,
    "URL_FORMAT_OVERRIDE": None,
}

SPECTACULAR_SETTINGS = {
    "OAS_VERSION": "3.1.0",
    "TITLE": "AgentMessage numbers",
    "VERSION": "1",
    "DESCRIPTION": (
        "Attach 10DLC campaigns to phone numbers: consistent at any time, propagated to the carrier, with an "
        "explanation of each failure.\n\n"
        'Every response is `{"success": true, "data": …}` or `{"success": false, "error": {"code", "message", '
        '"request_id"}}`, and carries `X-Request-Id`. A method that a route does not support is 405 '
        "`METHOD_NOT_ALLOWED`; an unknown route is 404 `NOT_FOUND`. Times are RFC 3339 in UTC, IDs are UUIDs."
    ),
    "SERVERS": [{"url": "/", "description": "This service"}],
    "TAGS": [
        {"name": "Phone numbers", "description": "The numbers of your organization."},
        {"name": "Campaign of a number", "description": "Attach, detach, and the carrier's status."},
        {"name": "Campaigns", "description": "The registered campaigns of your brands."},
        {"name": "Brands", "description": "The businesses registered with The Campaign Registry."},
        {"name": "API keys", "description": "Keys and their scopes."},
    ],
    "POSTPROCESSING_HOOKS": ["agentmessage.api.schema.name_path_ids", "agentmessage.api.schema.add_components"],
    "ENUM_GENERATE_CHOICE_DESCRIPTION": False,
    "SORT_OPERATIONS": False,
}

# Unfold would keep what the command palette finds for five minutes, past a change and past a lost permission.
CACHES = {"default": {"BACKEND": "django.core.cache.backends.dummy.DummyCache"}}

UNFOLD = {
    "SITE_TITLE": "AgentMessage numbers",
    "SITE_HEADER": "AgentMessage numbers",
    "SITE_ICON": "console.navigation.mark",
    "SITE_FAVICONS": [{"rel": "icon", "type": "image/svg+xml", "href": "console.navigation.mark"}],
    "STYLES": ["console.navigation.stylesheet"],
    "SCRIPTS": ["console.navigation.script"],
    # Shades of the reference page's color, which is 600; its dark theme's is 400.
    "COLORS": {
        "primary": {
            "50": "#eefaf5",
            "100": "#d3f1e5",
            "200": "#aae2ce",
            "300": "#82d4b8",
            "400": "#5cc8a8",
            "500": "#28a486",
            "600": "#0e7a63",
            "700": "#0b6552",
            "800": "#0b5143",
            "900": "#0a4338",
            "950": "#05261f",
        },
    },
    "SIDEBAR": {
        "show_search": True,
        "command_search": True,
        "navigation": "console.navigation.navigation",
    },
    "COMMAND": {"search_callback": "console.search.search"},
    "SHOW_HISTORY": True,
    "SHOW_VIEW_ON_SITE": False,
}

METRICS_TOKEN = env.METRICS_TOKEN

LOG_LEVEL = env.LOG_LEVEL
LOGGING_CONFIG = None
configure_logging(level=LOG_LEVEL)
