"""An alert on its way to people: a failed call, a rule of the real Grafana, a mail server and a webhook that listen."""

from __future__ import annotations

import http.server
import json
import time
import uuid
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any

import httpx
import pytest
from aiosmtpd.controller import Controller

from tests.conftest import Cluster
from tests.operator_replica import until
from tests.serving import serving
from voice_lab import pods
from voice_lab.context import Lab
from voice_lab.services import database, grafana

pytestmark = [pytest.mark.services, pytest.mark.long, pytest.mark.timeout(400)]
HOSTILE = "Fax {{ template }} ${HOME} <b>"
Body = dict[str, Any]


class Hook(http.server.ThreadingHTTPServer):
    """A webhook's other end: what it was sent, each with the header that says by whom."""

    def __init__(self) -> None:
        self.heard: list[tuple[str, Body]] = []
        super().__init__(("127.0.0.1", 0), _Hear)

    def alerts(self) -> list[tuple[str, Body]]:
        return [(by, alert) for by, sent in [*self.heard] for alert in sent["alerts"]]


class _Hear(http.server.BaseHTTPRequestHandler):
    server: Hook

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.heard.append((self.headers["Authorization"] or "", json.loads(body)))
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Keep quiet."""


class Mailbox:
    """A mail server that keeps what comes."""

    def __init__(self) -> None:
        self.letters: list[tuple[list[str], EmailMessage]] = []

    def addresses(self) -> set[str]:
        return {address for sent_to, _ in [*self.letters] for address in sent_to}

    async def handle_DATA(self, _server: object, _session: object, envelope: Any) -> str:
        letter = message_from_bytes(envelope.content, policy=policy.default)
        self.letters.append((envelope.rcpt_tos, letter))
        return "250 OK"


@pytest.fixture
def hook() -> Iterator[Hook]:
    with Hook() as server, serving(server):
        yield server


@pytest.fixture
def mailbox(operator: Lab) -> Iterator[Mailbox]:
    box = Mailbox()
    controller = Controller(box, hostname="127.0.0.1", port=operator.ports["mail"])
    controller.start()
    yield box
    controller.stop()


class Client:
    """A client's namespace."""

    def __init__(self, cluster: Cluster, lab: Lab) -> None:
        self.name, self._cluster, self.lab = f"told-{uuid.uuid4().hex[:6]}", cluster, lab
        self.kubectl("create", "namespace", self.name)

    def kubectl(self, *arguments: str, stdin: str | None = None) -> str:
        return self._cluster.kubectl(*arguments, stdin=stdin)

    def apply(self, kind: str, name: str, **rest: Any) -> None:
        version = "v1" if kind == "Secret" else "voicequality.io/v1alpha1"
        body = {"apiVersion": version, "kind": kind, "metadata": {"name": name, "namespace": self.name}, **rest}
        self.kubectl("apply", "-f", "-", stdin=json.dumps(body))

    def tell(self, *receivers: Body) -> None:
        self.apply("VoiceClient", "client", spec={"receivers": list(receivers)})

    def probe(self, name: str, **spec: Any) -> None:
        smallest = {
            "destination": "sip:+442071834486@sbc.acme.example",
            "dialer": {"address": "sip:probe-1@voice.example.net"},
            "receiver": {"address": f"sip:{self.name}@voice.example.net"},
            "call": {"every": "1h"},
        }
        self.apply("VoiceProbe", name, spec=smallest | spec)

    def condition(self) -> Body:
        body = json.loads(self.kubectl("get", "vc", "client", "-n", self.name, "-o", "json"))
        found = [c for c in body.get("status", {}).get("conditions", ()) if c["type"] == "AlertsReady"]
        is_new = found and found[0]["observedGeneration"] == body["metadata"]["generation"]
        return found[0] if is_new else {"status": "not yet"}

    def allow(self) -> None:
        account = f"--serviceaccount={pods.NAMESPACE}:voice-quality-operator"
        role = "--clusterrole=voice-quality-receivers"
        self.kubectl("create", "rolebinding", "voice-receivers", "-n", self.name, role, account)

    def failed_call(self, probe: str) -> None:
        """A call that was busy, and ended longer ago than a probe's `alerting.for`."""
        began = datetime.now(UTC).replace(tzinfo=None) - timedelta(minutes=20)
        columns = {
            "uuid": uuid.uuid4().bytes, "started_at": began, "ended_at": began, "client": self.name, "probe": probe,
            "generation": 1, "sip_host": "h", "from_uri": "a", "to_uri": "b", "srtp": 0, "disposition": "busy",
            "sip_code": 486, "duration_ms": 0, "hangup_by": "remote", "audio": "tone", "valid": 1,
        }  # fmt: skip
        marks = ", ".join(["%s"] * len(columns))
        with closing(database.connect(self.lab, "owner")) as connection, connection.cursor() as cursor:
            cursor.execute(f"INSERT INTO voice_call ({', '.join(columns)}) VALUES ({marks})", [*columns.values()])

    def grafana(self, path: str) -> Any:
        with httpx.Client(base_url=self.lab.grafana_url, auth=grafana.administrator(self.lab), timeout=20) as server:
            org = server.get(f"/api/orgs/name/{self.name}").raise_for_status().json()["id"]
            return server.get(path, headers={"X-Grafana-Org-Id": str(org)}).raise_for_status().json()


@pytest.fixture
def client(cluster: Cluster, operator: Lab) -> Iterator[Client]:
    made = Client(cluster, operator)
    yield made
    made.kubectl("delete", "vp,vc", "--all", "-n", made.name)


def email(*addresses: str) -> Body:
    return {"name": "noc", "email": {"addresses": list(addresses)}}


def webhook(hook: Hook, **rest: Any) -> Body:
    authorization = {"credentialsSecretRef": {"name": "pager", "key": "token"}}
    url = {"name": "pager", "key": "url"}
    return {"name": "pager", "webhook": {"urlSecretRef": url, "authorization": authorization}, **rest}


def secret(hook: Hook, token: str) -> Body:
    return {"url": f"http://127.0.0.1:{hook.server_port}/v1", "token": token}


def test_an_alert_reaches_mail_and_webhook_and_nobody_else(client: Client, hook: Hook, mailbox: Mailbox) -> None:
    client.allow()
    client.apply("Secret", "pager", stringData=secret(hook, "t0ken"))
    warned = {"name": "warned", "severities": ["warning"], "email": {"addresses": ["warned@acme.example"]}}
    client.tell(email("noc@acme.example", "ops@acme.example"), webhook(hook), warned)
    client.probe("fax", displayName=HOSTILE)
    until(lambda: client.condition()["status"] == "True", 90, "the receivers are in place")
    client.failed_call("fax")
    by, alert = until(lambda: hook.alerts()[:1], 90, "the webhook is called")[0]
    assert by == "Bearer t0ken"
    assert (alert["status"], alert["labels"]["alertname"]) == ("firing", "Calls fail")
    assert (alert["labels"]["probe"], alert["labels"]["severity"]) == ("fax", "critical")
    assert alert["annotations"]["summary"] == "fax: calls fail: the last one ended with SIP code 486"
    own = f"{client.lab.portal_url}/c/{client.name}/"
    assert alert["annotations"]["portal"] == f"{own}probes/fax/"
    assert alert["annotations"]["dashboard"].startswith(f"{own}dashboards/vp-")
    assert alert["labels"]["probe_name"] == "Fax    template    $ HOME   b", (
        "nothing in it is read as a template or markup"
    )
    until(lambda: len(mailbox.addresses()) == 2, 60, "the mail comes to both")
    assert mailbox.addresses() == {"noc@acme.example", "ops@acme.example"}
    (letter,) = {str(letter["Subject"]) for _, letter in mailbox.letters}
    assert "Calls fail" in letter


def test_a_secret_that_is_rotated_is_used_at_once_and_never_read_back(client: Client, hook: Hook) -> None:
    client.allow()
    client.apply("Secret", "pager", stringData=secret(hook, "old"))
    client.tell(webhook(hook))
    client.probe("fax")
    until(lambda: client.condition()["status"] == "True", 90, "the receivers are in place")
    uids = {point["uid"] for point in client.grafana("/api/v1/provisioning/contact-points")}
    client.apply("Secret", "pager", stringData=secret(hook, "new"))
    began = time.monotonic()
    until(
        lambda: {p["uid"] for p in client.grafana("/api/v1/provisioning/contact-points")} != uids, 15, "it is written"
    )
    assert time.monotonic() - began < 10, "by the watch, not by a resync every 20 s"
    text = json.dumps(client.grafana("/api/v1/provisioning/contact-points"))
    assert not {"old", "new"} & set(text.split('"'))
    client.failed_call("fax")
    assert until(lambda: hook.alerts()[:1], 90, "the webhook is called")[0][0] == "Bearer new"


def test_a_secret_that_nobody_allowed_to_be_read_is_told_of_with_the_way_to_allow_it(
    client: Client, hook: Hook
) -> None:
    client.apply("Secret", "pager", stringData=secret(hook, "t0ken"))
    client.tell(webhook(hook), email("noc@acme.example"))
    client.probe("fax")
    until(lambda: client.condition().get("reason") == "SecretUnusable", 90, "it is told")
    told = client.condition()
    assert f"kubectl create rolebinding voice-receivers -n {client.name}" in told["message"]
    assert [p["name"] for p in client.grafana("/api/v1/provisioning/contact-points") if p["uid"]] == ["voice: noc"]
    client.allow()
    until(lambda: client.condition()["status"] == "True", 60, "what is allowed is used")
