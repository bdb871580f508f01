"""What a person sees when a page fails."""

import sys

from django.db import InterfaceError, OperationalError, ProgrammingError
from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string

from voice_portal.config.refusals import NO_DATABASE, NO_RIGHT, NO_SCHEMA, WRONG_LOGIN

# Too many connections, shutting down, read-only while failing over (MySQL 1836, MariaDB and MySQL 1290).
SERVER_AWAY = frozenset({1040, 1053, 1203, 1290, 1836})
# The client library's own: cannot connect, connection lost, timed out.
CLIENT_ERRORS = range(2000, 3000)
# A password that is being exchanged, a schema that is yet to be migrated: the next try may find it done.
NOT_YET = WRONG_LOGIN | NO_RIGHT | NO_SCHEMA | {NO_DATABASE}


def server_error(_request: HttpRequest) -> HttpResponse:
    """A page that needs neither database nor session: 503 if the database cannot be used yet, otherwise 500."""
    error = sys.exc_info()[1]
    if is_database_away(error) or is_not_yet(error):
        return HttpResponse(render_to_string("503.html"), status=503, headers={"Retry-After": "15"})
    return HttpResponse(render_to_string("500.html"), status=500)


def is_database_away(error: BaseException | None) -> bool:
    """Whether `error` says that the database cannot be reached, rather than that it refused a statement."""
    if isinstance(error, InterfaceError):
        return True
    number = error.args[0] if isinstance(error, OperationalError) and error.args else None
    return number in SERVER_AWAY or number in CLIENT_ERRORS


def is_not_yet(error: BaseException | None) -> bool:
    """Whether `error` says that the database does not let the portal in, or is not migrated as the portal is."""
    is_refused = isinstance(error, OperationalError | ProgrammingError) and bool(error.args)
    return is_refused and error is not None and error.args[0] in NOT_YET
