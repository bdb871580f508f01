"""Which MySQL account may do what: docs/architecture.md's table as data, and the SQL that makes it so.

Two steps, because a table must exist before a right on it can be granted: an administrator makes the database and the
accounts once (`service_accounts`); the owner grants the rights on tables after every migration (`migrate_once`).
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

OWNER = "voice_owner"
OPERATOR = "voice_operator"
PORTAL = "voice_portal"
SIP = "voice_sip"

CLIENT_VIEWS = (
    "client_call", "client_call_stream", "client_call_interval", "client_call_ladder", "client_probe",
    "client_call_judged",
)  # fmt: skip
FLEET_VIEWS = ("fleet_client", "fleet_probe", "fleet_call", "fleet_call_judged", "fleet_sip_host")
READ = ("SELECT",)
WRITE = ("SELECT", "INSERT", "UPDATE", "DELETE")
# UPDATE because a CDR is sent again with ON DUPLICATE KEY UPDATE uuid = uuid. MySQL asks for the right on that one
# column; MariaDB (10.11) asks for it on every column of the insert, so nothing less than the table will do.
RECORD = ("SELECT", "INSERT", "UPDATE")

VOICE_RELATIONS = (
    "voice_client",
    "voice_probe",
    "voice_sip_host",
    "voice_call",
    "voice_call_stream",
    "voice_call_interval",
    "voice_call_ladder",
    "voice_call_recording",
    "voice_call_request",
    "voice_call_request_lock",
    "voice_probe_lease",
    "voice_probe_state",
    "voice_call_judged",
    "voice_client_access",
    *CLIENT_VIEWS,
)
PORTAL_WRITES = ("voice_call_request", "voice_call_request_lock")
DJANGO_TABLES = (
    "auth_group",
    "auth_group_permissions",
    "auth_permission",
    "auth_user",
    "auth_user_groups",
    "auth_user_user_permissions",
    "django_content_type",
    "django_session",
    "portal_break_glass",
    "portal_identity",
    "portal_membership",
    "portal_report",
    "portal_report_sent",
    "portal_sign_in_tally",
    "portal_used_answer",
)
# What was written down stays: the portal's account can neither change nor delete it.
PORTAL_KEEPS = ("portal_audit",)


@dataclass(frozen=True)
class Account:
    """A service's MySQL account, before any right on a table."""

    name: str
    password_variable: str
    tls_required: bool = False
    creates_accounts: bool = False
    owns_database: bool = False


@dataclass(frozen=True)
class Grant:
    """Rights of one account on one table or view."""

    account: str
    relation: str
    privileges: tuple[str, ...]
    may_pass_on: bool = False


ACCOUNTS = (
    Account(OWNER, "VOICE_OWNER_PASSWORD", owns_database=True),
    Account(OPERATOR, "VOICE_OPERATOR_PASSWORD", creates_accounts=True),
    Account(PORTAL, "VOICE_PORTAL_PASSWORD"),
    Account(SIP, "VOICE_SIP_PASSWORD", tls_required=True),
)

GRANTS = (
    Grant(OPERATOR, "voice_client", WRITE),
    Grant(OPERATOR, "voice_probe", WRITE),
    Grant(OPERATOR, "voice_probe_state", READ),
    *(Grant(OPERATOR, view, READ, may_pass_on=True) for view in (*CLIENT_VIEWS, *FLEET_VIEWS)),
    *(Grant(PORTAL, relation, READ) for relation in VOICE_RELATIONS if relation not in PORTAL_WRITES),
    Grant(PORTAL, "voice_call_request", ("SELECT", "INSERT")),
    Grant(PORTAL, "voice_call_request_lock", ("SELECT", "INSERT", "UPDATE")),
    *(Grant(PORTAL, table, WRITE) for table in DJANGO_TABLES),
    *(Grant(PORTAL, table, ("SELECT", "INSERT")) for table in PORTAL_KEEPS),
    # To see whether a migration is outstanding.
    Grant(PORTAL, "django_migrations", READ),
    Grant(SIP, "voice_probe", READ),
    Grant(SIP, "voice_call", RECORD),
    Grant(SIP, "voice_call_stream", RECORD),
    Grant(SIP, "voice_call_interval", RECORD),
    Grant(SIP, "voice_call_ladder", RECORD),
    # What is there already is told by the error, so that nobody needs a right to change or to read what was heard.
    Grant(SIP, "voice_call_recording", ("INSERT",)),
    Grant(SIP, "voice_sip_host", RECORD),
    Grant(SIP, "voice_probe_lease", WRITE),
    Grant(SIP, "voice_call_request", ("SELECT", "UPDATE")),
)


def database_statements(database: str) -> Iterator[str]:
    """SQL that makes the database; harmless when it exists. Byte-wise text: two logins may differ by case alone."""
    name = _quoted(database)
    yield f"CREATE DATABASE IF NOT EXISTS {name} CHARACTER SET utf8mb4 COLLATE utf8mb4_bin"
    yield f"ALTER DATABASE {name} CHARACTER SET utf8mb4 COLLATE utf8mb4_bin"


def account_statements(account: Account, database: str, *, is_mariadb: bool = False) -> Iterator[str]:
    """SQL that makes `account` and its rights above tables. A statement with %s takes the password as parameter."""
    user = f"'{account.name}'@'%%'"
    yield f"CREATE USER IF NOT EXISTS {user} IDENTIFIED BY %s"
    yield f"ALTER USER {user} IDENTIFIED BY %s REQUIRE {'SSL' if account.tls_required else 'NONE'}"
    user = f"'{account.name}'@'%'"
    if account.creates_accounts:
        yield f"GRANT CREATE USER ON *.* TO {user}"
        # To see the connections of read accounts, and to end those that live too long.
        yield f"GRANT PROCESS, {'CONNECTION ADMIN' if is_mariadb else 'CONNECTION_ADMIN'} ON *.* TO {user}"
        if not is_mariadb:
            for table in ("threads", "memory_summary_by_thread_by_event_name"):
                yield f"GRANT SELECT ON performance_schema.{table} TO {user}"
    if account.owns_database:
        # Here the database's name is a pattern, in which an underscore stands for any character.
        pattern = _quoted(database).replace("_", r"\_")
        yield f"GRANT ALL PRIVILEGES ON {pattern}.* TO {user} WITH GRANT OPTION"


def table_statements(database: str) -> Iterator[str]:
    """SQL that grants every account its rights on tables and views, which must exist."""
    for grant in GRANTS:
        passing_on = " WITH GRANT OPTION" if grant.may_pass_on else ""
        relation = f"{_quoted(database)}.`{grant.relation}`"
        yield f"GRANT {', '.join(grant.privileges)} ON {relation} TO '{grant.account}'@'%'{passing_on}"


def _quoted(database: str) -> str:
    """`database` as an SQL name; raises ValueError for a name that would need escaping."""
    if not re.fullmatch(r"[0-9A-Za-z_]{1,64}", database):
        raise ValueError(f"{database!r} is not a usable database name: letters, digits and _ only")
    return f"`{database}`"
