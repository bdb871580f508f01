"""What Django loads as the backend `voice_portal.config.mysql`."""

from typing import Any

import pymysql
from django.conf import settings
from django.db import OperationalError
from django.db.backends.mysql import base

from voice_portal.config.refusals import WRONG_LOGIN
from voice_portal.config.secretfile import UnreadableSecret

# The client library's own number for "cannot connect".
CANNOT_CONNECT = 2003


class DatabaseWrapper(base.DatabaseWrapper):
    """A connection that asks for its password when it is opened; one that is open needs none."""

    def get_new_connection(self, conn_params: dict[str, Any]) -> Any:  # noqa: ANN401 - as Django has it
        """Log in, with whichever password the account has while it is exchanged.

        Raises OperationalError, as Django expects, also if a file cannot be read.
        """
        # A test or a command that set a password of its own means that one.
        if given := conn_params.get("password"):
            return self._connect(conn_params, str(given))
        try:
            return settings.ENV.mysql_password.tried(lambda now: self._connect(conn_params, now), _is_wrong_login)
        except UnreadableSecret as error:
            raise OperationalError(CANNOT_CONNECT, str(error)) from error

    def _connect(self, conn_params: dict[str, Any], password: str) -> Any:  # noqa: ANN401 - as Django has it
        try:
            return super().get_new_connection({**conn_params, "password": password})
        except OSError as error:
            # PyMySQL translates those of the connection itself: this is the authority's file.
            text = f"VOICE_MYSQL_TLS_CA names {settings.ENV.mysql_tls_ca}, which holds no certificate now: {error}"
            raise OperationalError(CANNOT_CONNECT, text) from error


def _is_wrong_login(error: Exception) -> bool:
    return isinstance(error, pymysql.OperationalError) and error.args[0] in WRONG_LOGIN
