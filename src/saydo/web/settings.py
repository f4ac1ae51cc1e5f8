"""Settings of the application, all from the environment; the defaults run a whole company on one machine.

- ``SAYDO_HOME``: the folder of everything that this installation keeps (database, facts, uploads, secret); by default
  ``saydo`` in the working folder.
- ``DATABASE_URL``: ``postgresql://user@host/name``; by default an SQLite file in the home.
- ``SAYDO_HOSTS``: the names under which it is reached, with commas. Any but ``localhost`` switches to HTTPS only,
  unless ``SAYDO_INSECURE=1`` says that a proxy or a closed network sees to that.
- ``SAYDO_PROXIES``: how many proxies of yours stand before it and say in ``X-Forwarded-For`` who asks; by default one
  with HTTPS, else none.
- ``SAYDO_SECRET_KEY``: signs sessions; by default made once and kept in the home.
- ``SAYDO_MAIL_URL``: ``smtp://user:password@host:587/?tls=1``; by default letters are written into the home.
- ``SAYDO_MAIL_FROM``: the address that letters come from.
- ``SAYDO_LOG_LEVEL``: ``INFO`` by default; ``WARNING`` says less, ``DEBUG`` more.
- ``SAYDO_COLLECTED=1``: static files were compressed and named by their content; set by ``saydo serve`` itself.
- ``SAYDO_API_RATE``: how often a key or person may ask the API in a minute; by default 600.
- ``SAYDO_HOOKS_PRIVATE=1``: webhooks may be sent to addresses of your own network, and without HTTPS.
- ``SAYDO_ADDRESS``: where people find it, as letters tell it; by default the first host.
- ``SAYDO_WEB_DEBUG=1``: Django's own error pages, for development alone.
"""

from __future__ import annotations

import os
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit

import dj_database_url

from saydo.errors import AnyHost
from saydo.language import LANGUAGES as SPOKEN
from saydo.web.home import find_home, find_secret_key

HOME = find_home()
DEBUG = os.environ.get("SAYDO_WEB_DEBUG") == "1"
SECRET_KEY = os.environ.get("SAYDO_SECRET_KEY") or find_secret_key(HOME)
ALLOWED_HOSTS = [host.strip() for host in os.environ.get("SAYDO_HOSTS", "localhost,127.0.0.1,[::1]").split(",")]
if "*" in ALLOWED_HOSTS:
    raise AnyHost
_IS_LOCAL = set(ALLOWED_HOSTS) <= {"localhost", "127.0.0.1", "[::1]"}
IS_SECURE = not _IS_LOCAL and os.environ.get("SAYDO_INSECURE") != "1"
ADDRESS = os.environ.get("SAYDO_ADDRESS") or (
    "http://localhost:8000" if _IS_LOCAL else f"{'https' if IS_SECURE else 'http'}://{ALLOWED_HOSTS[0]}"
)

INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django_htmx",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "saydo.web.accounts",
    "saydo.web.customers",
    "saydo.web.trade",
    "saydo.web.promises",
    "saydo.web.voice",
    "saydo.web.care",
    "saydo.web.hooks",
    "saydo.web.loads",
    "saydo.web.desk",
    "saydo.web.insight",
    "saydo.web.alerts",
    "saydo.web.today",
    "saydo.web",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "csp.middleware.CSPMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "saydo.web.middleware.speak",
    "allauth.account.middleware.AccountMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "saydo.web.middleware.tell_errors",
    "saydo.web.rights.Guard",
]

ROOT_URLCONF = "saydo.web.urls"
WSGI_APPLICATION = "saydo.web.wsgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [Path(__file__).parent / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "builtins": ["saydo.web.templatetags.words", "django.templatetags.static"],
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "saydo.web.rights.in_pages",
            ],
        },
    }
]

# The database

DATABASE_URL = os.environ.get("DATABASE_URL") or f"sqlite:///{HOME / 'saydo.sqlite3'}"
DATABASES = {"default": dj_database_url.parse(DATABASE_URL, conn_max_age=None, conn_health_checks=True)}
IS_SQLITE = DATABASES["default"]["ENGINE"].endswith("sqlite3")
if IS_SQLITE:
    DATABASES["default"]["OPTIONS"] = {
        "transaction_mode": "IMMEDIATE",  # a writer waits its turn at the start, and is not refused in the middle
        "timeout": 20,
        "init_command": (
            "PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL;"
            "PRAGMA secure_delete = FAST;"  # what is deleted in a page that is written anyway leaves no letters there
        ),
    }
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
FACTS = HOME / "facts"  # the columnar copy, without identities

# People who work here

AUTH_USER_MODEL = "accounts.User"
AUTHENTICATION_BACKENDS = ["allauth.account.auth_backends.AuthenticationBackend"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in ("UserAttributeSimilarityValidator", "CommonPasswordValidator", "NumericPasswordValidator")
] + [
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 12}},
]
PASSWORD_HASHERS = ["django.contrib.auth.hashers.ScryptPasswordHasher"]
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "/"
ACCOUNT_ADAPTER = "saydo.web.accounts.adapter.Adapter"
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*"]
ACCOUNT_USER_MODEL_USERNAME_FIELD = None
ACCOUNT_EMAIL_VERIFICATION = "none"  # administrators invite people; nobody signs up
ACCOUNT_LOGOUT_ON_GET = False
ACCOUNT_PREVENT_ENUMERATION = True
ACCOUNT_SESSION_REMEMBER = True  # until SESSION_COOKIE_AGE, without asking
ACCOUNT_EMAIL_UNKNOWN_ACCOUNTS = False  # nobody gets a letter because somebody typed their address
ACCOUNT_EMAIL_NOTIFICATIONS = True  # a changed password or second factor is told to its owner
ACCOUNT_EMAIL_SUBJECT_PREFIX = ""
ACCOUNT_RATE_LIMITS = {"login_failed": "5/5m/key,20/5m/ip"}  # five wrong passwords lock the address for five minutes
MFA_SUPPORTED_TYPES = ["totp", "recovery_codes"]
MFA_TOTP_ISSUER = "Saydo"
MFA_TOTP_TOLERANCE = 1  # a telephone's clock may be half a minute off
MFA_ALLOW_UNVERIFIED_EMAIL = True  # the invitation proved the address
MFA_ADAPTER = "saydo.web.accounts.adapter.FactorAdapter"
ALLAUTH_TRUSTED_PROXY_COUNT = int(os.environ.get("SAYDO_PROXIES", "1" if IS_SECURE else "0"))
CACHES = {
    "default": {  # what all processes must know alike: who has tried how often to log in
        "BACKEND": "django.core.cache.backends.db.DatabaseCache",
        "LOCATION": "cache",
        "OPTIONS": {"MAX_ENTRIES": 100_000},
    }
}

API_RATE = int(os.environ.get("SAYDO_API_RATE", "600"))
HOOKS_PRIVATE = os.environ.get("SAYDO_HOOKS_PRIVATE") == "1"

SESSION_COOKIE_AGE = 12 * 60 * 60
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = IS_SECURE
SESSION_COOKIE_SAMESITE = CSRF_COOKIE_SAMESITE = "Lax"
CSRF_COOKIE_HTTPONLY = True
CSRF_TRUSTED_ORIGINS = [f"https://{host}" for host in ALLOWED_HOSTS if not _IS_LOCAL]
ALLOWED_HOSTS += [] if _IS_LOCAL else ["127.0.0.1", "localhost"]  # probes of the machine itself ask for /health/
SECURE_SSL_REDIRECT = IS_SECURE
SECURE_REDIRECT_EXEMPT = [r"^health/$"]  # probes come from the machine itself
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if IS_SECURE and ALLAUTH_TRUSTED_PROXY_COUNT else None
SECURE_HSTS_SECONDS = 365 * 24 * 60 * 60 if IS_SECURE else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = IS_SECURE
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": ["'none'"],
        "script-src": ["'self'"],
        "style-src": ["'self'"],
        "img-src": ["'self'", "data:"],  # the code to scan for a second factor is drawn into the page
        "font-src": ["'self'"],
        "connect-src": ["'self'"],
        "form-action": ["'self'"],
        "base-uri": ["'none'"],
        "frame-ancestors": ["'none'"],
    }
}
DATA_UPLOAD_MAX_MEMORY_SIZE = 16 * 1024 * 1024
FILE_UPLOAD_HANDLERS = [
    "saydo.web.uploads.Doorkeeper",
    "django.core.files.uploadhandler.MemoryFileUploadHandler",
    "django.core.files.uploadhandler.TemporaryFileUploadHandler",
]
FILE_UPLOAD_PERMISSIONS = 0o600
FILE_UPLOAD_TEMP_DIR = str(HOME / "uploads")

# Words: one catalogue for core and pages (`saydo.language`); Django's own is for Django's own sentences

USE_I18N = True
LANGUAGE_CODE = "en"
LANGUAGES = [(code, {"en": "English", "fr": "Français"}[code]) for code in SPOKEN]
USE_TZ = True
TIME_ZONE = "UTC"

STATIC_URL = "static/"
STATIC_ROOT = HOME / "static"
_IS_COLLECTED = os.environ.get("SAYDO_COLLECTED") == "1"
WHITENOISE_USE_FINDERS = not _IS_COLLECTED
WHITENOISE_AUTOREFRESH = DEBUG
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": f"whitenoise.storage.Compressed{'Manifest' if _IS_COLLECTED else ''}StaticFilesStorage"},
}

# Letters


def _mail(url: str) -> dict[str, object]:
    """Django's settings of a mail server from one address."""
    parts, asked = urlsplit(url), parse_qs(urlsplit(url).query)
    return {
        "EMAIL_BACKEND": "django.core.mail.backends.smtp.EmailBackend",
        "EMAIL_HOST": parts.hostname or "localhost",
        "EMAIL_PORT": parts.port or 25,
        "EMAIL_HOST_USER": unquote(parts.username or ""),
        "EMAIL_HOST_PASSWORD": unquote(parts.password or ""),
        "EMAIL_USE_TLS": asked.get("tls") == ["1"],
        "EMAIL_USE_SSL": asked.get("ssl") == ["1"],
    }


SENDS_MAIL = bool(os.environ.get("SAYDO_MAIL_URL"))
if SENDS_MAIL:
    globals().update(_mail(os.environ["SAYDO_MAIL_URL"]))
else:
    EMAIL_BACKEND = "django.core.mail.backends.filebased.EmailBackend"
    EMAIL_FILE_PATH = HOME / "mail"
DEFAULT_FROM_EMAIL = os.environ.get("SAYDO_MAIL_FROM", "saydo@localhost")

# The log: one JSON object per line, without personal data (paths and keys only)

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"json": {"()": "saydo.web.logs.JsonFormatter"}},
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "json"}},
    "root": {"handlers": ["console"], "level": os.environ.get("SAYDO_LOG_LEVEL", "INFO")},
    "loggers": {
        "django.server": {"level": "WARNING"},
        "django.request": {"level": "ERROR"},
        "httpx": {"level": "WARNING"},  # it would tell the addresses of webhooks, which can hold a secret
        "httpcore": {"level": "WARNING"},
    },
}
SILENCED_SYSTEM_CHECKS: list[str] = []
