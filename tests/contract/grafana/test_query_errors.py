"""Queries that fail (contract, 10.4)."""

from __future__ import annotations

import socketserver
import struct
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from tests.contract.grafana.matching import failed, pattern
from tests.contract.grafana.source import Schema, broken, query, results
from tests.contract.grafana.world import Org

pytestmark = pytest.mark.services
PLEASE = "please inspect Grafana server log for details"
HIDDEN = f"db query error: query failed - {PLEASE}"
AWAY = f"db query error: failed to connect to server - {PLEASE}"
SYNTAX = pattern(
    "a syntax error in the server's own words",
    r"db query error: Error 1064: You have an error in your SQL syntax; check the manual that corresponds to your "
    r"(MariaDB|MySQL) server version for the right syntax to use near 'SELEKT 1' at line 1",
)


def test_a_missing_table_is_told_in_the_servers_words(asking: Org, calls: Schema):
    sql = "SELECT * FROM nosuch"
    why = f"db query error: Error 1146: Table '{calls.name}.nosuch' doesn't exist"
    asking.server.check(query(asking.admin, sql), 400, results(broken(why, sql)))


def test_a_syntax_error_is_told_in_the_servers_words(asking: Org):
    asking.server.check(query(asking.admin, "SELEKT 1"), 400, results(broken(SYNTAX, "SELEKT 1")))


def test_a_missing_column_is_told_in_the_servers_words(asking: Org):
    sql = "SELECT nosuch FROM t"
    why = pattern("a missing column", r"db query error: Error 1054: Unknown column 'nosuch' in '(SELECT|field list)'")
    asking.server.check(query(asking.admin, sql), 400, results(broken(why, sql)))


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT * FROM mysql.user",
        "SELECT nosuch(1)",
        "SELECT id FROM t, t AS u",
        "INSERT INTO t (id, nn) VALUES (9, 'n')",
    ],
    ids=["a table that is denied", "an unknown function", "an ambiguous column", "a change that is denied"],
)
def test_every_other_error_of_the_server_is_hidden(asking: Org, sql: str):
    asking.server.check(query(asking.admin, sql), 400, results(broken(HIDDEN, sql)))


SQL = "SELECT @@time_zone AS tz, DATABASE() AS db"


@pytest.mark.parametrize(
    ("wrong", "why"),
    [
        ({"secureJsonData": {"password": "wrong"}}, HIDDEN),
        ({"details": {"database": "nosuch"}}, HIDDEN),
        ({"details": {"timezone": "Nowhere/Else"}}, HIDDEN),
        ({"url": "127.0.0.1:1"}, AWAY),
        ({"url": "no-such-host.invalid:3306"}, AWAY),
    ],
    ids=["a wrong password", "an unknown database", "an unknown time zone", "nobody who listens", "an unknown host"],
)
@pytest.mark.parametrize("form", ["table", "time_series"])
def test_a_datasource_that_cannot_be_used_has(org: Org, calls: Schema, wrong: dict[str, Any], why: str, form: str):
    details = calls.source()["jsonData"] | wrong.get("details", {})
    calls.add_to(org, jsonData=details, **{name: value for name, value in wrong.items() if name != "details"})
    org.server.check(query(org.admin, SQL, form), 400, results(broken(why, SQL)))


def test_an_authority_that_cannot_be_read_is_no_answer_of_the_plugin(org: Org, calls: Schema):
    body = calls.source()
    secret = body["secureJsonData"] | {"tlsCACert": "no certificate"}
    calls.add_to(org, jsonData=body["jsonData"] | {"tlsAuthWithCACert": True}, secureJsonData=secret)
    recorded = failed("An error occurred within the plugin", messageId="plugin.downstreamError", statusCode=500)
    org.server.check(query(org.admin, SQL), 500, recorded)


def test_the_right_authority_is_believed(org: Org, calls: Schema):
    body = calls.source()
    authority = (calls.database.lab.folder / "pki" / "ca.pem").read_text()
    secret = body["secureJsonData"] | {"tlsCACert": authority}
    calls.add_to(org, jsonData=body["jsonData"] | {"tlsAuthWithCACert": True}, secureJsonData=secret)
    assert query(org.admin, SQL).status_code == 200


class Plain(socketserver.BaseRequestHandler):
    """A MySQL server as far as its greeting, in which it says that it knows no TLS."""

    def handle(self) -> None:
        capabilities = 0x000FF7FF & ~0x0800
        low, high = struct.pack("<I", capabilities)[:2], struct.pack("<I", capabilities)[2:]
        greeting = b"\x0a5.7.99-plain\0" + struct.pack("<I", 7) + b"12345678\0" + low + b"\x21\x02\x00" + high
        greeting += b"\x15" + b"\0" * 10 + b"123456789012\0mysql_native_password\0"
        self.request.sendall(struct.pack("<I", len(greeting)) + greeting)
        self.request.settimeout(5)
        try:
            self.request.recv(4096)
        except OSError:
            return


@pytest.fixture
def plain() -> Iterator[int]:
    """The port of a server without TLS."""
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Plain) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server.server_address[1]
        server.shutdown()
        thread.join()


def test_a_server_without_tls_is_not_spoken_to_where_an_authority_is_named(org: Org, calls: Schema, plain: int):
    body = calls.source()
    authority = (calls.database.lab.folder / "pki" / "ca.pem").read_text()
    secret = body["secureJsonData"] | {"tlsCACert": authority}
    details = body["jsonData"] | {"tlsAuthWithCACert": True}
    calls.add_to(org, url=f"127.0.0.1:{plain}", jsonData=details, secureJsonData=secret)
    why = "db query error: TLS requested but server does not support TLS"
    org.server.check(query(org.admin, SQL), 400, results(broken(why, SQL)))


@pytest.mark.parametrize(
    "sql",
    [
        "SHOW GRANTS",
        *(f"SELECT {name} AS u" for name in ("USER()", "CURRENT_USER", "CURRENT_USER()", "SESSION_USER()")),
        "SELECT SYSTEM_USER() AS u",
        "SELECT @@time_zone tz, CURRENT_USER() u, @@session.autocommit ac",
    ],
)
def test_who_it_is_may_not_be_asked(asking: Org, sql: str):
    why = f"interpolation failed: invalid query - {PLEASE.replace('please inspect', 'inspect')}"
    asking.server.check(query(asking.admin, sql), 400, results(broken(why, None)))
