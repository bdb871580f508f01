"""Attacks: whoever may look at a dashboard sends SQL of their own, and would hurt others with it.

As Grafana sends it: with the account and the datasource that the operator made, by the pool of the stand-in, which
keeps connections as Go's database/sql does. On whichever server the run has.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import pymysql
import pytest

from tests.attacks import reading
from tests.attacks.reading import Client, is_mariadb, running, watched
from tests.conftest import Database
from voice_lab import waiting
from voice_lab.grafana_stand_in.query.mysql import DatabaseError
from voiceprobe_operator.database import Database as OperatorsDatabase
from voiceprobe_operator.database import limits

pytestmark = [pytest.mark.services, pytest.mark.timeout(300)]

LONG = 600
# Whether the time limit of the account, or of a server, may be lifted by the statement that it is for.
LIFTED = {
    "mariadb": [
        f"SET STATEMENT max_statement_time=0 FOR SELECT SLEEP({LONG})",
        "BEGIN NOT ATOMIC SET SESSION max_statement_time=0; WHILE 1 DO DO SLEEP(0.2); END WHILE; END",
        "SET STATEMENT max_statement_time=0 FOR SELECT BENCHMARK(100000000000, SHA2('a', 512))",
    ],
    "mysql": [
        f"SELECT /*+ MAX_EXECUTION_TIME(0) */ SLEEP({LONG})",
        f"DO SLEEP({LONG})",
        "SELECT /*+ SET_VAR(max_execution_time=0) */ BENCHMARK(100000000000, SHA2('a', 512))",
    ],
}
NUMBERS = "WITH RECURSIVE n AS (SELECT 1 i UNION ALL SELECT i + 1 FROM n WHERE i < 900)"
WORST = [
    f"SELECT SLEEP({LONG})",
    "SELECT BENCHMARK(100000000000, SHA2('a', 512))",
    f"{NUMBERS} SELECT COUNT(*) FROM n a, n b, n c, n d",
    f"{NUMBERS} SELECT a.i FROM n a, n b, n c ORDER BY MD5(CONCAT(a.i, b.i, c.i)), a.i LIMIT 1",
    f"{NUMBERS} SELECT LENGTH(GROUP_CONCAT(REPEAT(a.i, 10000))) FROM n a, n b, n c",
]


@pytest.fixture(scope="module")
def server(own_database: Database) -> str:
    return "mariadb" if is_mariadb(own_database) else "mysql"


@pytest.fixture(scope="module")
def both(own_database: Database) -> Iterator[list[Client]]:
    # In the order of an index, a gap of rows lies behind the first one's: a client between them writes into it.
    with reading.clients(own_database, "acme", "acme-x") as found:
        yield found


@pytest.fixture
def attacker(both: list[Client], own_database: Database) -> Iterator[Client]:
    yield both[0]
    with watched(own_database):
        waiting.until(
            lambda: not running(own_database, both[0].account), what="nothing of the attacker runs", seconds=40
        )


@pytest.fixture
def victim(both: list[Client]) -> Client:
    return both[1]


@pytest.fixture
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """The watch has less patience than in earnest: only that, so that it alone is seen to work."""
    monkeypatch.setattr(limits, "SECONDS", 3)


# What one may take of the server.


@pytest.mark.parametrize("sql", WORST)
@pytest.mark.usefixtures("soon")
def test_queries_that_nobody_waits_for_are_few_and_end(
    own_database: Database, attacker: Client, victim: Client, sql: str
) -> None:
    assert attacker.abandon(sql, 24) <= limits.CONNECTIONS
    with watched(own_database):
        assert 0 < len(running(own_database, attacker.account)) <= limits.CONNECTIONS
        # Meanwhile others work: a panel, and the SIP host's insert.
        began = time.monotonic()
        assert victim.ask("SELECT COUNT(*) FROM client_call").rows
        with closing(own_database.connect("sip")) as host:
            victim.call(host)
        assert time.monotonic() - began < 5
        waiting.until(lambda: not running(own_database, attacker.account), what="all of them have ended", seconds=10)

    def is_served_again() -> bool:
        try:  # a connection that was ended counts until the server has cleared up after it
            return attacker.ask("SELECT COUNT(*) FROM client_call").rows == ((b"3",),)
        except DatabaseError:
            return False

    waiting.until(is_served_again, what="the attacker's own panel is answered again", seconds=10)


@pytest.mark.parametrize("number", range(3))
@pytest.mark.usefixtures("soon")
def test_a_statement_that_lifts_its_own_limit_ends_too(
    own_database: Database, server: str, attacker: Client, number: int
) -> None:
    with watched(own_database):
        began = time.monotonic()
        with pytest.raises(DatabaseError):
            attacker.ask(LIFTED[server][number])
        assert time.monotonic() - began < 10


@pytest.mark.usefixtures("soon")
def test_a_connection_that_does_nothing_is_not_kept_either(own_database: Database, attacker: Client) -> None:
    with watched(own_database), closing(reading.connect(attacker.source)) as idle, idle.cursor() as cursor:
        cursor.execute("SELECT 1")
        waiting.until(lambda: not running(own_database, attacker.account), what="it has ended", seconds=10)


def test_no_account_reaches_the_number_of_connections_that_the_server_has(attacker: Client) -> None:
    connections = [reading.connect(attacker.source) for _ in range(limits.CONNECTIONS)]
    try:
        with pytest.raises(pymysql.OperationalError) as refused:
            reading.connect(attacker.source)
        assert refused.value.args[0] in {1203, 1226}
        with connections[0].cursor() as cursor, pytest.raises(pymysql.MySQLError, match="read-only"):
            cursor.execute("SET SESSION max_user_connections = 0")
    finally:
        for connection in connections:
            connection.close()


def test_more_memory_than_a_query_may_have_ends_it(
    own_database: Database, server: str, attacker: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "MEMORY_BYTES", 30_000_000)
    text = "LENGTH(GROUP_CONCAT(REPEAT(a.i, 1000))) FROM n a, n b, n c"
    sql = {
        "mysql": f"{NUMBERS} SELECT /*+ SET_VAR(group_concat_max_len=4294967295) */ {text}",
        "mariadb": "SET STATEMENT max_session_mem_used=18446744073709551615, group_concat_max_len=4294967295,"
        f" max_statement_time=0 FOR {NUMBERS} SELECT {text}",
    }
    with watched(own_database, every_s=0.2):
        began = time.monotonic()
        with pytest.raises(DatabaseError):
            attacker.ask(sql[server])
        assert time.monotonic() - began < 20


# What one leaves behind.

CHANGES = {
    "SET @stolen := 'acme'": ("SELECT COALESCE(@stolen, 'nothing')", b"nothing"),
    "SELECT @stolen := 'acme'": ("SELECT COALESCE(@stolen, 'nothing')", b"nothing"),
    "SET SESSION sql_select_limit = 1": ("SELECT COUNT(*) FROM (SELECT client FROM client_call) x", b"3"),
    "SET SESSION time_zone = '+05:00'": ("SELECT @@session.time_zone", b"+00:00"),
    "SET NAMES latin1": ("SELECT @@character_set_client", b"utf8mb4"),
    "SELECT GET_LOCK('mine', 0)": ("SELECT COALESCE(IS_USED_LOCK('mine'), 0)", b"0"),
    "START TRANSACTION WITH CONSISTENT SNAPSHOT": ("SELECT COUNT(*) FROM client_call", b"3"),
    "SET autocommit = 0": ("SELECT @@session.autocommit", b"1"),
    "PREPARE p FROM 'SELECT 1'": ("SELECT 1", b"1"),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_session_that_one_request_changed_never_serves_the_next(attacker: Client, change: str) -> None:
    attacker.text(change)
    question, expected = CHANGES[change]
    for _ in range(4):
        assert attacker.ask(question).rows == ((expected,),)


def test_not_even_where_many_ask_at_once(attacker: Client) -> None:
    """At a limit of the pool, Go hands a connection on to who waits for one, though it keeps none."""
    assert (attacker.source.most, attacker.source.idle) == (0, 0)

    def ask(_: int) -> object:
        return attacker.ask("SELECT CONNECTION_ID(), COALESCE(@mine, 'nothing'), @mine := 'changed', SLEEP(0.02)").rows

    with ThreadPoolExecutor(12) as threads:
        rows = [row for answer in threads.map(ask, range(60)) for row in answer]  # type: ignore[attr-defined]
    assert {row[1] for row in rows} == {b"nothing"}
    assert len({row[0] for row in rows}) == 60


def test_no_temporary_table_and_no_lock_of_a_table(attacker: Client) -> None:
    for sql in ("CREATE TEMPORARY TABLE t (a INT)", "LOCK TABLES client_call WRITE", "FLUSH TABLES WITH READ LOCK"):
        with (
            closing(reading.connect(attacker.source)) as connection,
            connection.cursor() as cursor,
            pytest.raises(pymysql.MySQLError, match="denied"),
        ):
            cursor.execute(sql)


def test_the_password_of_the_account_does_not_stay_changed(
    own_database: Database, server: str, attacker: Client
) -> None:
    new = "PASSWORD('another password')" if server == "mariadb" else "'another password'"
    attacker.text(f"SET PASSWORD = {new}")
    operators = OperatorsDatabase(reading.settings(own_database))
    mended = asyncio.run(operators.ensure_account(attacker.account, attacker.granted.password))
    # MySQL asks for the present one; MariaDB cannot be told to, so there the next resync mends it.
    assert mended == (server == "mariadb")
    assert attacker.ask("SELECT 1").rows == ((b"1",),)


# What one learns.

CATALOGUE = [
    "SELECT * FROM information_schema.processlist", "SHOW FULL PROCESSLIST", "SHOW GRANTS", "SHOW DATABASES",
    "SELECT * FROM information_schema.schemata", "SELECT * FROM information_schema.user_privileges",
    "SELECT * FROM information_schema.schema_privileges", "SELECT * FROM information_schema.table_privileges",
    "SELECT * FROM information_schema.column_privileges", "SELECT * FROM information_schema.applicable_roles",
    "SELECT * FROM information_schema.enabled_roles", "SELECT * FROM information_schema.user_attributes",
    "SELECT * FROM information_schema.tables", "SELECT * FROM information_schema.views",
    "SELECT * FROM information_schema.statistics", "SELECT * FROM information_schema.partitions",
    "SELECT * FROM information_schema.table_statistics", "SELECT * FROM information_schema.index_statistics",
    "SELECT * FROM information_schema.user_statistics", "SELECT * FROM information_schema.client_statistics",
    "SELECT * FROM information_schema.column_statistics", "SELECT * FROM information_schema.innodb_trx",
    "SELECT * FROM information_schema.innodb_locks", "SELECT * FROM information_schema.innodb_metrics",
    "SELECT * FROM information_schema.innodb_buffer_page LIMIT 100",
    "SELECT * FROM information_schema.innodb_sys_tablestats", "SELECT * FROM information_schema.innodb_tablestats",
    "SELECT * FROM information_schema.innodb_tablespaces", "SELECT * FROM information_schema.files",
    "SELECT * FROM information_schema.optimizer_trace", "SELECT * FROM information_schema.profiling",
    "SELECT * FROM information_schema.routines", "SELECT * FROM information_schema.triggers",
    "SELECT * FROM performance_schema.accounts", "SELECT * FROM performance_schema.users",
    "SELECT * FROM performance_schema.threads", "SELECT * FROM performance_schema.processlist",
    "SELECT * FROM performance_schema.events_statements_history", "SELECT * FROM performance_schema.data_locks",
    "SELECT * FROM performance_schema.session_account_connect_attrs", "SELECT * FROM performance_schema.error_log",
    "SELECT * FROM performance_schema.session_connect_attrs", "SELECT * FROM performance_schema.metadata_locks",
    "SELECT * FROM performance_schema.events_statements_summary_by_digest",
    "SELECT * FROM mysql.user", "SELECT * FROM mysql.db", "SELECT * FROM mysql.tables_priv",
    "SELECT * FROM mysql.global_priv", "SELECT * FROM mysql.general_log", "SELECT * FROM mysql.slow_log",
    "SELECT * FROM mysql.innodb_table_stats", "SELECT * FROM mysql.innodb_index_stats",
    "SELECT * FROM mysql.column_stats", "SELECT * FROM sys.session", "SELECT * FROM sys.processlist",
    "SELECT * FROM sys.host_summary", "SHOW ENGINE INNODB STATUS", "SHOW OPEN TABLES", "SHOW TABLE STATUS",
    "SHOW TRIGGERS", "SHOW EVENTS", "SHOW BINARY LOGS", "SHOW REPLICAS", "SHOW USER_STATISTICS",
    "SHOW INDEX FROM client_call", "SHOW CREATE VIEW client_call", "SHOW CREATE TABLE voice_client",
    "SHOW GRANTS FOR voice_operator", "SHOW CREATE USER voice_operator", "SHOW BINLOG EVENTS", "SHOW RELAYLOG EVENTS",
    "EXPLAIN SELECT * FROM client_call", "EXPLAIN FORMAT=JSON SELECT * FROM client_call",
    "EXPLAIN FORMAT=JSON SELECT * FROM client_probe", "ANALYZE SELECT * FROM client_call",
    "ANALYZE FORMAT=JSON SELECT * FROM client_call", "EXPLAIN ANALYZE SELECT * FROM client_call",
    "SELECT LOAD_FILE('/etc/passwd')", "SHOW WARNINGS", "HANDLER client_call OPEN", "CHECK TABLE voice_client",
    "CHECKSUM TABLE voice_client", "TABLE voice_client", "SHOW EXPLAIN FOR 1",
]  # fmt: skip


@pytest.mark.parametrize("sql", CATALOGUE)
def test_the_servers_catalogue_tells_nothing_of_another_client(attacker: Client, victim: Client, sql: str) -> None:
    with closing(reading.connect(victim.source)) as connected, connected.cursor() as cursor:
        cursor.execute("SELECT client FROM client_call")
        told = attacker.text(sql)
    for secret in (victim.account, victim.name, "voice_sip'", "voice_portal", "voice_operator'", "root:"):
        assert secret not in told


def test_the_number_of_rows_that_are_answered_is_the_labs(attacker: Client) -> None:
    numbers = "WITH RECURSIVE n AS (SELECT 1 i UNION ALL SELECT i + 1 FROM n WHERE i < 200)"
    assert len(attacker.ask(f"{numbers} SELECT a.i FROM n a, n b").rows) == attacker.pool._row_limit + 1
    assert attacker.ask(f"{numbers} SELECT COUNT(*) FROM n").rows == ((b"200",),)


KILLING = ["KILL {0}", "KILL QUERY {0}", "KILL USER voice_sip", "KILL QUERY USER voice_sip"]


@pytest.mark.parametrize("sql", KILLING)
def test_nobody_elses_connection_is_ended(own_database: Database, attacker: Client, sql: str) -> None:
    with closing(own_database.connect("sip")) as host, host.cursor() as cursor:
        cursor.execute("SELECT CONNECTION_ID()")
        (number,) = cursor.fetchone() or (0,)
        attacker.text(sql.format(number))
        cursor.execute("SELECT CONNECTION_ID()")
        assert cursor.fetchone() == (number,)


# What is put right.


def test_limits_that_somebody_lifted_come_back(own_database: Database, server: str, attacker: Client) -> None:
    operators = OperatorsDatabase(reading.settings(own_database))
    password = attacker.granted.password

    def limited() -> object:
        names = "@@max_user_connections" + (", @@max_statement_time" if server == "mariadb" else "")
        return attacker.ask(f"SELECT {names}").rows[0]

    right = limited()
    assert right[0] == str(limits.CONNECTIONS).encode()  # type: ignore[index]
    words = ["MAX_USER_CONNECTIONS 0", "MAX_USER_CONNECTIONS 1000"]
    words += ["MAX_STATEMENT_TIME 0", "MAX_STATEMENT_TIME 86400"] if server == "mariadb" else []
    for word in words:
        with closing(own_database.connect("admin")) as connection, connection.cursor() as cursor:
            cursor.execute(f"ALTER USER %s@'%%' WITH {word}", (attacker.account,))
        assert limited() != right
        assert asyncio.run(operators.ensure_account(attacker.account, password))
        assert limited() == right
        assert not asyncio.run(operators.ensure_account(attacker.account, password))


def test_an_account_at_its_limit_is_as_it_should_be(own_database: Database, attacker: Client) -> None:
    operators = OperatorsDatabase(reading.settings(own_database))
    connections = [reading.connect(attacker.source) for _ in range(limits.CONNECTIONS)]
    assert not asyncio.run(operators.ensure_account(attacker.account, attacker.granted.password))
    for connection in connections:
        connection.close()
