"""What a database's refusal means: a sentence with the mend for the log, one without details for anybody.

Numbers of MySQL's errors, which MariaDB shares; numbers from 2000 on are the client library's own. It only computes.
"""

import socket
import ssl
from dataclasses import dataclass

WRONG_LOGIN = frozenset({1045, 1698})
NO_DATABASE = 1049
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
    number, text = _number(error), _text(error)
    if number in WRONG_LOGIN:
        mend = f"VOICE_MYSQL_USER and VOICE_MYSQL_PASSWORD must be an account of this database ({text})"
        sentence = f"MySQL at {server} refuses the login of {account}, so password or user is wrong: {mend}"
        return Refusal("the database refuses the portal's login", sentence)
    if number == NO_DATABASE:
        sentence = f"MySQL at {server} has no such database: VOICE_MYSQL_DATABASE must name it ({text})"
        return Refusal("the database is not there", sentence)
    if number in NO_SCHEMA:
        return Refusal(
            "the database's schema is not this portal's", f"the schema is not this portal's: {MIGRATE} ({text})"
        )
    if number in NO_RIGHT:
        sentence = f"MySQL at {server} denies {account} a right, which the migration grants: {MIGRATE} ({text})"
        return Refusal("the database denies the portal a right", sentence)
    return Refusal("the database does not answer", _away(error, server, text), may_pass=_may_pass(error))


def _away(error: BaseException, server: str, text: str) -> str:
    cause = _cause(error)
    if isinstance(cause, ssl.SSLCertVerificationError):
        return (
            f"the certificate of MySQL at {server} is not trusted: VOICE_MYSQL_TLS_CA must hold the authority that"
            f" signed it, and VOICE_MYSQL_HOST be a name in it ({getattr(cause, 'verify_message', cause)})"
        )
    if isinstance(cause, ssl.SSLError):
        return f"MySQL at {server} does not answer by TLS: it must offer TLS 1.2 or newer ({cause})"
    if isinstance(cause, socket.gaierror):
        mend = "VOICE_MYSQL_HOST must be a name that the pod can look up"
        return f"no address is known for MySQL at {server}: {mend} ({cause.strerror})"
    if isinstance(cause, ConnectionRefusedError):
        return (
            f"nothing listens at {server}: is MySQL running there, and are VOICE_MYSQL_HOST and VOICE_MYSQL_PORT right?"
        )
    if isinstance(cause, TimeoutError):
        return (
            f"MySQL at {server} keeps silent: is it running, and may the pod reach it (NetworkPolicy, security group)?"
        )
    return f"the database does not answer: {text}"


def _may_pass(error: BaseException) -> bool:
    """A server that starts, a name that becomes known, a network that heals; a wrong certificate does not."""
    cause, number = _cause(error), _number(error)
    is_away = number in _AWAY or number in _CLIENT_ERRORS
    return is_away and (cause is None or not isinstance(cause, ssl.SSLError)) and "VOICE_MYSQL" not in _text(error)


def _chain(error: BaseException) -> list[BaseException]:
    return [error, *([error.__cause__] if error.__cause__ else [])]


def _cause(error: BaseException) -> BaseException | None:
    """What the client library met when it connected."""
    return next((e.original_exception for e in _chain(error) if hasattr(e, "original_exception")), None)


def _number(error: BaseException) -> int | None:
    return error.args[0] if error.args and isinstance(error.args[0], int) else None


def _text(error: BaseException) -> str:
    return str(error.args[-1]) if error.args else type(error).__name__
