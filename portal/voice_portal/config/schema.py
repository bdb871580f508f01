"""Whether the database's schema is the one that this portal was made for: the migrations that both know.

By the names of the files alone: Django's own loader would import every migration, in each process.
"""

import pkgutil
from collections.abc import Iterable
from importlib import import_module, util

from django.apps import apps
from django.db import connection

from voice_portal.config.refusals import MIGRATE, Refusal

Migrations = frozenset[tuple[str, str]]


def known() -> Migrations:
    """(app, name) of each migration that is in this portal's packages."""
    return frozenset(
        (app.label, module.name)
        for app in apps.get_app_configs()
        if util.find_spec(f"{app.name}.migrations")
        for module in pkgutil.iter_modules(import_module(f"{app.name}.migrations").__path__)
        if not module.name.startswith("_")
    )


def applied() -> Migrations:
    """(app, name) of each migration that the database has; raises DatabaseError."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT app, name FROM django_migrations")
        return frozenset((str(app), str(name)) for app, name in cursor.fetchall())


def older(code: Migrations, database: Migrations) -> Refusal | None:
    """What is to be done about a schema that lacks migrations of this portal; None: it lacks none."""
    if not (lacking := code - database):
        return None
    sentence = f"the schema is older than this portal, it lacks {named(lacking)}: {MIGRATE}"
    return Refusal("the database's schema is older than this portal", sentence)


def newer(code: Migrations, database: Migrations) -> str:
    """What there is to know of a schema with migrations that this portal has not; empty: there are none."""
    apps_ = {app for app, _ in code}
    if not (more := frozenset(one for one in database - code if one[0] in apps_)):
        return ""
    return f"the schema is newer than this portal, it has {named(more)}: bring the portal to the schema's version"


def named(migrations: Iterable[tuple[str, str]]) -> str:
    """Migrations as words, sorted; empty: there are none."""
    return ", ".join(f"{app}.{name}" for app, name in sorted(migrations))
