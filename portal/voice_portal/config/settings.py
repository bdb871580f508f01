"""Django's settings. Everything that differs between installations comes from Env; nothing else is configurable."""

import os
from typing import Any

from voice_portal.config import keys
from voice_portal.config.env import Env, InvalidEnvironment

try:
    ENV = Env.read(os.environ)
except InvalidEnvironment as error:
    # Whatever started Django ends so: with what is wrong, and without a trace.
    raise SystemExit(str(error)) from error

# Both are read again when their files changed: see config/keys.py.
SECRET_KEY, SECRET_KEY_FALLBACKS = keys.read(ENV.secret_key)
DEBUG = False
ALLOWED_HOSTS = [ENV.hostname]
CSRF_TRUSTED_ORIGINS = [ENV.portal_url]

INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.staticfiles",
    "django_htmx",  # its static files alone
    "voice_portal.cdr",
    "voice_portal.accounts",
    "voice_portal.federation",
    "voice_portal.probes",
    "voice_portal.grafana",
    "voice_portal.recordings",
    "voice_portal.reports",
]

MIDDLEWARE = [
    # First: kubelet asks with the pod's address as Host, which ALLOWED_HOSTS would refuse.
    "voice_portal.config.health.HealthMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "voice_portal.config.security.SecurityHeadersMiddleware",
    "voice_portal.config.encoding.Utf8Middleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "voice_portal.probes.live.LiveMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "voice_portal.accounts.sessions.SessionLimitsMiddleware",
    "voice_portal.federation.renewal.RenewalMiddleware",
    "django.contrib.auth.middleware.LoginRequiredMiddleware",
    "voice_portal.accounts.middleware.ClientMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]

ROOT_URLCONF = "voice_portal.config.urls"
WSGI_APPLICATION = "voice_portal.config.wsgi.application"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "voice_portal.accounts.context.client",
            ],
        },
    },
]

# Seconds. A frozen server must cost a page seconds, not a worker for ever.
_mysql_options: dict[str, Any] = {
    "charset": "utf8mb4",
    "connect_timeout": 5,
    "read_timeout": 15,
    "write_timeout": 15,
    "isolation_level": "read committed",
    # A server that is not strict by itself would cut what does not fit, and say nothing.
    "init_command": "SET sql_mode = 'STRICT_ALL_TABLES,NO_ENGINE_SUBSTITUTION'",
}
if ENV.mysql_tls_ca:
    _mysql_options["ssl"] = {"ca": str(ENV.mysql_tls_ca)}

DATABASES = {
    "default": {
        # Reads the password at each login.
        "ENGINE": "voice_portal.config.mysql",
        "HOST": ENV.mysql_host,
        "PORT": ENV.mysql_port,
        "NAME": ENV.mysql_database,
        "USER": ENV.mysql_user,
        "CONN_MAX_AGE": 300,
        "CONN_HEALTH_CHECKS": True,
        "OPTIONS": _mysql_options,
    },
}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
CACHES = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}}

AUTHENTICATION_BACKENDS = [
    "voice_portal.federation.backends.FederatedBackend",
    "voice_portal.accounts.local.LocalBackend",
]
LOGIN_URL = "accounts:login"
LOGIN_REDIRECT_URL = "probes:start"
LOGOUT_REDIRECT_URL = "accounts:login"
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 12}},
]

SESSION_COOKIE_NAME = "voice_portal_session"
# How long a session may last in all; voice_portal.accounts.sessions ends it earlier when nobody does anything.
SESSION_COOKIE_AGE = int(ENV.session_absolute.total_seconds())
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = ENV.is_https
SESSION_COOKIE_HTTPONLY = CSRF_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = CSRF_COOKIE_SAMESITE = "Lax"
X_FRAME_OPTIONS = "DENY"
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
if ENV.is_https:
    # nginx in the same pod overwrites this header on every request it passes on.
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    SECURE_HSTS_SECONDS = 365 * 24 * 3600
    SECURE_HSTS_INCLUDE_SUBDOMAINS = False

LANGUAGE_CODE = "en-gb"
USE_I18N = False
USE_TZ = True
TIME_ZONE = "UTC"

# Served by WhiteNoise straight from the package: no collectstatic step, in the lab or in an image.
STATIC_URL = "/static/"
WHITENOISE_USE_FINDERS = True

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"format": "{asctime} {levelname} {name}: {message}", "style": "{"}},
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["console"], "level": "INFO"},
    "loggers": {"django": {"handlers": [], "level": "INFO"}},
}
