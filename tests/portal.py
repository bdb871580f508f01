"""Django as the portal's tests set it up: once in a process, whichever of them comes first; and people in it.

A client's access in tests is as in the examples: the provider `corp` has the groups `<client>-voice-engineers` and
`<client>-voice-viewers`.
"""

import json
import os
import re
import uuid
from collections.abc import Mapping
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


def database_of(env: Mapping[str, str]) -> dict[str, object]:
    """Django's settings of a database whose VOICE_MYSQL_* settings are `env`."""
    from django.db import connection

    return {
        "HOST": env["VOICE_MYSQL_HOST"],
        "PORT": int(env["VOICE_MYSQL_PORT"]),
        "NAME": env["VOICE_MYSQL_DATABASE"],
        "USER": env["VOICE_MYSQL_USER"],
        "PASSWORD": env["VOICE_MYSQL_PASSWORD"],
        "OPTIONS": {**connection.settings_dict["OPTIONS"], "ssl": {"ca": env["VOICE_MYSQL_TLS_CA"]}},
    }


def set_up() -> None:
    """Load the portal's settings; its database is put in place by the tests that have one."""
    if not settings.configured:
        with mock.patch.dict(os.environ, ENVIRONMENT):
            django.setup()


PROVIDER = "corp"


def group(client, role="engineer"):
    """The provider's group whose members have that role in `client`."""
    return f"{client}-voice-{role}s"


def access(client):
    """What stands in `voice_client.access` of a client that both groups open."""
    rights = [{"provider": PROVIDER, "group": group(client, role), "role": role} for role in ("engineer", "viewer")]
    return json.dumps(rights)


def make_user(*clients, role="engineer", is_staff=False):
    """Somebody new, as a sign-in leaves them: with that role in each of `clients`, or of the staff."""
    from django.contrib.auth.models import User

    from voice_portal.accounts.models import Membership

    user = User.objects.create(username=f"{PROVIDER}/u-{uuid.uuid4().hex[:12]}", is_staff=is_staff)
    groups = [Membership(user=user, provider=PROVIDER, group_name=group(client, role)) for client in clients]
    Membership.objects.bulk_create(groups)
    return user


def foreign_scripts(page):
    """The script elements of a page beside the portal's own two: whatever text of others may have become."""
    own = ("/static/django_htmx/htmx-2.min.js", "/static/voice_portal/live.js")
    found = re.findall(r"<script\b[^>]*>", page, re.IGNORECASE)
    return [tag for tag in found if tag not in {f'<script src="{path}" defer>' for path in own}]
