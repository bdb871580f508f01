"""The lab's database server beside those of other labs on the same machine."""

from contextlib import closing

import pytest

from tests.conftest import Database

pytestmark = pytest.mark.services


def test_a_server_that_starts_beside_it_removes_none_of_its_temporary_tables(database: Database) -> None:
    with closing(database.connect("admin")) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT @@tmpdir")
        (folder,) = cursor.fetchone() or ("",)
    assert str(folder).startswith(str(database.lab.folder))
