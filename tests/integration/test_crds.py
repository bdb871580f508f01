"""What a real API server accepts, defaults and refuses: every rule of the CRDs with its sentence."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Any, Protocol

import pytest

pytestmark = pytest.mark.services
NAMESPACE = "crd-rules"
Spec = dict[str, Any]


class Kubectl(Protocol):
    def kubectl(self, *arguments: str, stdin: str | None = None) -> str: ...


@pytest.fixture(scope="module")
def namespace(cluster: Kubectl) -> str:
    cluster.kubectl("apply", "-f", "-", stdin=json.dumps(manifest("Namespace", "v1", NAMESPACE, namespace=None)))
    return NAMESPACE


def manifest(
    kind: str, version: str, name: str, spec: Spec | None = None, *, namespace: str | None = NAMESPACE
) -> Spec:
    where = {"namespace": namespace} if namespace else {}
    return {"apiVersion": version, "kind": kind, "metadata": {"name": name, **where}, "spec": spec or {}}


def probe(name: str = "rules", **spec: Any) -> Spec:
    smallest: Spec = {
        "destination": "sip:+442071838750@sbc.acme.example",
        "dialer": {"address": "sip:probe-1@voice.example.net"},
        "receiver": {"address": "sip:agent-7@voice.example.net"},
    }
    for key, value in spec.items():
        smallest[key] = smallest.get(key, {}) | value if isinstance(value, dict) else value
    return manifest("VoiceProbe", "voicequality.io/v1alpha1", name, smallest)


def client(name: str = "client", **spec: Any) -> Spec:
    return manifest("VoiceClient", "voicequality.io/v1alpha1", name, spec)


def access(provider: str = "corp", role: str = "Viewer", groups: Sequence[str] = ("acme-voice-viewers",)) -> Spec:
    """A client that is open to some groups of a provider."""
    return client(access=[{"provider": provider, "role": role, "groups": list(groups)}])


def entries(count: int, groups: int, prefix: str = "p") -> list[Spec]:
    """As many entries of `spec.access`, each of so many groups, which are as long as may be."""
    names = [f"{n:03}{'🙂' * 252}" for n in range(groups)]
    return [{"provider": f"{prefix}{n}", "role": "Engineer", "groups": names} for n in range(count)]


def allotment(*numbers: str, client: str = "acme", **spec: Any) -> Spec:
    spec = {"client": client, "numbers": list(numbers), **spec}
    return manifest("NumberAllotment", "voicequality.io/v1alpha1", "rules", spec, namespace=None)


def dry_run(cluster: Kubectl, body: Spec) -> Spec:
    """What the API server would store; raises whatever kubectl raises, with kubectl's words."""
    text = cluster.kubectl("create", "--dry-run=server", "-o", "json", "-f", "-", stdin=json.dumps(body))
    stored: Spec = json.loads(text)
    return stored


REFUSED = {
    "long name": (probe("x" * 64), "may have at most 63 characters"),
    "call longer than its interval": (
        probe(call={"every": "30s", "duration": "30s"}),
        "a call must fit into its interval",
    ),
    "call longer than the interval that is not said": (
        probe(call={"duration": "5m"}),
        "a call must fit into its interval",
    ),
    "both every and schedule": (
        probe(call={"every": "5m", "schedule": "*/5 * * * *"}),
        "say either every or schedule, not both",
    ),
    "address without a user": (probe(dialer={"address": "sip:voice.example"}), "must name a user before the host"),
    "destination that is a number": (probe(destination="+442071838750"), "must begin with sip:, sips: or tel:"),
    "receiver's address": (probe(receiver={"address": "agent-7"}), "must begin with sip:, sips: or tel:"),
    "port that is none": (probe(destination="sip:a@b:99999"), "a port is a number from 1 to 65535"),
    "host with an empty part": (probe(destination="sip:x@foo..bar"), "must name a host"),
    "second line": (probe(destination="sip:x@foo\nVia: elsewhere"), "must be a bare URI"),
    "end of a line": (probe(destination="sip:x@foo\n"), "must be a bare URI"),
    "tab": (probe(dialer={"outboundProxy": "sip:foo\tbar"}), "must be a bare URI"),
    "password": (probe(destination="sip:user:secret@h"), "must hold neither a password"),
    "password of a proxy": (probe(dialer={"outboundProxy": "sip:user:secret@h"}), "must hold neither a password"),
    "header fields": (probe(destination="sip:a@b?Subject=x"), "nor header fields"),
    "escape that is none": (probe(destination="sip:a%2@b"), "each % must be followed by two hexadecimal digits"),
    "scheme that is none": (probe(destination="mailto:a@b"), "must begin with sip:, sips: or tel:"),
    "telephone number without its context": (
        probe(receiver={"address": "tel:7042"}),
        "a number without + needs its context, a domain or how its numbers begin",
    ),
    "telephone number without a proxy": (
        probe(destination="tel:+442071838750"),
        "a destination that is a telephone number (tel:) names no host",
    ),
    "telephone number that registers": (
        probe(receiver={"address": "tel:+442071838750", "registrar": "sip:pbx.acme.example"}),
        "a receiver that registers (receiver.registrar) must have a SIP address",
    ),
    "proxy that is a number": (
        probe(dialer={"outboundProxy": "tel:+442071838750"}),
        "must begin with sip: or sips:, such as sip:pbx.example.net:5061",
    ),
    "outbound proxy": (probe(dialer={"outboundProxy": "10.0.0.1"}), "must begin with sip: or sips:"),
    "registrar": (probe(receiver={"registrar": "pbx"}), "must begin with sip: or sips:"),
    "secret as a credential": (probe(dialer={"credentials": "user:Pa55"}), "must be the name of a credential"),
    "duration that is none": (probe(call={"duration": "half a minute"}), "must be a duration such as 90s"),
    "every that is no duration": (probe(call={"every": "5 min"}), "must be a duration such as 90s"),
    "calls too often": (probe(call={"every": "11s", "duration": "3s"}), "may be placed every 12s at most"),
    "calls too seldom": (probe(call={"every": "25h"}), "may be placed every 12s at most, and every 24h at least"),
    "call too short": (probe(call={"duration": "2s"}), "must last at least 3s"),
    "call too long": (probe(call={"every": "3h", "duration": "61m"}), "at most 1h"),
    "late answer": (probe(receiver={"answerAfter": "3m"}), "must answer within 2m"),
    "schedule of four fields": (probe(call={"schedule": "* * * *"}), "must have the five fields of cron"),
    "time zone": (probe(call={"timeZone": "not a zone"}), "must be a time zone such as UTC"),
    "digit after the end": (
        probe(call={"dtmf": [{"after": "30s", "digits": "1"}]}),
        "a digit must be sent before the call ends",
    ),
    "digits": (probe(call={"dtmf": [{"after": "1s", "digits": "one"}]}), "may hold the digits 0 to 9"),
    "audio in a folder": (probe(call={"audio": "../speech.wav"}), "must be the name of a recording"),
    "mos": (probe(thresholds={"mos": {"warning": 3.6, "critical": 4}}), "critical MOS must be below the warning"),
    "mos against the default": (probe(thresholds={"mos": {"critical": 4.2}}), "critical MOS must be below the warning"),
    "loss": (
        probe(thresholds={"packetLossPercent": {"warning": 2, "critical": 1}}),
        "critical packet loss must be above the warning",
    ),
    "jitter": (
        probe(thresholds={"jitterMilliseconds": {"warning": 40, "critical": 40}}),
        "critical jitter must be above the warning",
    ),
    "post-dial delay": (
        probe(thresholds={"postDialDelaySeconds": {"warning": 7}}),
        "critical post-dial delay must be above the warning",
    ),
    "late media": (
        probe(thresholds={"lateMediaSeconds": {"warning": 3}}),
        "critical late media must be above the warning",
    ),
    "late media of no length": (
        probe(thresholds={"lateMediaSeconds": {"warning": -1}}),
        "should be greater than or equal to 0",
    ),
    "alert too late": (probe(alerting={"for": "25h"}), "alerting.for may be 24h at most"),
    "unknown codec": (probe(call={"codecs": ["GSM"]}), "Unsupported value"),
    "second client": (client("other"), "its name must be client"),
    "client's time zone": (client(timeZone="1/2"), "must be a time zone such as UTC"),
    "access without a role": (client(access=[{"provider": "corp", "groups": ["g"]}]), "spec.access[0].role"),
    "access to a role that is none": (access(role="Staff"), 'supported values: "Viewer", "Engineer"'),
    "access for nobody": (access(groups=[]), "should have at least 1 items"),
    "access without groups": (client(access=[{"provider": "corp", "role": "Viewer"}]), "groups: Required value"),
    "group twice": (access(groups=["g", "g"]), "Duplicate value"),
    "two entries of a provider and a role": (
        client(access=[{"provider": "corp", "role": "Viewer", "groups": [group]} for group in "ab"]),
        "Duplicate value",
    ),
    "provider that is no label": (
        access(provider="Corp"),
        "must be the name of a sign-in provider, of lower-case letters",
    ),
    "provider that ends with a hyphen": (access(provider="corp-"), "must be the name of a sign-in provider"),
    "provider with a second line": (access(provider="corp\n"), "must be the name of a sign-in provider"),
    "provider of 64 characters": (access(provider="x" * 64), "may not be more than 63"),
    "group with a line end": (access(groups=["acme\n"]), "a group is one line of text, without tabs, line ends"),
    "group with a tab": (access(groups=["ac\tme"]), "a group is one line of text"),
    "group with a NUL": (access(groups=["acme\0"]), "a group is one line of text"),
    "group with a line separator": (access(groups=["acme\u2028voice"]), "a group is one line of text"),
    "group with a control character of ISO 6429": (access(groups=["acme\u0085"]), "a group is one line of text"),
    "group of nothing": (access(groups=[""]), "should be at least 1 chars long"),
    "group of blanks": (access(groups=[" \u00a0\u3000"]), "a group must have a name, and not blanks alone"),
    "group of 256 characters": (access(groups=["ä" * 256]), "may not be more than 255"),
    "65 groups in an entry": (access(groups=[f"g{n}" for n in range(65)]), "must have at most 64 items"),
    "257 groups": (client(access=entries(4, 64) + entries(1, 1, "last")), "may be open to 256 groups at most"),
    "33 entries": (client(access=entries(33, 1)), "must have at most 32 items"),
    "no number": (allotment(), "should have at least 1 items"),
    "allotted to nobody": (allotment("agent-7", client=""), "must be the name of a namespace"),
    "allotted to what is no namespace": (allotment("agent-7", client="Acme Ltd"), "must be the name of a namespace"),
    "national number": (allotment("02071838750"), "must be a number in full such as +442071838750"),
    "number with separators": (allotment("+44 20 7183 8750"), "must be a number in full such as +442071838750"),
    "number that begins with 00": (allotment("00442071838750"), "must be a number in full such as +442071838750"),
    "number that is too long": (allotment("+4420718387501234"), "must be a number in full such as +442071838750"),
    "range of everything": (allotment("+*"), "the beginning of such numbers such as +4420718387*"),
    "range of names": (allotment("agent-*"), "or a name such as agent-7"),
    "range with a star inside": (allotment("+44*20*"), "must be a number in full such as +442071838750"),
    "address instead of its user": (allotment("sip:agent-7@h"), "or a name such as agent-7"),
    "second line in a number": (allotment("agent-7\nagent-8"), "or a name such as agent-7"),
    "number twice": (allotment("agent-7", "agent-7"), "Duplicate value"),
}


@pytest.mark.parametrize(("body", "sentence"), REFUSED.values(), ids=REFUSED)
def test_what_cannot_work_is_refused_with_its_sentence(
    cluster: Kubectl, namespace: str, body: Spec, sentence: str
) -> None:
    with pytest.raises(Exception, match=re.escape(sentence)):
        dry_run(cluster, body)


ACCEPTED = {
    "allotted numbers": allotment("+442071838750", "+4420718387*", "+4*", "agent-7", "1001", "john.doe_2", "o'brien"),
    "256 of them": allotment(*(f"+4420718{n:05}" for n in range(256))),
    "the smallest": probe(),
    "a name of 63 characters": probe("x" * 63),
    "a call that just fits": probe(receiver={"answerAfter": "2s"}, call={"every": "12s", "duration": "10s"}),
    "a schedule": probe(call={"schedule": "*/5 8-18 * * MON-FRI", "timeZone": "Europe/London", "duration": "10m"}),
    "everything": probe(
        displayName="Inbound sales line",
        dialer={"outboundProxy": "sip:[2001:db8:c::10]:5061;transport=tls", "credentials": "acme-trunk"},
        receiver={"registrar": "sip:pbx.acme.example", "credentials": "acme-agent", "answerAfter": "0s"},
        call={
            "every": "1m30s",
            "dtmf": [{"after": "3s", "digits": "1"}, {"after": "500ms", "digits": "*#A"}],
            "codecs": ["opus", "G722", "PCMA"],
            "mediaEncryption": "sdes",
        },
        suspend=True,
    ),
    "telephone numbers": probe(
        dialer={"address": "tel:+44-20-7183-8750;ext=7", "outboundProxy": "sip:sbc.acme.example"},
        destination="tel:+442071838750",
        receiver={"address": "tel:7042;phone-context=acme.example"},
    ),
    "telephone parameters": probe(
        destination="sip:+442071838750;npdi;rn=+442071838000;cic=+1-222@sbc_1.acme.example.;user=phone;x-tgrp=a&b",
        dialer={"address": "SIP:%2B442071838750@[2001:db8::1]:5060;maddr=[2001:db8::2]"},
        receiver={"address": "sips:o'brien&x=y+z$,;?/(!)~*@_voice.example.net"},
    ),
    "access by what Entra ID and Active Directory tell": access(
        groups=[
            "6f3c1c2e-8d0b-4b8e-9a55-0f6f6f0c1a2b",
            "CN=Voice\\, Engineers,OU=Gruppen,DC=corp,DC=example",
            "ACME\\voice",
            "Ärzte ",
        ]
    ),
    "access of both roles, the same group too": client(
        access=[{"provider": "corp", "role": role, "groups": ["acme"]} for role in ("Viewer", "Engineer")]
    ),
    "access of two providers": client(
        access=[{"provider": name, "role": "Viewer", "groups": ["acme"]} for name in ("corp", "x" * 63)]
    ),
    "32 entries": client(access=entries(32, 8)),
    "256 long groups": client(access=entries(4, 64)),
    "access for nobody": client(access=[]),
    "a client": client(displayName="Acme Ltd", timeZone="America/Argentina/Buenos_Aires"),
}


@pytest.mark.parametrize("body", ACCEPTED.values(), ids=ACCEPTED)
def test_what_can_work_is_accepted(cluster: Kubectl, namespace: str, body: Spec) -> None:
    assert dry_run(cluster, body)["kind"] == body["kind"]


def test_three_addresses_are_enough(cluster: Kubectl, namespace: str) -> None:
    spec = dry_run(cluster, probe())["spec"]
    assert spec["receiver"]["answerAfter"] == "2s"
    assert spec["call"] == {
        "timeZone": "UTC",
        "duration": "30s",
        "codecs": ["PCMA", "PCMU"],
        "audio": "speech-en",
        "mediaEncryption": "none",
        "allowOverlap": False,
    }
    assert spec["thresholds"] == {
        "mos": {"warning": 4.0, "critical": 3.6},
        "packetLossPercent": {"warning": 0.5, "critical": 2},
        "jitterMilliseconds": {"warning": 20, "critical": 40},
        "postDialDelaySeconds": {"warning": 3, "critical": 6},
        "lateMediaSeconds": {"warning": 1, "critical": 3},
    }
    assert spec["alerting"] == {"enabled": True, "for": "10m"}
    assert spec["suspend"] is False
