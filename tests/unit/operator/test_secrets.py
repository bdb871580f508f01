"""Secrets: passwords made up once, and a change of anything that was read brings its client's turn."""

import asyncio

import pytest

from voiceprobe_operator import names
from voiceprobe_operator.errors import Rejected, Transient
from voiceprobe_operator.kubernetes import Secrets


@pytest.fixture
async def settle():
    """Lets watches take in what they were told of."""

    async def turns():
        for _ in range(20):
            await asyncio.sleep(0)

    return turns


async def test_a_password_is_made_up_once_and_kept(world):
    password = await world.secrets.password("acme")
    made = world.cluster.secrets["voice-system", "voice-client-acme"]
    assert made["metadata"]["labels"]["voicequality.io/client"] == "acme"
    assert len(password) >= 40
    assert await world.secrets.password("acme") == password


async def test_a_secret_that_was_emptied_gets_a_new_password(world):
    before = await world.secrets.password("acme")
    world.cluster.put_secret("voice-system", "voice-client-acme", {})
    assert await world.secrets.password("acme") != before


async def test_what_the_operator_did_itself_is_no_news(world, settle):
    world.secrets.follow_passwords()
    await settle()
    await world.secrets.password("acme")
    await settle()
    assert world.changed == []


@pytest.mark.parametrize("rotate", ["change", "remove"])
async def test_a_password_that_somebody_rotates_has_its_client_looked_at(world, settle, rotate):
    world.secrets.follow_passwords()
    await settle()
    await world.secrets.password("acme")
    await world.secrets.fleet_password()
    for secret in ("voice-client-acme", "voice-fleet"):
        labels = world.cluster.secrets["voice-system", secret]["metadata"]["labels"]
        if rotate == "remove":
            world.cluster.remove_secret("voice-system", secret)
        else:
            world.cluster.put_secret("voice-system", secret, {"password": "mine"}, labels)
    await settle()
    assert world.changed == ["acme", names.FLEET]


async def test_a_clients_secret_is_watched_while_it_is_needed(world, settle):
    world.cluster.put_secret("acme", "hook", {"url": "https://a.example"})
    world.secrets.follow("acme", {"hook"})
    await settle()
    assert await world.secrets.read("acme", "hook") == {"url": "https://a.example"}
    world.cluster.put_secret("acme", "other", {"url": "https://b.example"})
    world.cluster.put_secret("acme", "hook", {"url": "https://c.example"})
    await settle()
    assert world.changed == ["acme"]
    world.secrets.follow("acme", ())
    await settle()
    world.cluster.put_secret("acme", "hook", {"url": "https://d.example"})
    await settle()
    assert world.changed == ["acme"]
    assert world.cluster.watches == []


async def test_a_secret_that_comes_later_is_news(world, settle):
    world.secrets.follow("acme", {"hook"})
    await settle()
    assert await world.secrets.read("acme", "hook") is None
    world.cluster.put_secret("acme", "hook", {"url": "https://a.example"})
    await settle()
    assert world.changed == ["acme"]


async def test_a_right_that_is_given_is_news(world, settle):
    world.cluster.forbidden.add("acme")
    world.secrets.follow("acme", {"hook"})
    with pytest.raises(Rejected):
        await world.secrets.read("acme", "hook")
    world.cluster.forbidden.clear()
    await settle()
    world.cluster.put_secret("acme", "hook", {"url": "https://a.example"})
    await settle()
    assert world.changed == ["acme"]


async def test_a_label_is_no_news(world, settle):
    world.cluster.put_secret("acme", "hook", {"url": "https://a.example"})
    world.secrets.follow("acme", {"hook"})
    await settle()
    await world.secrets.read("acme", "hook")
    world.cluster.put_secret("acme", "hook", {"url": "https://a.example"}, {"team": "voice"})
    await settle()
    assert world.changed == []


async def test_no_error_ends_a_watch(monkeypatch):
    tries = []

    class Odd:
        async def watch_secrets(self, namespace, selector):
            tries.append(namespace)
            raise KeyError("type")
            yield

    real = asyncio.sleep
    monkeypatch.setattr("voiceprobe_operator.kubernetes.secrets.asyncio.sleep", lambda _: real(0))
    secrets = Secrets(Odd(), "voice-system", tries.append)
    secrets.follow("acme", {"hook"})
    while len(tries) < 3:
        await real(0)
    await secrets.aclose()


async def test_a_secret_of_another_namespace_that_may_not_be_read_is_no_passing_trouble(world):
    world.cluster.forbidden.add("acme")
    with pytest.raises(Rejected, match="may not read Secret hook of namespace acme"):
        await world.secrets.read("acme", "hook")


async def test_a_watch_that_breaks_begins_again(settings, monkeypatch):
    """After a pause that grows, so that a forbidden Secret is not asked for without end."""
    pauses, events = [], [Transient("KubernetesUnavailable", "broke"), Transient("KubernetesUnavailable", "broke")]

    class Breaking:
        async def watch_secrets(self, namespace, selector):
            if events:
                raise events.pop()
            yield {"type": "ADDED", "object": {"metadata": {"name": "hook", "resourceVersion": "2"}}}
            await asyncio.Event().wait()

    real = asyncio.sleep

    async def sleep(seconds):
        pauses.append(seconds)
        await real(0)

    monkeypatch.setattr("voiceprobe_operator.kubernetes.secrets.asyncio.sleep", sleep)
    changed = []
    secrets = Secrets(Breaking(), "voice-system", changed.append)
    secrets._held["acme", "hook"] = b"what it held"
    secrets.follow("acme", {"hook"})
    while not changed:
        await real(0)
    await secrets.aclose()
    assert changed == ["acme"]
    assert len(pauses) == 2
    assert pauses[1] > pauses[0]


async def test_a_value_that_is_not_text_is_left_out(world):
    world.cluster.put_secret("acme", "hook", {"url": "https://a.example"})
    world.cluster.secrets["acme", "hook"]["data"]["key"] = "/w=="
    assert await world.secrets.read("acme", "hook") == {"url": "https://a.example"}
