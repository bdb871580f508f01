"""The database schema and the service accounts, made by the portal's own commands."""

from __future__ import annotations

import os
import sys

import pymysql

from voice_lab import commands
from voice_lab.context import Lab
from voice_lab.services import database

REQUIRES = ("database",)
PACKAGES: tuple[str, ...] = ()


def install() -> None:
    """Nothing beyond the packages."""


def start(lab: Lab) -> None:
    """Make the service accounts, then the tables with everyone's rights to them."""
    passwords = {f"VOICE_{name.upper()}_PASSWORD": lab.passwords[f"mysql-{name}"] for name in database.ACCOUNTS}
    manage(lab, "admin", "service_accounts", **passwords)
    manage(lab, "owner", "migrate_once")


def healthy(lab: Lab) -> bool:
    """Tell whether the SIP host's account can read the plan."""
    try:
        with database.connect(lab, "sip") as connection, connection.cursor() as cursor:
            cursor.execute("SELECT COUNT(*) FROM voice_probe")
    except pymysql.MySQLError:
        return False
    return True


def stop(lab: Lab) -> None:
    """Nothing runs."""


def manage(lab: Lab, account: str, *command: str, **env: str) -> None:
    """Run one of the portal's management commands, logged in to the database as `account`."""
    run(lab, account, "django", *command, **env)


def run(lab: Lab, account: str, *module: str, **env: str) -> str:
    """Run a module as a program in the portal's environment, logged in to the database as `account`; what it prints."""
    settings = {
        "PATH": os.environ["PATH"],
        "PYTHONDONTWRITEBYTECODE": "1",
        "DJANGO_SETTINGS_MODULE": "voice_portal.config.settings",
        **database.environment(lab, account),
        "VOICE_PORTAL_URL": lab.portal_url,
        "VOICE_GRAFANA_URL": lab.grafana_url,
        "VOICE_GRAFANA_JWT_KEY_FILE": str(lab.folder / "pki" / "portal.key"),
        "VOICE_PORTAL_SECRET_KEY": lab.passwords["portal-key"],
    }
    return commands.run([sys.executable, "-m", *module], env={**settings, **env}, seconds=120)
