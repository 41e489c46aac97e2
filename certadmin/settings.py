"""All settings, from the environment only. `.env.example` names each."""

from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from csp.constants import NONE, SELF

from certadmin import environment

BASE_DIR = Path(__file__).resolve().parent.parent
DATA_DIR = Path(environment.text("DATA", str(BASE_DIR / "var"))).resolve()
PRODUCTION = environment.flag("PRODUCTION")
DEBUG = False

SECRET_KEY = environment.text("SECRET_KEY") or environment.secret_in(DATA_DIR / "secret-key")
KEK = environment.text("KEK")  # base64 of 32 octets; else the file
KEK_FILE = Path(environment.text("KEK_PATH", str(DATA_DIR / "key-encryption-key")))
OLD_KEK = environment.text("OLD_KEK")  # only while one replaces the other: what either opens is opened
NEW_KEK = environment.text("NEW_KEK")
MAKES_KEK = not PRODUCTION  # on the first run of the embedded mode
PKCS11_MODULE = environment.text("PKCS11_MODULE")  # the library of a token that may hold keys of authorities
PKCS11_TOKEN = environment.text("PKCS11_TOKEN")  # its label
PKCS11_PIN = environment.text("PKCS11_PIN")

PUBLIC_URL = environment.text("PUBLIC_URL", "http://127.0.0.1:8000").rstrip("/")
ALLOWED_HOSTS = environment.words("ALLOWED_HOSTS") or [
    urlsplit(PUBLIC_URL).hostname or "127.0.0.1",
    "127.0.0.1",
    "localhost",
]
CSRF_TRUSTED_ORIGINS = [PUBLIC_URL]

INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.humanize",
    "django_htmx",
    "django_filters",
    "allauth",
    "allauth.account",
    "rules.apps.AutodiscoverRulesConfig",
    "csp",
    "core",
    "audit",
    "outbox",
    "keys",
    "accounts",
    "cas",
    "gateways",
    "certificates",
    "trust",
    "alerts",
    "certadmin",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "certadmin.api_gate.ApiMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "csp.middleware.CSPMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "core.middleware.BodyLimitMiddleware",
    "core.middleware.RefusalMiddleware",
]

ROOT_URLCONF = "certadmin.urls"
WSGI_APPLICATION = "certadmin.wsgi.application"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": False,
        "OPTIONS": {
            "builtins": ["core.templatetags.ui", "django.templatetags.static"],
            "loaders": [
                (
                    "django.template.loaders.cached.Loader",
                    [
                        "django.template.loaders.filesystem.Loader",
                        "django.template.loaders.app_directories.Loader",
                    ],
                )
            ],
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "certadmin.frame.frame",
            ],
        },
    }
]
del TEMPLATES[0]["APP_DIRS"]
FORM_RENDERER = "django.forms.renderers.DjangoTemplates"

DATABASES = {
    "default": environment.database(environment.text("DATABASE_URL") or f"sqlite:///{DATA_DIR / 'certadmin.sqlite3'}")
}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# rate limits must hold across web processes and survive a broker that is down, so they lie in the database;
# "process" is for counts that a rolled back transaction must not take back
CACHES = {
    "default": {
        "BACKEND": "django.core.cache.backends.db.DatabaseCache",
        "LOCATION": "cache",
        "OPTIONS": {"MAX_ENTRIES": 100_000},
    },
    "process": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"},
}

AUTH_USER_MODEL = "accounts.User"
AUTHENTICATION_BACKENDS = [
    "rules.permissions.ObjectPermissionBackend",
    "allauth.account.auth_backends.AuthenticationBackend",
]
PASSWORD_HASHERS = ["django.contrib.auth.hashers.Argon2PasswordHasher"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 12}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
ADMIN_EMAIL = environment.text("ADMIN_EMAIL")  # the first operator, where there is none yet
ADMIN_PASSWORD = environment.text("ADMIN_PASSWORD")
DEMO_PASSWORD = environment.text("DEMO_PASSWORD")  # of the demonstration's people; else random, printed once
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "overview"
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*"]
ACCOUNT_USER_MODEL_USERNAME_FIELD = None
ACCOUNT_ADAPTER = "accounts.adapter.AccountAdapter"
ACCOUNT_EMAIL_VERIFICATION = "none"
ACCOUNT_LOGOUT_REDIRECT_URL = "account_login"
ACCOUNT_PREVENT_ENUMERATION = True
ACCOUNT_SESSION_REMEMBER = False
ACCOUNT_LOGIN_ON_PASSWORD_RESET = False
ACCOUNT_EMAIL_UNKNOWN_ACCOUNTS = True  # costs the same work; the adapter sends nothing
ACCOUNT_RATE_LIMITS = {
    "login": "30/m/ip",
    "login_failed": "20/m/ip,5/5m/key",
    "reset_password": "10/m/ip,3/10m/key",
    "reset_password_from_key": "20/m/ip",
}
ALLAUTH_TRUSTED_PROXY_COUNT = environment.number("TRUSTED_PROXIES", 0)  # whose X-Forwarded-For rate limits believe
PASSWORD_RESET_TIMEOUT = 3600
SESSION_COOKIE_AGE = 12 * 3600
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
REAUTHENTICATE_AFTER = 15 * 60  # seconds, before a private key is handed out

LANGUAGE_CODE = "en-gb"
USE_I18N = False
USE_TZ = True
TIME_ZONE = "UTC"

STATIC_URL = "/static/"
STATICFILES_DIRS = [BASE_DIR / "static"]
STATIC_ROOT = Path(environment.text("STATIC", str(BASE_DIR / "staticfiles")))
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.InMemoryStorage"},
    "staticfiles": {"BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"},
}
WHITENOISE_KEEP_ONLY_HASHED_FILES = True

# uploads never touch a disk, and are small
FILE_UPLOAD_HANDLERS = ["core.uploads.BoundedMemoryHandler"]
LARGE_UPLOADS = ("/gateways/import/",)  # where a file of 100 MB is taken piece by piece, into the work store
DATA_UPLOAD_MAX_MEMORY_SIZE = 3 * 1024 * 1024
DATA_UPLOAD_MAX_NUMBER_FIELDS = 500
DATA_UPLOAD_MAX_NUMBER_FILES = 20

CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [NONE],
        "script-src": [SELF],
        "style-src": [SELF],
        "img-src": [SELF, "data:"],
        "font-src": [SELF],
        "connect-src": [SELF],
        "form-action": [SELF],
        "frame-ancestors": [NONE],
        "base-uri": [NONE],
        "manifest-src": [SELF],
    }
}
X_FRAME_OPTIONS = "DENY"
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
if PUBLIC_URL.startswith("https://"):
    SECURE_SSL_REDIRECT = True
    # what is signed needs no TLS, and who checks a certificate must not need another certificate for it
    SECURE_REDIRECT_EXEMPT = [r"^healthz$", r"^crl/", r"^ocsp/"]
    SECURE_HSTS_SECONDS = 365 * 24 * 3600
    SECURE_HSTS_INCLUDE_SUBDOMAINS = True
    SECURE_HSTS_PRELOAD = True
    SESSION_COOKIE_SECURE = True
    CSRF_COOKIE_SECURE = True
    if environment.flag("BEHIND_TLS_PROXY"):
        SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")

MAIL_DIR = DATA_DIR / "mail"
METRICS_TOKEN = environment.text("METRICS_TOKEN")  # without it, production has no /metrics
SHOWS_MAILBOX = not PRODUCTION and not environment.text("SMTP_URL")  # at /dev/mail/, for people on this machine
globals().update(environment.mail(environment.text("SMTP_URL")))
DEFAULT_FROM_EMAIL = environment.text("MAIL_FROM", "certadmin@localhost")

# stores: directories below one of these roots, S3 endpoints in private ranges only where named
STORE_ROOTS = [Path(root).resolve() for root in environment.words("STORE_ROOTS")] or [DATA_DIR / "stores"]
PRIVATE_HOSTS = environment.words("PRIVATE_HOSTS")
S3_ACCESS_KEY_ID = environment.text("S3_ACCESS_KEY_ID")
S3_SECRET_ACCESS_KEY = environment.text("S3_SECRET_ACCESS_KEY")
# the first store: "directory:/path", "s3" with the settings below, or "none"
FIRST_STORE = environment.text("STORE", "none" if PRODUCTION else f"directory:{DATA_DIR / 'stores' / 'main'}")
S3_ENDPOINT = environment.text("S3_ENDPOINT")
S3_BUCKET = environment.text("S3_BUCKET")
S3_PREFIX = environment.text("S3_PREFIX")
S3_REGION = environment.text("S3_REGION", "us-east-1")
S3_PATH_STYLE = environment.flag("S3_PATH_STYLE", default=True)

REDIS_IS_EMBEDDED = not environment.text("REDIS_URL")
REDIS_SOCKET = environment.short_socket(DATA_DIR / "redis" / "redis.sock")
CELERY_BROKER_URL = environment.text("REDIS_URL") or f"redis+socket://{REDIS_SOCKET}"
CELERY_TASK_SERIALIZER = "json"
CELERY_ACCEPT_CONTENT = ["json"]
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = False
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_CONNECTION_MAX_RETRIES = None
CELERY_BROKER_TRANSPORT_OPTIONS = {
    "visibility_timeout": environment.number("VISIBILITY_TIMEOUT", 600),
    "socket_connect_timeout": 1,
    "socket_timeout": 5,
    "retry_on_timeout": False,
}
CELERY_TASK_TIME_LIMIT = 300
# how long a piece of work is held before another worker may take it, and how often the schedule looks
LEASE_SECONDS = environment.number("LEASE_SECONDS", 60)
SWEEP_SECONDS = environment.number("SWEEP_SECONDS", 20)
SEAL_SECONDS = environment.number("SEAL_SECONDS", 2)
DIGEST_ZONE = environment.zone("TIME_ZONE")  # of the hour at which people get the day's mail, unless they chose one
STORE_ALARM_MINUTES = 15  # a store that does not answer for so long is told to the operators
STORE_CHECK_SECONDS = environment.number("STORE_CHECK_SECONDS", 300)
# each entry may run twice, late or never; what it does is decided by rows. Who succeeded leaves a heartbeat by its name
CELERY_BEAT_SCHEDULE: dict[str, dict[str, Any]] = {
    "seal the audit record": {"task": "audit.tasks.seal", "schedule": SEAL_SECONDS},
    "sweep the outbox": {"task": "outbox.tasks.sweep", "schedule": SWEEP_SECONDS},
    "call the webhooks": {"task": "outbox.tasks.call_webhooks", "schedule": SWEEP_SECONDS},
    "forget old calls of webhooks": {"task": "outbox.tasks.forget_webhooks", "schedule": 24 * 3600},
    "sweep requests": {"task": "certificates.tasks.sweep", "schedule": SWEEP_SECONDS},
    "destroy keys that were handed over": {"task": "certificates.tasks.destroy_keys", "schedule": 600},
    "sweep imports": {"task": "gateways.tasks.sweep_imports", "schedule": SWEEP_SECONDS},
    "sweep lists of revoked certificates": {"task": "cas.tasks.sweep_lists", "schedule": SWEEP_SECONDS},
    "renew certificates": {"task": "certificates.tasks.renew", "schedule": 6 * 3600},
    "sweep publications": {"task": "trust.tasks.sweep", "schedule": SWEEP_SECONDS},
    "check the stores": {"task": "trust.tasks.check_stores", "schedule": STORE_CHECK_SECONDS},
    "ask the clusters": {"task": "trust.tasks.ask_clusters", "schedule": STORE_CHECK_SECONDS},
    "forget old answers of the API": {"task": "accounts.tasks.forget_answers", "schedule": 3600},
    "count large fleets": {"task": "certadmin.tasks.count_fleets", "schedule": 300},
    "send due notices": {"task": "alerts.tasks.send_due_notices", "schedule": 3600},
    "send digests": {"task": "alerts.tasks.send_digests", "schedule": 300},
}
RELEASES_KEPT = environment.number("RELEASES_KEPT", 10)  # of each group, in a store: what one can return to at once
LOSS_SHARE = environment.number("LOSS_PERCENT", 1) / 100  # of the gateways; more off the air asks a second operator
GATEWAYS_PER_DAY = environment.number("GATEWAYS_PER_DAY", 500)  # that one vendor may register or claim
MAX_OPEN_REQUESTS = environment.number("MAX_OPEN_REQUESTS", 1000)  # that one vendor may have undecided or unfinished
API_CALLS_PER_MINUTE = environment.number("API_CALLS_PER_MINUTE", 3000)  # with one token, over all web processes
CRL_HOURS = environment.number("CRL_HOURS", 168)  # life of a list of revoked certificates; renewed at its half
KEY_DAYS = 7  # how long a key made here waits for its holder
LOG_LEVEL = environment.text("LOG_LEVEL", "INFO")
DEFAULT_EXCEPTION_REPORTER_FILTER = "core.reports.ReportFilter"
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"()": "core.logs.Formatter"}},
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["stderr"], "level": LOG_LEVEL},
    "loggers": {
        # a line per task would hide what matters: the record is sealed every two seconds
        "celery": {"level": "WARNING"},
        "kombu": {"level": "WARNING"},
    },
}
