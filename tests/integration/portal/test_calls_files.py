"""Files of calls as a browser gets them: of exactly what was searched for, whole or not at all."""

import csv
import io
import os
import signal
from contextlib import contextmanager
from datetime import datetime

import httpx
import pytest
from arro3.io import read_parquet
from django.conf import settings
from django.core.cache import cache

from tests.integration.portal.test_serving import serving  # noqa: F401 - a fixture
from tests.running_proxy import HOST, running
from voice_lab import processes
from voice_portal.grafana import frontend
from voice_portal.grafana.frontend import Frontend
from voice_portal.probes.calls import exports

pytestmark = pytest.mark.services


@pytest.fixture(autouse=True)
def _no_grafana():
    cache.set(frontend.CACHE_KEY, Frontend.ABSENT, 60)
    yield
    cache.clear()


@pytest.fixture
def acme(records):
    client = records.client()
    records.probe(client)
    return client


def as_csv(answer):
    assert answer.status_code == 200
    assert answer["Content-Type"] == "text/csv; charset=utf-8; header=present"
    return list(csv.DictReader(io.StringIO(b"".join(answer).decode(), newline="")))


def as_parquet(answer):
    assert answer.status_code == 200
    assert answer["Content-Type"] == "application/vnd.apache.parquet"
    table = read_parquet(io.BytesIO(b"".join(answer))).read_all()
    return {name: table.column(name).to_pylist() for name in table.column_names}


def test_both_have_exactly_what_was_searched_for(log_in, records, acme):
    meant = [records.call(acme, ago=ago, disposition="busy", sip_reason="=1+1") for ago in (10, 20, 30)]
    records.call(acme)
    browser = log_in(acme, role="viewer")
    lines = as_csv(browser.get(f"/c/{acme}/calls.csv?outcome=busy"))
    assert [line["uuid"] for line in lines] == [str(call) for call in meant], "the newest first"
    assert {line["sip_reason"] for line in lines} == {"'=1+1"}
    table = as_parquet(browser.get(f"/c/{acme}/calls.parquet?outcome=busy&sort=mos"))
    assert table["uuid"] == [str(call) for call in meant], "in whichever order the page was"
    assert table["sip_reason"] == ["=1+1"] * 3, "nothing runs there"
    for name in ("mos", "forward_mos_cq", "reverse_loss_pct"):
        assert table[name] == [float(line[name]) for line in lines]
    assert [at.isoformat(timespec="milliseconds") for at in table["started_at"]] == [
        datetime.fromisoformat(line["started_at"]).isoformat(timespec="milliseconds") for line in lines
    ]


def test_more_than_is_held_at_once(log_in, records, acme, monkeypatch):
    monkeypatch.setattr(exports, "BATCH", 3)
    calls = [str(records.call(acme, ago=ago)) for ago in range(10)]
    browser = log_in(acme)
    assert [line["uuid"] for line in as_csv(browser.get(f"/c/{acme}/calls.csv"))] == calls
    assert as_parquet(browser.get(f"/c/{acme}/calls.parquet"))["uuid"] == calls


def test_none_is_a_file_too(log_in, acme):
    browser = log_in(acme)
    assert as_csv(browser.get(f"/c/{acme}/calls.csv")) == []
    assert as_parquet(browser.get(f"/c/{acme}/calls.parquet"))["uuid"] == []


def test_it_is_a_download_that_no_proxy_keeps(log_in, acme):
    answer = log_in(acme).get(f"/c/{acme}/calls.csv")
    assert answer["Content-Disposition"].startswith(f'attachment; filename="calls-{acme}-')
    assert answer["X-Accel-Buffering"] == "no"


def test_a_mistake_leads_to_the_page_that_tells_it(log_in, acme):
    answer = log_in(acme).get(f"/c/{acme}/calls.csv?code=x&probe=inbound")
    assert (answer.status_code, answer.url) == (302, f"/c/{acme}/calls/?probe=inbound&code=x")


def test_each_is_written_down(log_in, records, acme):
    browser = log_in(acme)
    browser.get(f"/c/{acme}/calls.parquet?probe=inbound").close()
    query = "SELECT who, what, detail FROM portal_audit WHERE client = %s"
    who, what, detail = records.one(query, acme)
    assert (who, what) == (browser.user.get_username(), "export")
    assert '"parquet"' in detail
    assert "probe=inbound" in detail


def test_one_of_a_client_at_a_time_and_the_next_is_told_so(log_in, records, acme):
    browser = log_in(acme)
    first = browser.get(f"/c/{acme}/calls.csv")
    refused = browser.get(f"/c/{acme}/calls.parquet?code=486")
    assert refused.status_code == 503
    assert refused["Retry-After"]
    assert "A file is being written already" in refused.content.decode()
    assert f"/c/{acme}/calls/?code=486" in refused.content.decode()
    first.close()
    assert browser.get(f"/c/{acme}/calls.parquet").status_code == 200


def test_nothing_but_a_get_writes_one(log_in, acme):
    browser = log_in(acme)
    for method in (browser.post, browser.head, browser.put):
        assert method(f"/c/{acme}/calls.csv").status_code == 405


class TestThroughTheProxy:
    """gunicorn behind the chart's nginx, and a file that is larger than all that lies between."""

    CALLS = 40_000

    @pytest.fixture
    def portal_env(self, portal_env):
        return {**portal_env, "VOICE_PORTAL_URL": f"https://{HOST}"}

    @pytest.fixture
    def many(self, records, acme):
        with records.connection.cursor() as cursor:
            cursor.execute(
                "INSERT INTO voice_call (uuid, started_at, client, probe, generation, sip_host, from_uri, to_uri, srtp,"
                " ended_at, disposition, duration_ms, hangup_by, audio, valid)"
                " WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 200)"
                " SELECT UNHEX(MD5(CONCAT(%s, a.i, '/', b.i))), UTC_TIMESTAMP(3) - INTERVAL a.i * 200 + b.i SECOND, %s,"
                " 'inbound', 1, 'h', REPEAT('f', 250), REPEAT('t', 250), 0, UTC_TIMESTAMP(3), 'answered', 1, 'local',"
                " 'a', 1 FROM n a JOIN n b",
                [acme, acme],
            )

    @pytest.fixture
    def door(self, serving, log_in, acme, tmp_path):  # noqa: F811
        process, portal, _ = serving
        cookie = log_in(acme).cookies[settings.SESSION_COOKIE_NAME].value
        port = int(portal.rpartition(":")[2])
        (tmp_path / "nginx").mkdir()
        with running(tmp_path / "nginx", port, port) as proxy:

            @contextmanager
            def asking(name):
                headers = {"Cookie": f"{settings.SESSION_COOKIE_NAME}={cookie}"}
                with proxy.browser.stream("GET", f"/c/{acme}/{name}", headers=headers, timeout=60) as answer:
                    assert answer.status_code == 200
                    yield answer

            yield asking, process

    def test_the_whole_file_comes(self, door, many):
        asking, _ = door
        with asking("calls.csv?range=7d") as answer:
            assert answer.read().count(b"\r\n") == self.CALLS + 1
        with asking("calls.parquet?range=7d") as answer:
            table = read_parquet(io.BytesIO(answer.read())).read_all()
        assert len(set(table.column("uuid").to_pylist())) == self.CALLS

    @pytest.mark.parametrize("name", ["calls.csv", "calls.parquet"])
    def test_one_that_breaks_off_is_no_file(self, door, many, tmp_path, name):
        asking, process = door
        with asking(f"{name}?range=7d") as answer:
            parts = answer.iter_raw()
            next(parts)
            for worker in set(processes.members(tmp_path, "gunicorn")) - {process.pid}:
                os.kill(worker, signal.SIGKILL)
            with pytest.raises(httpx.RemoteProtocolError, match=r"incomplete|without sending complete"):
                list(parts)
