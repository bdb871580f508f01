"""What a person sees when a page fails."""

import sys

from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string

# Too many connections, shutting down, read-only while failing over (MySQL 1836, MariaDB and MySQL 1290).
SERVER_AWAY = frozenset({1040, 1053, 1203, 1290, 1836})
# The client library's own: cannot connect, connection lost, timed out.
CLIENT_ERRORS = range(2000, 3000)


def server_error(_request: HttpRequest) -> HttpResponse:
    """A page that needs neither database nor session: 503 if the database is away, otherwise 500."""
    if is_database_away(sys.exc_info()[1]):
        return HttpResponse(render_to_string("503.html"), status=503, headers={"Retry-After": "15"})
    return HttpResponse(render_to_string("500.html"), status=500)


def is_database_away(error: BaseException | None) -> bool:
    """Whether `error` says that the database cannot be reached, rather than that it refused a statement."""
    if isinstance(error, InterfaceError):
        return True
    number = error.args[0] if isinstance(error, OperationalError) and error.args else None
    return number in SERVER_AWAY or number in CLIENT_ERRORS
