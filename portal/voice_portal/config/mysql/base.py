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
        """Log in; if the password is refused, once more in case its file was exchanged meanwhile.

        Raises OperationalError, as Django expects, also if a file cannot be read.
        """
        password = _password(conn_params)
        try:
            return self._connect(conn_params, password)
        except pymysql.OperationalError as error:
            newer = _password(conn_params)
            if error.args[0] not in WRONG_LOGIN or newer == password:
                raise
        return self._connect(conn_params, newer)

    def _connect(self, conn_params: dict[str, Any], password: str) -> Any:  # noqa: ANN401 - as Django has it
        try:
            return super().get_new_connection({**conn_params, "password": password})
        except OSError as error:
            # PyMySQL translates those of the connection itself: this is the authority's file.
            text = f"VOICE_MYSQL_TLS_CA names {settings.ENV.mysql_tls_ca}, which holds no certificate now: {error}"
            raise OperationalError(CANNOT_CONNECT, text) from error


def _password(conn_params: dict[str, Any]) -> str:
    """The account's password now. A test or a command that set one of its own means that one."""
    if given := conn_params.get("password"):
        return str(given)
    try:
        return str(settings.ENV.mysql_password.read())
    except UnreadableSecret as error:
        raise OperationalError(CANNOT_CONNECT, str(error)) from error
