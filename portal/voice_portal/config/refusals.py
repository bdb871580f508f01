"""What a database's refusal means: a sentence with the mend for the log, one without details for anybody.

Numbers of MySQL's errors, which MariaDB shares; numbers from 2000 on are the client library's own. It only computes.
"""

import errno
import socket
import ssl
from dataclasses import dataclass

WRONG_LOGIN = frozenset({1045, 1698})
# Locked, its password too old, its host not let in or shut out: of MySQL and, where it differs, of MariaDB.
NO_LOGIN = frozenset({3118, 4151, 1820, 1862, 1129, 1130})
NO_DATABASE = 1049
# MySQL says the same of a database that is not there to an account that may not see which there are.
NO_RIGHT_IN_DATABASE = 1044
NO_TLS = 2026
LOST = 2013
NO_WAY = frozenset({errno.EHOSTUNREACH, errno.ENETUNREACH})
NO_RIGHT = frozenset({1044, 1142, 1143, 1227, 1370, 1410})
NO_SCHEMA = frozenset({1054, 1146, 1356})
MIGRATE = "run the migration (`helm upgrade` does, or `python -m django migrate_once` as voice_owner)"
# The client library's own: cannot connect, connection lost, timed out; too many connections, shutting down.
_AWAY = frozenset({1040, 1053, 1203})
_CLIENT_ERRORS = range(2000, 3000)


@dataclass(frozen=True)
class Refusal:
    """Why the database cannot be used. `public` tells a stranger nothing of the installation."""

    public: str
    sentence: str
    # Whether it may pass without anybody's hand.
    may_pass: bool = False


def refusal(error: BaseException, server: str, account: str) -> Refusal:
    """What `error`, Django's or PyMySQL's, means; `server`: host and port that was asked, as `account`."""
    text = text_of(error)
    if denied := _denied(number_of(error) or 0, server, account):
        public, sentence = denied
        return Refusal(public, f"{sentence} ({text})")
    return Refusal("the database does not answer", _away(error, server, text), may_pass=_may_pass(error))


def _denied(number: int, server: str, account: str) -> tuple[str, str] | None:
    """Two sentences, one without details, on what MySQL answers to `account`; None: it is not there to answer."""
    if number in WRONG_LOGIN:
        mend = "VOICE_MYSQL_USER and VOICE_MYSQL_PASSWORD must be an account of this database"
        sentence = f"MySQL at {server} refuses the login of {account}, so password or user is wrong: {mend}"
        return "the database refuses the portal's login", sentence
    if number in NO_LOGIN:
        mend = "it must be unlocked, with a password that has not run out, and let in from the pods' addresses"
        return "the database refuses the portal's login", f"MySQL at {server} lets {account} not log in: {mend}"
    if number == NO_RIGHT_IN_DATABASE:
        sentence = f"MySQL at {server} has no such database, or none that {account} may use"
        mend = "VOICE_MYSQL_DATABASE must name it, and `python -m django service_accounts` have run on this server"
        return "the database denies the portal a right", f"{sentence}: {mend}"
    if number in NO_RIGHT:
        sentence = f"MySQL at {server} denies {account} a right, which the migration grants: {MIGRATE}"
        return "the database denies the portal a right", sentence
    return {
        NO_DATABASE: (
            "the database is not there",
            f"MySQL at {server} has no such database: VOICE_MYSQL_DATABASE must name it",
        ),
        **dict.fromkeys(
            NO_SCHEMA,
            ("the database's schema is not this portal's", f"the schema is not this portal's: {MIGRATE}"),
        ),
    }.get(number)


def _away(error: BaseException, server: str, text: str) -> str:
    cause = _cause(error)
    if isinstance(cause, ssl.SSLError) or number_of(error) == NO_TLS:
        return _by_tls(cause, server, text)
    if isinstance(cause, socket.gaierror):
        mend = "VOICE_MYSQL_HOST must be a name that the pod can look up"
        return f"no address is known for MySQL at {server}: {mend} ({cause.strerror})"
    if isinstance(cause, ConnectionRefusedError):
        return (
            f"nothing listens at {server}: is MySQL running there, and are VOICE_MYSQL_HOST and VOICE_MYSQL_PORT right?"
        )
    is_late = number_of(error) == LOST and "timed out" in text
    if is_late or isinstance(cause, TimeoutError) or getattr(cause, "errno", None) in NO_WAY:
        return (
            f"MySQL at {server} keeps silent: is it running, and may the pod reach it (NetworkPolicy, security group)?"
        )
    if text.startswith("Packet sequence number wrong"):
        return (
            f"what answers at {server} is not MySQL: VOICE_MYSQL_HOST and VOICE_MYSQL_PORT must be MySQL's own ({text})"
        )
    return f"the database does not answer: {text}"


def _by_tls(cause: object, server: str, text: str) -> str:
    if isinstance(cause, ssl.SSLCertVerificationError):
        return (
            f"the certificate of MySQL at {server} is not trusted: VOICE_MYSQL_TLS_CA must hold the authority that"
            f" signed it, and VOICE_MYSQL_HOST be a name in it ({getattr(cause, 'verify_message', cause)})"
        )
    return f"MySQL at {server} does not answer by TLS: it must offer TLS 1.2 or newer ({cause or text})"


def _may_pass(error: BaseException) -> bool:
    """A server that starts, a name that becomes known, a network that heals; a wrong certificate does not."""
    cause, number = _cause(error), number_of(error)
    is_away = number in _AWAY or number in _CLIENT_ERRORS
    return is_away and (cause is None or not isinstance(cause, ssl.SSLError)) and "VOICE_MYSQL" not in text_of(error)


def _chain(error: BaseException) -> list[BaseException]:
    return [error, *([error.__cause__] if error.__cause__ else [])]


def _cause(error: BaseException) -> BaseException | None:
    """What the client library met when it connected."""
    return next((e.original_exception for e in _chain(error) if hasattr(e, "original_exception")), None)


def number_of(error: BaseException) -> int | None:
    """MySQL's number of an error; None: it has none."""
    return error.args[0] if error.args and isinstance(error.args[0], int) else None


def text_of(error: BaseException) -> str:
    """MySQL's own words."""
    return str(error.args[-1]) if error.args else type(error).__name__
