"""Django as the portal's tests set it up: once in a process, whichever of them comes first."""

import os
from unittest import mock

import django
from django.conf import settings

ENVIRONMENT = {
    "DJANGO_SETTINGS_MODULE": "voice_portal.config.settings",
    "VOICE_MYSQL_HOST": "mysql.invalid",
    "VOICE_MYSQL_USER": "voice_portal",
    "VOICE_MYSQL_PASSWORD": "not used",
    "VOICE_GRAFANA_URL": "http://grafana.invalid/grafana",
    "VOICE_PORTAL_URL": "http://testserver",
    "VOICE_PORTAL_SECRET_KEY": "a secret for tests only, long enough to be accepted",
    "VOICE_GRAFANA_JWT_KEY_FILE": "/nonexistent/key.pem",
}


def set_up() -> None:
    """Load the portal's settings; its database is put in place by the tests that have one."""
    if not settings.configured:
        with mock.patch.dict(os.environ, ENVIRONMENT):
            django.setup()
