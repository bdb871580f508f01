"""Values that the operator's tests start from."""

from __future__ import annotations

import copy
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from tests.far_grafana import FarGrafana
from tests.operator_world import World
from voiceprobe_operator import service
from voiceprobe_operator.model import Probe, parse_probe
from voiceprobe_operator.service import Service
from voiceprobe_operator.settings import Settings

Body = dict[str, Any]
ProbeBody = Callable[..., Body]

ENV = {
    "VOICE_MYSQL_HOST": "mysql.example",
    "VOICE_MYSQL_USER": "voice_operator",
    "VOICE_MYSQL_PASSWORD": "mysql-secret",
    "VOICE_GRAFANA_URL": "http://grafana.example/grafana/",
    "VOICE_GRAFANA_USER": "admin",
    "VOICE_GRAFANA_PASSWORD": "grafana-secret",
    "VOICE_PORTAL_URL": "https://voice.example/",
    "VOICE_OPERATOR_NAMESPACE": "voice-system",
}

# As the API server stores `destination`, `receiver.address` and `dialer.address` alone: with the CRD's defaults.
STORED: Body = {
    "apiVersion": "voicequality.io/v1alpha1",
    "kind": "VoiceProbe",
    "metadata": {
        "name": "inbound-sales",
        "namespace": "acme",
        "uid": "b1282a90-5a49-4fe3-a3e6-0259f5275dc5",
        "generation": 3,
    },
    "spec": {
        "destination": "sip:+442071838750@sbc.acme.example",
        "dialer": {"address": "sip:probe-1@voice.example.net"},
        "receiver": {"address": "sip:agent-7@voice.example.net", "answerAfter": "2s", "confirmation": "none"},
        "call": {
            "timeZone": "UTC",
            "duration": "30s",
            "codecs": ["PCMA", "PCMU"],
            "audio": "speech-en",
            "mediaEncryption": "none",
            "allowOverlap": False,
        },
        "thresholds": {
            "mos": {"warning": 4, "critical": 3.6},
            "packetLossPercent": {"warning": 0.5, "critical": 2},
            "jitterMilliseconds": {"warning": 20, "critical": 40},
            "postDialDelaySeconds": {"warning": 3, "critical": 6},
            "lateMediaSeconds": {"warning": 1, "critical": 3},
        },
        "alerting": {"enabled": True, "for": "10m"},
        "suspend": False,
    },
}


@pytest.fixture
def env() -> dict[str, str]:
    return dict(ENV)


@pytest.fixture
def settings() -> Settings:
    return Settings.from_env(ENV)


@pytest.fixture
def probe_body() -> ProbeBody:
    """Makes a stored VoiceProbe; keyword arguments replace parts of spec, one level deep, or metadata."""

    def make(*, metadata: Body | None = None, **spec: Any) -> Body:
        body = copy.deepcopy(STORED)
        body["metadata"] |= metadata or {}
        for key, value in spec.items():
            part = body["spec"].get(key)
            body["spec"][key] = part | value if isinstance(part, dict) else value
        return body

    return make


@pytest.fixture
def probe(probe_body: ProbeBody) -> Probe:
    return parse_probe(probe_body())


@pytest.fixture
def far() -> FarGrafana:
    return FarGrafana()


@pytest.fixture
async def world(settings: Settings, far: FarGrafana) -> AsyncIterator[World]:
    world = World(settings, far)
    yield world
    await world.aclose()


@pytest.fixture
async def one_probe(world: World, probe_body: ProbeBody) -> None:
    """In the world there is one probe of acme, of which a complete list has told."""
    world.apply(probe_body())
    await world.resyncing.look()


@pytest.fixture
def running(settings: Settings, world: World, monkeypatch: pytest.MonkeyPatch) -> Service:
    """A service, not started, on the world's cluster, database and Grafana."""
    for name in ("Kubernetes", "Database", "Grafana"):
        value = {"Kubernetes": world.cluster, "Database": world.database, "Grafana": world.api}[name]
        monkeypatch.setattr(service, name, lambda *_, value=value: value)
    return Service(settings)
