"""Questions that the server itself ends when they take too long."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, cast

from django.db import OperationalError, connection

STATEMENT_SECONDS = 8
"""When the server ends a statement. Less than the connection's read_timeout, beyond which nobody listens."""

# The server's own words for a statement that took too long: MariaDB's and MySQL's number.
TOO_LONG = frozenset({1969, 3024})

Parameter = str | bytes | int | float | Decimal | datetime | None


class TooSlow(Exception):
    """The server ended a question because it took too long."""


def select(sql: str, values: Sequence[object] | Mapping[str, object]) -> Sequence[tuple[Any, ...]]:
    """The rows of `sql`, which begins with SELECT. Raises TooSlow after STATEMENT_SECONDS."""
    with connection.cursor() as cursor:
        try:
            cursor.execute(_ended_by_itself(sql), cast(Sequence[Parameter], values))
        except OperationalError as error:
            if error.args and error.args[0] in TOO_LONG:
                raise TooSlow from error
            raise
        return list(cursor.fetchall())


def naive(at: datetime) -> datetime:
    """As the server keeps it: UTC, without saying so."""
    return at.astimezone(UTC).replace(tzinfo=None)


def aware(at: datetime) -> datetime:
    """A time of the server's, which is UTC without saying so."""
    return at if at.tzinfo else at.replace(tzinfo=UTC)


def _ended_by_itself(sql: str) -> str:
    if getattr(connection, "mysql_is_mariadb", False):  # of Django's backend for MySQL, which stubs don't know
        return f"SET STATEMENT max_statement_time = {STATEMENT_SECONDS} FOR {sql}"
    return sql.replace("SELECT", f"SELECT /*+ MAX_EXECUTION_TIME({STATEMENT_SECONDS * 1000}) */", 1)
