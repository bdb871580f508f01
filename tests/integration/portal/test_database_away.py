"""How a real server says that it is no longer there; each in words of its own."""

import time

import pytest
from django.db import OperationalError

from voice_portal.config.errors import is_database_away

pytestmark = pytest.mark.services
PATIENCE_S = 20


def wait_until_gone(admin, session):
    deadline = time.monotonic() + PATIENCE_S
    with admin.cursor() as cursor:
        while cursor.execute("SELECT 1 FROM information_schema.PROCESSLIST WHERE ID = %s", [session]):
            assert time.monotonic() < deadline, "the session goes on"
            time.sleep(0.1)


@pytest.mark.parametrize("how", ["idle", "killed"])
def test_a_session_that_the_server_ended_means_away(django_db, database, how):
    with database.connect("admin") as admin, django_db.cursor() as cursor:
        cursor.execute("SELECT CONNECTION_ID()")
        (session,) = cursor.fetchone()
        if how == "idle":
            cursor.execute("SET SESSION wait_timeout = 1")
        else:
            with admin.cursor() as other:
                other.execute("KILL %s", [session])
        wait_until_gone(admin, session)
        with pytest.raises(OperationalError) as told:
            cursor.execute("SELECT 1")
    assert is_database_away(told.value), told.value
