"""Somebody who is signed in at a lab's portal without a provider, for tests and benchmarks of everything behind that.

User and session are made in the database, by Django itself and as a sign-in leaves them; the portal has no such door.
It runs as a program of its own, in the portal's environment: `add LOGIN [--staff] [GROUP …]` makes the user, `session
LOGIN` prints the cookie of a new session.
"""

from __future__ import annotations

import argparse
import sys

import django

PROVIDER = "corp"
"""Whose groups they are: the provider that the examples' VoiceClients name."""


def group(client: str, role: str) -> str:
    """Return the group that opens a client in the examples, and in tests; `role`: engineer or viewer."""
    return f"{client}-voice-{role}s"


def main() -> None:
    """Do what the command line says."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=("add", "session"))
    parser.add_argument("login")
    parser.add_argument("groups", nargs="*", metavar="GROUP")
    parser.add_argument("--staff", action="store_true")
    asked = parser.parse_args()
    django.setup()
    if asked.what == "add":
        _add(asked.login, asked.groups, is_staff=asked.staff)
    else:
        sys.stdout.write(_session(asked.login))


def _add(login: str, groups: list[str], *, is_staff: bool) -> None:
    # Only now: Django's models need its settings.
    from django.contrib.auth.models import User  # noqa: PLC0415

    from voice_portal.accounts.models import Membership  # noqa: PLC0415

    user, _ = User.objects.update_or_create(username=_name(login), defaults={"is_staff": is_staff})
    Membership.objects.filter(user=user).delete()
    rows = [Membership(user=user, provider=PROVIDER, group_name=name) for name in groups]
    Membership.objects.bulk_create(rows)


def _session(login: str) -> str:
    from django.conf import settings  # noqa: PLC0415
    from django.contrib.auth.models import User  # noqa: PLC0415
    from django.test import Client  # noqa: PLC0415

    browser = Client()
    browser.force_login(User.objects.get(username=_name(login)))
    return browser.cookies[settings.SESSION_COOKIE_NAME].value


def _name(login: str) -> str:
    return f"insider/{login}"


if __name__ == "__main__":
    main()
