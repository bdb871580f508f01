"""The stand-in on a socket: one client's slow queries hold up nobody else's, and odd requests end nothing."""

import asyncio
import threading
from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp.test_utils import TestClient, TestServer

from tests.far_grafana import FarGrafana
from voice_lab.grafana_stand_in import serving
from voice_lab.grafana_stand_in.http import Request, Response
from voice_lab.grafana_stand_in.server import Later

Client = TestClient[Any, Any]


class Slow:
    """A server whose answers to the organisation 1 wait until they are let go."""

    config = FarGrafana().server.config

    def __init__(self) -> None:
        self.let_go = threading.Event()
        self.waiting = 0

    def answer(self, request: Request) -> Later:
        org = int(request.headers["x-grafana-org-id"])

        def later() -> Response:
            if org == 1:
                self.waiting += 1
                self.let_go.wait(30)
            return Response(200, b"{}")

        return Later((org, 1), later)


@pytest.fixture
async def client() -> AsyncIterator[Client]:
    async with TestClient(TestServer(serving.application(FarGrafana().server))) as made:
        yield made


async def test_one_clients_slow_queries_hold_up_no_other_client() -> None:
    slow = Slow()
    async with TestClient(TestServer(serving.application(slow))) as client:  # type: ignore[arg-type]

        async def ask(org: str) -> int:
            return (await client.post("/api/ds/query", headers={"X-Grafana-Org-Id": org})).status

        many = [asyncio.create_task(ask("1")) for _ in range(40)]
        try:
            async with asyncio.timeout(10):
                assert await ask("2") == 200
                while slow.waiting < serving.AT_ONCE_EACH:
                    await asyncio.sleep(0.01)
            assert slow.waiting == serving.AT_ONCE_EACH, "the others of that client wait for their turn"
        finally:
            slow.let_go.set()
        assert await asyncio.gather(*many) == [200] * 40


@pytest.mark.parametrize("path", ["/%22%3E%3Cscript%3E", "/x%00y"])
async def test_a_page_outside_is_led_to_ours_with_nothing_of_it_as_markup(client: Client, path: str) -> None:
    answer = await client.get(path, allow_redirects=False)
    assert answer.status == 301
    assert "<script" not in await answer.text()
