"""The pool of connections against a server that we did not write a client for: plain bytes on a socket."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress

import aiohttp
import pytest

from voiceprobe_operator.grafana import connections
from voiceprobe_operator.grafana.connections import Pool, Unanswered

JSON = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"


class Server:
    """Answers each request with `answer`, or closes the connection if that is empty; remembers what was asked."""

    def __init__(self, answer: bytes) -> None:
        self.answer = answer
        self.asked: list[bytes] = []
        self.writers: list[asyncio.StreamWriter] = []

    async def connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.writers.append(writer)
        while self.answer:
            try:
                self.asked.append(await reader.readuntil(b"\r\n\r\n"))
            except asyncio.IncompleteReadError:
                break
            writer.write(self.answer)
        writer.close()


@asynccontextmanager
async def serving(answer: bytes) -> AsyncIterator[tuple[Server, Callable[[str], str], Pool]]:
    server = Server(answer)
    listening = await asyncio.start_server(server.connected, "127.0.0.1", 0)
    port = listening.sockets[0].getsockname()[1]
    pool = Pool(3)
    try:
        yield server, lambda path: f"http://127.0.0.1:{port}{path}", pool
    finally:
        await pool.aclose()
        listening.close()
        for writer in server.writers:
            writer.close()
            with suppress(ConnectionError):
                await writer.wait_closed()


async def test_a_connection_is_kept_and_the_address_is_sent_as_it_is_written():
    async with serving(JSON) as (server, at, pool):
        for path in ("/api/orgs/name/a%2Fb%20c", "/api/search?q=%26"):
            answer = await pool.ask("GET", at(path), {"Authorization": "Basic x"}, None)
            assert (answer.status, answer.content) == (200, b"{}")
    assert len(server.writers) == 1
    assert [asked.split()[1] for asked in server.asked] == [b"/api/orgs/name/a%2Fb%20c", b"/api/search?q=%26"]
    assert all(b"Authorization: Basic x" in asked for asked in server.asked)


async def test_a_redirect_is_not_followed_and_no_cookie_is_sent_back():
    away = b"HTTP/1.1 302 Found\r\nLocation: /login\r\nSet-Cookie: session=x\r\nContent-Length: 0\r\n\r\n"
    async with serving(away) as (server, at, pool):
        assert (await pool.ask("GET", at("/api/orgs"), {}, None)).status == 302
        await pool.ask("GET", at("/api/orgs"), {}, None)
    assert len(server.asked) == 2
    assert not any(b"ookie" in asked for asked in server.asked)


@pytest.mark.parametrize(
    "answer", [b"", b"garbage\r\n\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{}", JSON.replace(b"200", b"x")]
)
async def test_what_is_no_whole_answer_is_told_in_words(answer: bytes, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(connections, "TIMEOUT", aiohttp.ClientTimeout(total=0.5))
    async with serving(answer) as (_, at, pool):
        with pytest.raises(Unanswered, match=r"\w"):
            await pool.ask("POST", at("/api/orgs"), {}, b"{}")


@pytest.mark.parametrize(
    ("answer", "sentence"),
    [
        (
            b"",
            r"127\.0\.0\.1:\d+ closes the connection without an answer: is Grafana running there, and",
        ),
        (
            b"garbage\r\n\r\n",
            r"at 127\.0\.0\.1:\d+ does not speak HTTP: VOICE_GRAFANA_URL must begin with https:// where",
        ),
    ],
)
async def test_what_is_no_web_server_is_named_with_the_mend(answer: bytes, sentence: str):
    async with serving(answer) as (_, at, pool):
        with pytest.raises(Unanswered, match=sentence):
            await pool.ask("POST", at("/api/orgs"), {}, b"{}")


async def test_a_server_that_is_away_is_named():
    async with serving(JSON) as (_, at, pool):
        away = at("/")
    pool = Pool(1)
    with pytest.raises(Unanswered, match=r"nothing listens at 127\.0\.0\.1:\d+: is Grafana running there"):
        await pool.ask("GET", away, {}, None)
    await pool.aclose()
