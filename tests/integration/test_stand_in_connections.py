"""The stand-in's connections to the real database: TLS, health, servers in trouble, and what is used again."""

from __future__ import annotations

import json
import socket
import struct
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from tests.integration.test_stand_in_query import LOG, Desk, Json
from tests.integration.test_stand_in_query import desk as desk  # noqa: PLC0414 - a fixture
from tests.ports import free_port
from voice_lab import pki, waiting
from voice_lab.grafana_stand_in import query
from voice_lab.grafana_stand_in.http import Refused
from voice_lab.grafana_stand_in.query import Source, mysql

pytestmark = pytest.mark.services


def trouble(desk: Desk, source: Source) -> str:
    """What a query and the health check say, which is the same."""
    error = str(desk.ask("SELECT 1", source=source)["error"])
    health = query.health(source, desk.pool)
    assert health.status == 400
    assert json.loads(health.body) == {"message": error.removeprefix("db query error: "), "status": "ERROR"}
    return error


def test_a_source_that_works_is_healthy(desk: Desk) -> None:
    for source in (desk.source(), desk.source(tls=True)):
        health = query.health(source, desk.pool)
        assert (health.status, json.loads(health.body)) == (200, {"message": "Database Connection OK", "status": "OK"})


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"url": "nohost.invalid:3306"}, f"failed to connect to server - {LOG}"),
        ({"url": "127.0.0.1:nothing"}, f"failed to connect to server - {LOG}"),
        ({"user": "nobody"}, f"query failed - {LOG}"),
        ({"jsonData": {"database": "nosuch"}}, f"query failed - {LOG}"),
        ({"jsonData": {"timezone": "Moon/Sea"}}, f"query failed - {LOG}"),
    ],
)
def test_a_source_that_does_not_work(desk: Desk, changes: Json, error: str) -> None:
    assert trouble(desk, desk.source(**changes)) == f"db query error: {error}"


def test_a_server_that_is_away(desk: Desk) -> None:
    source = desk.source(url=f"127.0.0.1:{free_port()}")
    assert trouble(desk, source) == f"db query error: failed to connect to server - {LOG}"


def test_a_wrong_password_counts_although_connections_with_the_right_one_are_kept(desk: Desk) -> None:
    desk.values("SELECT 1")
    source = replace(desk.source(), password="wrong")
    assert trouble(desk, source) == f"db query error: query failed - {LOG}"


def test_tls_where_the_source_has_an_authority(desk: Desk) -> None:
    assert desk.values("SHOW STATUS LIKE 'Ssl_version'")[1] == [""]
    assert desk.values("SHOW STATUS LIKE 'Ssl_version'", source=desk.source(tls=True))[1][0].startswith("TLS")


def test_the_server_must_have_the_name_that_it_is_asked_by(desk: Desk) -> None:
    source = desk.source(tls=True, url=f"127.1:{desk.port}")  # 127.0.0.1, but its certificate does not say so
    assert "CERTIFICATE_VERIFY_FAILED" in trouble(desk, source)


def test_another_authority_than_the_servers_is_refused(desk: Desk, tmp_path: Path) -> None:
    pki.create_authority(tmp_path)
    source = replace(desk.source(), authority=(tmp_path / "ca.pem").read_text())
    assert "CERTIFICATE_VERIFY_FAILED" in trouble(desk, source)


@contextmanager
def without_tls() -> Iterator[int]:
    """The port of a server that says hello, and not that it has TLS."""
    capabilities = 0x0000A205  # protocol 4.1, secure connection, long flag
    hello = struct.pack("<B6sI8sxHBHH B10x", 10, b"8.0.0\0", 1, b"a" * 8, capabilities & 0xFFFF, 45, 2, 8, 21)
    hello += b"b" * 12 + b"\0mysql_native_password\0"

    def serve() -> None:
        while True:
            try:
                client, _ = listening.accept()
            except OSError:
                return
            with client:
                client.sendall(struct.pack("<I", len(hello)) + hello)
                client.recv(1)

    with socket.create_server(("127.0.0.1", 0)) as listening:
        thread = threading.Thread(target=serve)
        thread.start()
        yield int(listening.getsockname()[1])
        listening.shutdown(socket.SHUT_RDWR)
    thread.join()


def test_a_server_without_tls_is_not_talked_to(desk: Desk) -> None:
    with without_tls() as port:
        error = trouble(desk, desk.source(tls=True, url=f"127.0.0.1:{port}"))
    assert error == "db query error: TLS requested but server does not support TLS"


@pytest.mark.parametrize("authority", ["", "garbage", "-----BEGIN CERTIFICATE-----\nx\n-----END CERTIFICATE-----\n"])
def test_an_unreadable_authority_is_the_plugins_end(desk: Desk, authority: str) -> None:
    source = replace(desk.source(), authority=authority)
    with pytest.raises(Refused) as caught:
        desk.ask("SELECT 1", source=source)
    message = {"message": "An error occurred within the plugin", "messageId": "plugin.downstreamError"}
    assert (caught.value.status, caught.value.body) == (500, message | {"statusCode": 500, "traceID": ""})
    with pytest.raises(Refused) as caught:
        query.health(source, desk.pool)
    assert (caught.value.status, caught.value.body["message"]) == (500, "Plugin health check failed")
    result = query.run(query.Query("SELECT 1"), query.Period(0, 0), source, desk.pool)
    assert result["error"] == message["message"]


def connection_of(desk: Desk, source: Source) -> int:
    return int(desk.values("SELECT CONNECTION_ID() c", source=source)[0][0])


def test_a_connection_is_used_again_by_its_source_alone(desk: Desk) -> None:
    one, other = desk.source(user=desk.name), desk.source(jsonData={"database": desk.name, "timezone": "+01:00"})
    first = connection_of(desk, one)
    assert connection_of(desk, desk.source()) == first
    assert connection_of(desk, other) != first
    assert connection_of(desk, one) == first


def test_a_connection_that_was_cut_is_not_used_again(desk: Desk) -> None:
    first = connection_of(desk, desk.source())
    desk.sql(f"KILL {first}")
    assert connection_of(desk, desk.source()) != first


def test_a_connection_that_got_an_error_is_not_used_again(desk: Desk) -> None:
    first = connection_of(desk, desk.source())
    assert "error" in desk.ask("SELECT nosuch FROM t")
    assert connection_of(desk, desk.source()) != first


def test_connections_that_nobody_uses_are_ended(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    kept = connection_of(desk, desk.source())
    monkeypatch.setattr(mysql, "IDLE_S", 0)
    connection_of(desk, desk.source(jsonData={"database": desk.name}))
    still = "SELECT COUNT(*) FROM information_schema.processlist WHERE id = %s AND command <> 'Killed'"
    waiting.until(lambda: desk.sql(still, str(kept)) == ((0,),), what="the connection has ended", seconds=5)


def test_no_more_connections_at_once_than_the_source_allows(desk: Desk) -> None:
    details = {"database": desk.name, "maxOpenConns": 2, "maxIdleConns": 2, "connMaxLifetime": 60}
    source = desk.source(jsonData=details)
    with ThreadPoolExecutor(8) as threads:
        sql = "SELECT CONNECTION_ID(), SLEEP(0.05)"
        used = set(threads.map(lambda _: desk.values(sql, source=source)[0][0], range(12)))
    assert len(used) == 2


def test_a_connection_is_handed_to_who_waits_at_the_limit_as_it_is_though_none_is_kept(desk: Desk) -> None:
    """As Go's database/sql does, and MySQL's driver resets nothing."""
    source = desk.source(jsonData={"database": desk.name, "maxOpenConns": 1, "maxIdleConns": 0})
    with ThreadPoolExecutor(4) as threads:
        sql = "SELECT CONNECTION_ID(), COALESCE(@mine, 'nothing'), @mine := 'changed', SLEEP(0.2)"
        rows = list(threads.map(lambda _: desk.values(sql, source=source), range(4)))
    assert len({connection for (connection,), *_ in rows}) == 1
    assert sorted(mine for _, (mine,), *_ in rows) == ["changed", "changed", "changed", "nothing"]


def test_without_a_limit_every_query_has_a_connection_of_its_own(desk: Desk) -> None:
    source = desk.source(jsonData={"database": desk.name, "maxOpenConns": 0, "maxIdleConns": 0})
    with ThreadPoolExecutor(4) as threads:
        used = list(threads.map(lambda _: connection_of(desk, source), range(12)))
    assert len(set(used)) == 12


def test_no_more_rows_are_answered_than_the_server_was_told_to(desk: Desk) -> None:
    pool = mysql.Pool(row_limit=2)
    sql = "SELECT 1 AS n UNION ALL SELECT 2 UNION ALL SELECT 3 UNION ALL SELECT 4"
    (frame,) = query.run(query.Query(sql), query.Period(0, 0), desk.source(), pool)["frames"]
    assert frame["data"]["values"] == [[1, 2]]
    assert frame["schema"]["meta"]["notices"][0]["text"].startswith("Results have been limited to 2 ")
    assert desk.values("SELECT 5 AS n") == [[5]]
    pool.close()
