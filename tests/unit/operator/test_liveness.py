import asyncio
import socket

import pytest

from voiceprobe_operator import liveness


async def ask(host, port, question=b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"):
    reader, writer = await asyncio.open_connection(host, port)
    writer.write(question)
    writer.write_eof()
    answer = await reader.read()
    writer.close()
    await writer.wait_closed()
    return answer


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
async def test_it_answers_on_ipv4_and_ipv6_alike(host):
    if ":" in host and not socket.has_dualstack_ipv6():
        pytest.skip("this machine has no IPv6")
    listening = liveness.listen(0)
    async with await liveness.serve(listening, lambda: 1.0, 10, lambda: b"voice_operator_leader 1.0\n", list):
        answer = await ask(host, listening.getsockname()[1])
    assert answer.startswith(b"HTTP/1.1 200 OK")
    assert answer.endswith(b'{"secondsSinceResync": 1.0}\n')


async def test_who_hangs_up_in_the_middle_does_no_harm():
    listening = liveness.listen(0)
    async with await liveness.serve(listening, lambda: 1.0, 10, lambda: b"voice_operator_leader 1.0\n", list):
        port = listening.getsockname()[1]
        assert await ask("127.0.0.1", port, b"GET") == b""
        assert b"200 OK" in await ask("127.0.0.1", port)


def test_a_resync_too_long_ago_is_told():
    assert liveness.response(11, 10).startswith(b"HTTP/1.1 503")


async def test_metrics_are_told_beside_it():
    listening = liveness.listen(0)
    async with await liveness.serve(listening, lambda: 11.0, 10, lambda: b"voice_operator_leader 1.0\n", list):
        port = listening.getsockname()[1]
        answer = await ask("127.0.0.1", port, b"GET /metrics HTTP/1.1\r\n\r\n")
        health = await ask("127.0.0.1", port, b"GET /healthz HTTP/1.1\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 200 OK")
    assert b"Content-Type: text/plain; version=0.0.4" in answer
    assert answer.endswith(b"\r\n\r\nvoice_operator_leader 1.0\n")
    assert health.startswith(b"HTTP/1.1 503")


@pytest.mark.parametrize(
    ("waiting", "status", "body"),
    [
        ([], b"200 OK", b'{"ready": true, "waitingFor": []}\n'),
        (["MySQL is away: start it"], b"503", b'{"ready": false, "waitingFor": ["MySQL is away: start it"]}\n'),
    ],
)
async def test_readiness_says_what_is_waited_for_while_liveness_is_well(waiting, status, body):
    listening = liveness.listen(0)
    async with await liveness.serve(listening, lambda: 1.0, 10, lambda: b"", lambda: waiting):
        port = listening.getsockname()[1]
        answer = await ask("127.0.0.1", port, b"GET /readyz?verbose HTTP/1.1\r\n\r\n")
        assert b"200 OK" in await ask("127.0.0.1", port)
    assert answer.startswith(b"HTTP/1.1 " + status)
    assert answer.endswith(body)
