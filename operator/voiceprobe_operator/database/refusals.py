"""What MySQL's refusals mean: a sentence with the mend, and whether the same may succeed later. It only computes.

Numbers of MySQL's errors, which MariaDB shares; numbers from 2000 on are the client library's own.
"""

from __future__ import annotations

import errno
import socket
import ssl

import pymysql

from voiceprobe_operator.errors import OutsideError, Rejected, Transient, explain

WRONG_LOGIN = frozenset({1045, 1698})
# Locked, its password too old, its host not let in or shut out: of MySQL and, where it differs, of MariaDB.
_NO_LOGIN = frozenset({3118, 4151, 1820, 1862, 1129, 1130})
NO_RIGHT = WRONG_LOGIN | {1044, 1142, 1143, 1227, 1370, 1410}
# The account has as many connections as it may, of this kind or of all: its password and limit are right.
AT_LIMIT = frozenset({1203, 1226})
_NO_WAY = frozenset({errno.EHOSTUNREACH, errno.ENETUNREACH})
BAD_VALUE = (pymysql.DataError, pymysql.IntegrityError)
_NO_DATABASE = 1049
_NO_RIGHT_IN_DATABASE = 1044
_NO_SCHEMA = frozenset({1054, 1146, 1356})
_NO_DEFAULT = 1364
_NO_TLS = 2026
_LOST = 2013
_MIGRATE = "`helm upgrade` (or `python -m django migrate_once` as voice_owner)"


def translated(error: pymysql.Error, *, server: str = "MySQL", account: str = "the operator") -> OutsideError:
    """`error` as a sentence and a decision whether to try again. `server`: host and port that was asked."""
    if schema := _schema(error):
        return Transient(*schema)
    if denied := _denied(error, server, account):
        return Transient("DatabaseDenied", f"{denied} ({text_of(error)})")
    if isinstance(error, BAD_VALUE):
        return Rejected("DatabaseRejected", f"the database refuses a value: {text_of(error)}")
    return Transient("DatabaseUnavailable", _away(error, server))


def _denied(error: pymysql.Error, server: str, account: str) -> str:
    """What an account may not do, and the mend; empty: that is not it."""
    if number(error) in WRONG_LOGIN:
        return (
            f"MySQL at {server} refuses the login of {account}, so password or user is wrong: VOICE_MYSQL_USER and"
            " VOICE_MYSQL_PASSWORD must be an account of this database"
        )
    if number(error) in _NO_LOGIN:
        return (
            f"MySQL at {server} lets {account} not log in: it must be unlocked, with a password that has not run out,"
            " and let in from the pods' addresses"
        )
    if number(error) == _NO_RIGHT_IN_DATABASE:
        # It says the same of a database that is not there to an account that may not see which there are.
        return (
            f"MySQL at {server} has no such database, or none that {account} may use: VOICE_MYSQL_DATABASE must name"
            f" it; its rights are granted by {_MIGRATE}"
        )
    if number(error) in NO_RIGHT:
        # The migrations grant the rights on tables, so a database without a schema denies them too.
        return f"the database denies the operator a right, which migrating grants: {_MIGRATE} mends that"
    return ""


def _schema(error: pymysql.Error) -> tuple[str, str] | None:
    """Reason and sentence of an error that says that the schema is not ours."""
    found = {_NO_DATABASE: "none", _NO_DEFAULT: "newer", **dict.fromkeys(_NO_SCHEMA, "older")}.get(number(error) or 0)
    reason, text = {
        "none": ("SchemaMissing", "the database server has no such database: VOICE_MYSQL_DATABASE must name it"),
        "older": (
            "SchemaMissing",
            f"the database has no voice schema, or one older than this operator: {_MIGRATE} mends that",
        ),
        "newer": ("SchemaNewer", "the database's schema is newer than this operator: bring it to the portal's version"),
    }.get(found or "", ("", ""))
    return (reason, f"{text} ({text_of(error)})") if reason else None


def number(error: pymysql.Error) -> int | None:
    """MySQL's number of an error; None: it has none."""
    return error.args[0] if error.args and isinstance(error.args[0], int) else None


def text_of(error: pymysql.Error) -> str:
    """MySQL's own words."""
    return str(error.args[-1]) if error.args else type(error).__name__


def _away(error: pymysql.Error, server: str) -> str:
    cause = getattr(error, "original_exception", None)
    if isinstance(cause, ssl.SSLError) or number(error) == _NO_TLS:
        return _by_tls(error, cause, server)
    if isinstance(cause, socket.gaierror):
        text = f"the database does not answer: no address is known for {server}"
        return f"{text}: VOICE_MYSQL_HOST must be a name that the pod can look up ({cause.strerror})"
    if isinstance(cause, ConnectionRefusedError):
        return (
            f"the database does not answer: nothing listens at {server}: is MySQL running there, and are"
            " VOICE_MYSQL_HOST and VOICE_MYSQL_PORT right?"
        )
    is_late = number(error) == _LOST and "timed out" in text_of(error)
    if is_late or isinstance(cause, TimeoutError) or getattr(cause, "errno", None) in _NO_WAY:
        return (
            f"the database does not answer: {server} keeps silent: is it running, and may the pod reach it"
            " (NetworkPolicy, security group)?"
        )
    if isinstance(error, pymysql.InternalError) and number(error) is None:
        return (
            f"the database does not answer: what does, at {server}, is not MySQL: VOICE_MYSQL_HOST and VOICE_MYSQL_PORT"
            f" must be MySQL's own ({text_of(error)})"
        )
    return f"the database does not answer: {text_of(error)}"


def _by_tls(error: pymysql.Error, cause: object, server: str) -> str:
    if isinstance(cause, ssl.SSLCertVerificationError):
        reason = getattr(cause, "verify_message", cause)
        return (
            f"the database does not answer: the certificate of MySQL at {server} is not trusted: VOICE_MYSQL_TLS_CA"
            f" must hold the authority that signed it, and VOICE_MYSQL_HOST be a name in it ({reason})"
        )
    detail = explain(cause) if isinstance(cause, ssl.SSLError) else text_of(error)
    return f"the database does not answer by TLS at {server}: the server must offer TLS 1.2 or newer ({detail})"
