"""What may be wrong with MySQL and Grafana, and the sentences that are said of it."""

from __future__ import annotations

from dataclasses import dataclass

from tests.pods import told_doors
from tests.pods.told_doors import answers, says
from voice_lab.services import database


@dataclass(frozen=True)
class Refused:
    """What is wrong with the database when helm installs, and what helm says."""

    sentence: str
    statements: tuple[str, ...] = ()
    undo: tuple[str, ...] = ()
    database: str = database.SCHEMA
    password: str = ""
    away: bool = False


KEPT = "CREATE TABLE kept AS SELECT * FROM django_migrations"
PUT_BACK = ("DELETE FROM django_migrations", "INSERT INTO django_migrations SELECT * FROM kept", "DROP TABLE kept")
REFUSED = {
    "there is no such database": Refused(
        "has no such database, or none that voice_owner may use: VOICE_MYSQL_DATABASE must name it", database="another"
    ),
    "the password is wrong": Refused(
        "refuses the login of voice_owner, so password or user is wrong", password="wrong-and-secret"
    ),
    "the schema is newer": Refused(
        "Nothing was migrated: the schema is newer than this portal, it has cdr.9999_more",
        ("INSERT INTO django_migrations (app, name, applied) VALUES ('cdr', '9999_more', NOW())",),
        ("DELETE FROM django_migrations WHERE name = '9999_more'",),
    ),
    "a migration broke off half-way": Refused(
        "so accounts.0001_initial, accounts.0002_access, cdr.0001_initial, cdr.0002_access, cdr.0003_recordings,"
        " federation.0001_initial, reports.0001_initial cannot be applied: a migration broke off half-way once, or"
        " somebody changed tables by hand. Put back a back-up",
        (KEPT, "DELETE FROM django_migrations WHERE app NOT IN ('auth', 'contenttypes', 'sessions')"),
        PUT_BACK,
    ),
    "nothing listens": Refused(
        "is MySQL running there, and are VOICE_MYSQL_HOST and VOICE_MYSQL_PORT right?", away=True
    ),
}


@dataclass(frozen=True)
class Trouble:
    """What is wrong outside, and what the operator says of each server, and the portal. `undo` undoes `statements`."""

    operator: dict[str, str]
    portal: str
    mysql: told_doors.Mood | None = None
    grafana: told_doors.Mood | None = None
    is_stranger: bool = False
    statements: tuple[str, ...] = ()
    undo: tuple[str, ...] = ()


TROUBLES = {
    "MySQL has no TLS, and Grafana is a web page": Trouble(
        {
            "MySQL": "must offer TLS 1.2 or newer",
            "Grafana": "does not speak JSON, so this is not Grafana: VOICE_GRAFANA_URL must be",
        },
        "does not answer by TLS: it must offer TLS 1.2 or newer",
        says(told_doors.MYSQL_WITHOUT_TLS),
        answers(200, b"<html>Welcome</html>"),
    ),
    "MySQL is a mail server, and Grafana elsewhere": Trouble(
        {
            "MySQL": "is not MySQL: VOICE_MYSQL_HOST and",
            "Grafana": "not Grafana, or Grafana under another sub-path: VOICE_GRAFANA_URL",
        },
        "is not MySQL: VOICE_MYSQL_HOST and VOICE_MYSQL_PORT must be MySQL's own",
        says(told_doors.MAIL_SERVER),
        answers(404),
    ),
    "accounts are locked, and Grafana is a stranger's": Trouble(
        {
            "MySQL": "lets voice_operator not log in: it must be unlocked",
            "Grafana": "is not trusted: VOICE_GRAFANA_TLS_CA must hold",
        },
        "lets voice_portal not log in: it must be unlocked",
        is_stranger=True,
        statements=("ALTER USER voice_operator ACCOUNT LOCK", "ALTER USER voice_portal ACCOUNT LOCK"),
        undo=("ALTER USER voice_operator ACCOUNT UNLOCK", "ALTER USER voice_portal ACCOUNT UNLOCK"),
    ),
    "passwords were changed, and Grafana sends elsewhere": Trouble(
        {
            "MySQL": "refuses the login of voice_operator, so password or user is wrong",
            "Grafana": "must be the address that sends nowhere",
        },
        "refuses the login of voice_portal, so password or user is wrong",
        grafana=answers(302, Location="/login"),
        statements=tuple(f"ALTER USER voice_{each} IDENTIFIED BY 'another'" for each in ("operator", "portal")),
        undo=tuple(f"ALTER USER voice_{each} IDENTIFIED BY '{{{each}}}'" for each in ("operator", "portal")),
    ),
    "rights were taken away, and Grafana is ill": Trouble(
        {
            "MySQL": "denies the operator a right, which migrating grants: `helm upgrade`",
            "Grafana": "Grafana answered 500 to GET",
        },
        "denies voice_portal a right, which the migration grants: run the migration",
        grafana=answers(500),
        statements=(
            "REVOKE SELECT ON voice.voice_probe_state FROM voice_operator",
            "REVOKE SELECT ON voice.django_migrations FROM voice_portal",
        ),
        undo=(
            "GRANT SELECT ON voice.voice_probe_state TO voice_operator",
            "GRANT SELECT, INSERT, UPDATE, DELETE ON voice.django_migrations TO voice_portal",
        ),
    ),
    "the schema is older, and Grafana refuses": Trouble(
        {"Grafana": "must be a server administrator of Grafana"},
        "the schema is older than this portal, it lacks cdr.",
        grafana=answers(403),
        statements=(KEPT, "DELETE FROM django_migrations WHERE app = 'cdr'"),
        undo=PUT_BACK,
    ),
}
