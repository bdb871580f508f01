"""Who wants to hear another client's calls, or to hear and not to be seen, at the real portal behind its nginx."""

from __future__ import annotations

import http.client
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass

import httpx
import pytest

from tests.attacks.engineers import PROBE, Client, World, world
from tests.conftest import Services

pytestmark = pytest.mark.services

CONTENT = bytes(at % 251 for at in range(400_000))


@dataclass(frozen=True)
class Scene:
    """A client that is attacked (its engineer is `own`), and the engineer of another one."""

    made: World
    attacked: Client
    other: Client
    own: httpx.Client
    attacker: httpx.Client


@dataclass(frozen=True)
class Heard:
    """A call of the attacked client's, what was heard in it, and where that is."""

    scene: Scene
    call: uuid.UUID

    @property
    def address(self) -> str:
        return f"/c/{self.scene.attacked.name}/calls/{self.call}/recordings/forward.wav"

    def plays(self) -> list[str]:
        """What was written down of it: which client's."""
        query = (
            "SELECT COUNT(*), GROUP_CONCAT(client) FROM portal_audit"
            " WHERE what = 'recording' AND JSON_VALUE(detail, '$.call') = %s"
        )
        count, clients = self.scene.made.records.one(query, str(self.call))
        return clients.split(",") if count else []


@pytest.fixture(scope="module")
def scene(services: Services) -> Iterator[Scene]:
    with world(services.up("portal")) as made:
        attacked, other = made.client(), made.client()
        yield Scene(made, attacked, other, made.signed_in(attacked), made.signed_in(other))


@pytest.fixture
def heard(scene: Scene) -> Heard:
    call = scene.made.records.call(scene.attacked.name, f"{PROBE}-{scene.attacked.name}")
    scene.made.records.recording(call, content=CONTENT)
    return Heard(scene, call)


def test_the_client_hears_it(heard: Heard) -> None:
    answer = heard.scene.own.get(heard.address)
    assert (answer.status_code, answer.content, answer.headers["content-type"]) == (200, CONTENT, "audio/wav")
    assert heard.plays() == [heard.scene.attacked.name]


def test_nobody_else_hears_it_by_whatever_client_and_call_the_address_names(heard: Heard) -> None:
    scene = heard.scene
    stranger = scene.made.stranger()
    for client, call in (
        (scene.attacked, heard.call), (scene.other, heard.call), (scene.attacked, scene.other.call),
    ):  # fmt: skip
        path = f"/c/{client.name}/calls/{call}/recordings/forward.wav"
        for asked in (None, "bytes=0-", "bytes=44-"):
            headers = {"Range": asked} if asked else {}
            answer = scene.attacker.get(path, headers=headers)
            assert answer.status_code == 404
            assert "content-range" not in answer.headers
            assert "etag" not in answer.headers
            assert stranger.get(path, headers=headers).status_code == 302
    assert heard.plays() == []


@pytest.mark.parametrize(
    "tail",
    [
        "calls/{call}/recordings/Forward.wav", "calls/{call}/recordings/sideways.wav", "calls/{call}/recordings/.wav",
        "calls/{call}/recordings/forward", "calls/{call}/recordings/forward.wav/",
        "calls/{call}/recordings/forward.mp3", "calls/{call}/recordings/",
        "calls/{call}/recordings/forward%00.wav", "calls/{call}/recordings/forward.wav%00",
        "calls/{call}/recordings/../recordings/forward.wav", "calls/{call}/recordings/%2e%2e/forward.wav",
        "calls/{call}/recordings/forward.wav;x", "calls/{call}//recordings/forward.wav",
        "calls/{call}/recordings/forward%2cwav", "calls/{call}/recordings/%66orward.wav",
        "calls/{bare}/recordings/forward.wav", "calls/{upper}/recordings/forward.wav",
        "calls/%7B{call}%7D/recordings/forward.wav", "calls/0/recordings/forward.wav",
        "calls/{call}'%20OR%201=1/recordings/forward.wav", "calls/{nobodys}/recordings/forward.wav",
        "calls/{call}/recordings/forward.wav/../reverse.wav", "calls/*/recordings/forward.wav",
    ],
)  # fmt: skip
def test_an_address_that_is_almost_it_is_nothing(heard: Heard, tail: str) -> None:
    words = {
        "call": heard.call, "bare": heard.call.hex, "upper": str(heard.call).upper(), "nobodys": uuid.uuid4(),
    }  # fmt: skip
    path = f"/c/{heard.scene.attacked.name}/{tail.format(**words)}"
    for browser in (heard.scene.own, heard.scene.attacker):
        status, kind = as_it_stands(browser, path)
        assert status in {400, 404}
        assert "audio" not in kind
    assert heard.plays() == []


def as_it_stands(browser: httpx.Client, path: str) -> tuple[int, str]:
    """Status and type of the answer for `path`, which httpx would tidy up."""
    connection = http.client.HTTPConnection(browser.base_url.host, browser.base_url.port or 80, timeout=20)
    with closing(connection):
        cookies = "; ".join(f"{name}={value}" for name, value in browser.cookies.items())
        connection.request("GET", path, headers={"Cookie": cookies})
        answer = connection.getresponse()
        return answer.status, answer.headers.get("Content-Type", "")


@pytest.mark.parametrize(
    ("asked", "status", "length"),
    [
        ("bytes=1-", 206, 399_999),
        ("bytes=0-0", 206, 1),
        ("bytes=-1", 206, 1),
        ("bytes=" + ",".join(f"{at}-" for at in range(900)), 200, 400_000),  # each would be all of it once more
        ("bytes=0-18446744073709551616", 200, 400_000),
        ("bytes=0-999999999999999999", 206, 400_000),
        ("bytes=400000-", 416, 0),
        ("bytes=-0", 416, 0),
        ("octets=0-5", 200, 400_000),
        ("bytes=0-5, 7-9", 200, 400_000),
        ("bytes=\u0661-", 200, 400_000),
    ],
)
def test_whatever_part_is_asked_for_no_more_comes_than_there_is_and_it_is_written_down(
    heard: Heard, asked: str, status: int, length: int
) -> None:
    answer = heard.scene.own.get(heard.address, headers={"Range": asked.encode()})
    assert (answer.status_code, len(answer.content)) == (status, length)
    assert len(heard.plays()) == (0 if status == 416 else 1)


def test_many_parts_at_once_are_few_lines_and_never_none(heard: Heard) -> None:
    def part(first: int) -> bytes:
        return heard.scene.own.get(heard.address, headers={"Range": f"bytes={first}-{first + 1}"}).content

    with ThreadPoolExecutor(8) as pool:
        parts = list(pool.map(part, range(0, 4000, 100)))
    assert parts == [CONTENT[first : first + 2] for first in range(0, 4000, 100)]
    assert 1 <= len(heard.plays()) <= 8


def test_what_was_opened_to_somebody_and_is_not_any_more_is_not_heard(heard: Heard) -> None:
    records, own, client = heard.scene.made.records, heard.scene.own, heard.scene.attacked.name
    assert own.get(heard.address, headers={"Range": "bytes=0-9"}).status_code == 206
    (access,) = records.one("SELECT access FROM voice_client WHERE client = %s", client)
    records.one("UPDATE voice_client SET access = NULL WHERE client = %s", client)
    try:
        assert own.get(heard.address, headers={"Range": "bytes=10-"}).status_code == 404
    finally:
        records.one("UPDATE voice_client SET access = %s WHERE client = %s", access, client)


def test_no_page_from_elsewhere_plays_it_and_no_browser_keeps_it(heard: Heard) -> None:
    answer = heard.scene.own.get(heard.address)
    assert answer.headers["cross-origin-resource-policy"] == "same-origin"
    assert answer.headers["cache-control"] == "private, no-store"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["content-security-policy"].startswith("default-src 'none'")
    assert "access-control-allow-origin" not in answer.headers
