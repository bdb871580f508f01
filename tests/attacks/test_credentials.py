"""A credential answers to its own client, hosts and realms. Each far end here asks for a proof that it may not have,
and notes every datagram that reaches it.
"""

from __future__ import annotations

import contextlib
import re
import socket
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.unit.sipapp.bench import Bench, a_probe, a_tone
from voice_sipapp.plan.sipuri import SipUri
from voice_sipapp.records.cdr import CallRecord
from voice_sipapp.signalling import credentials
from voice_sipapp.signalling.sip import freshness
from voice_sipapp.signalling.sip.eventloop import run_loop

# The stack leaves it to the garbage collector to close a socket that it opens only to see whether IPv6 is there.
pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning")

LISTED, UNLISTED = "127.0.0.1", "127.0.0.2"
PASSWORD = "s3cret of the trunk"
FILE = f"""
[trunk]
username = "trunk-user"
password = "{PASSWORD}"
clients = ["acme"]
realms = ["acme.example", "proxy.acme.example"]
hosts = ["{LISTED}"]

[others]
username = "agent"
password = "another"
clients = ["initech"]
realms = ["initech.example"]
hosts = ["{LISTED}", "{UNLISTED}"]
"""
OURS = 'Digest realm="acme.example", nonce="chosen-by-the-far-end", qop="auth"'
ANSWER = "\r\n".join(
    ["v=0", "o=far 1 1 IN IP4 127.0.0.1", "s=-", "c=IN IP4 127.0.0.1", "t=0 0", "m=audio 9 RTP/AVP 8", "a=sendrecv", ""]
)

Reply = tuple[str, list[str], str]
"""Status line without the version, headers, body."""


class FarEnd(threading.Thread):
    """A UDP port at `host`: answers each request as `reply` says, told its method and how many came before it."""

    def __init__(self, host: str, reply: Callable[[str, int], Reply]) -> None:
        super().__init__(daemon=True)
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind((host, 0))
        self._socket.settimeout(0.1)
        self._reply = reply
        self._ending = threading.Event()
        self.where = f"{host}:{self._socket.getsockname()[1]}"
        self.received: list[str] = []
        self.start()

    def run(self) -> None:
        while not self._ending.is_set():
            try:
                data, source = self._socket.recvfrom(65535)
            except (TimeoutError, ConnectionError):
                continue
            method, before = data.decode().split(" ")[0], [text.split(" ")[0] for text in self.received]
            self.received.append(data.decode())
            if method not in ("ACK", "SIP/2.0"):
                self._socket.sendto(_response(data.decode(), *self._reply(method, before.count(method))), source)

    @property
    def methods(self) -> list[str]:
        return [text.split(" ")[0] for text in self.received]

    @property
    def proofs(self) -> list[str]:
        """The method and the realm of each proof that came."""
        return [
            f"{text.split(' ')[0]} {realm}"
            for text in self.received
            for realm in re.findall(r"^(?:Proxy-)?Authorization:.*?realm=\"([^\"]*)\"", text, re.MULTILINE | re.I)
        ]

    def close(self) -> None:
        self._ending.set()
        self.join(5)
        self._socket.close()


def _response(request: str, status: str, headers: list[str], body: str) -> bytes:
    kept = [
        line + (";tag=far" if line.lower().startswith("to:") and "tag=" not in line else "")
        for line in request.split("\r\n\r\n", maxsplit=1)[0].split("\r\n")[1:]
        if line.split(":")[0].lower() in ("via", "from", "to", "call-id", "cseq")
    ]
    described = ["Content-Type: application/sdp"] if body else []
    head = [f"SIP/2.0 {status}", *kept, *headers, *described, f"Content-Length: {len(body)}", "", body]
    return "\r\n".join(head).encode()


def challenges(*headers: str, code: int = 401) -> Callable[[str, int], Reply]:
    return lambda *_: (f"{code} Who Is There", list(headers or [f"WWW-Authenticate: {OURS}"]), "")


def answers(contact: str, *more: str, then: Callable[[str, int], Reply] | None = None) -> Callable[[str, int], Reply]:
    """Challenges the first INVITE, takes the next one and tells to go on at `contact`; `then`: what comes after it."""

    def reply(method: str, before: int) -> Reply:
        if method == "INVITE" and before == 0:
            return "401 Who Is There", [f"WWW-Authenticate: {OURS}"], ""
        if method == "INVITE" and before == 1:
            return "200 OK", [f"Contact: <sip:far@{contact}>", *more], ANSWER
        return then(method, before) if then else ("200 OK", [], "")

    return reply


class Host:
    """A SIP host with a file of credentials, and the far ends that a test puts in its way."""

    def __init__(self, folder: Path) -> None:
        sounds = a_tone(folder)
        path = folder / "credentials.toml"
        path.touch(0o600)
        path.write_text(FILE)
        self.bench = Bench(sounds, LISTED)
        self.bench.restart(credentials=credentials.load(str(path)))
        self.caller, self.station = self.bench.caller, self.bench.station
        self.registrations = self.caller.registrations
        self._far_ends: list[FarEnd] = []

    def far_end(self, host: str, reply: Callable[[str, int], Reply]) -> FarEnd:
        self._far_ends.append(FarEnd(host, reply))
        return self._far_ends[-1]

    def call(self, far: FarEnd, **changes: Any) -> CallRecord:
        there = SipUri.parse(f"sip:+442071838750@{far.where}")
        changes = {"destination": there, "dialer_credentials": "trunk", "duration_ms": 300, "probe": "attack"} | changes
        self.caller.outbound.place(a_probe(0, **changes))
        run_loop(timeout_s=10)
        assert self.bench.cdrs, "the call did not end"
        return self.bench.cdrs[-1].call

    def register(self, registrar: FarEnd, client: str = "acme") -> str:
        """Register, and return why the receiver can't be reached."""
        at = SipUri.parse(f"sip:{registrar.where}")
        probe = a_probe(0, client=client, registrar=at, receiver_credentials="trunk")
        self.registrations.update([probe])
        for _ in range(100):
            if reason := self.station.unreachable.get(probe.key):
                return reason
            run_loop(timeout_s=0.05)
        return ""

    def close(self) -> None:
        self.registrations.stop()
        self.bench.close()
        for far in self._far_ends:
            far.close()


@pytest.fixture
def host(tmp_path: Path) -> Iterator[Host]:
    with contextlib.closing(Host(tmp_path)) as made:
        yield made


def refused(call: CallRecord, words: str, code: int | None) -> None:
    """The record says what is wrong, and nothing of what the credential is for besides."""
    assert (call.disposition, call.sip_code, call.valid) == ("configuration_error", code, True)
    told = call.sip_reason or ""
    assert words in told
    assert not any(secret in told for secret in (PASSWORD, "trunk-user", "proxy.acme.example", "'acme'"))


# --- whose it is, and where the INVITE goes ---


@pytest.mark.parametrize("client", ["globex", "acme-2", "ACME", "initech"])
def test_a_far_end_of_another_clients_choosing_hears_nothing_at_all(host: Host, client: str):
    far = host.far_end(LISTED, challenges())
    call = host.call(far, client=client)
    refused(call, f"the credential 'trunk' may not be used by the client '{client}'", None)
    assert far.received == []


def test_nor_does_one_at_another_host_of_the_own_clients_choosing(host: Host):
    far = host.far_end(UNLISTED, challenges())
    refused(host.call(far), f"the credential 'trunk' may not be used at '{UNLISTED}'", None)
    assert far.received == []


@pytest.mark.parametrize("destination", ["sip:127.0.0.1@{0}:{1}", "sip:x@127.0.0.1:{1};maddr={0}"])
def test_nor_one_whose_address_looks_like_a_listed_one(host: Host, destination: str):
    far = host.far_end(UNLISTED, challenges())
    there = SipUri.parse(destination.format(*far.where.split(":")))
    refused(host.call(far, destination=there), f"the credential 'trunk' may not be used at '{UNLISTED}'", None)
    assert far.received == []


def test_nor_one_behind_an_outbound_proxy_that_is_not_listed_though_the_destination_is(host: Host):
    proxy = host.far_end(UNLISTED, challenges())
    there = SipUri.parse(f"sip:x@{LISTED}")
    refused(host.call(proxy, destination=there, proxy=SipUri.parse(f"sip:{proxy.where}")), "may not be used at", None)
    assert proxy.received == []


def test_a_name_that_is_not_listed_is_not_the_address_that_it_has(host: Host):
    far = host.far_end(LISTED, challenges())
    named = SipUri.parse(f"sip:x@localhost:{far.where.split(':')[1]}")
    refused(host.call(far, destination=named), "may not be used at 'localhost'", None)
    assert far.received == []


def test_a_redirect_leads_no_proof_astray(host: Host):
    thief = host.far_end(UNLISTED, challenges())
    moved = [f"Contact: <sip:x@{thief.where}>"]
    first = host.far_end(LISTED, lambda *_: ("302 Moved", moved, ""))
    refused(host.call(first), f"the credential 'trunk' may not be used at '{UNLISTED}'", 302)
    assert (first.methods[0], thief.received) == ("INVITE", [])


# --- what is asked for ---


@pytest.mark.parametrize(
    "realm", ["initech.example", "ACME.example", "acme.example.", "acme.example ", "", 'acme\\".example', "*"]
)
@pytest.mark.parametrize("code", [401, 407])
def test_a_challenge_for_another_realm_is_not_met(host: Host, realm: str, code: int):
    name = "WWW-Authenticate" if code == 401 else "Proxy-Authenticate"
    far = host.far_end(LISTED, challenges(f'{name}: Digest realm="{realm}", nonce="mine"', code=code))
    refused(host.call(far), "the credential 'trunk' may not be used for the realm", code)
    assert (far.methods, far.proofs) == (["INVITE", "ACK"], [])


def test_of_several_challenges_only_those_are_met_that_the_credential_is_for(host: Host):
    asked = [
        'Proxy-Authenticate: Digest realm="initech.example", nonce="a"', f"WWW-Authenticate: {OURS}",
        'WWW-Authenticate: Basic realm="acme.example"', 'WWW-Authenticate: Digest realm="elsewhere", nonce="b"',
        'Proxy-Authenticate: Digest realm="proxy.acme.example", nonce="c"',
    ]  # fmt: skip
    far = host.far_end(LISTED, challenges(*asked))
    refused(host.call(far), "may not be used for the realm", 401)
    assert sorted(set(far.proofs)) == ["ACK acme.example", "ACK proxy.acme.example", "INVITE acme.example",
                                       "INVITE proxy.acme.example"]  # fmt: skip


def test_the_credential_of_another_probe_is_not_tried_instead(host: Host):
    far = host.far_end(LISTED, challenges('WWW-Authenticate: Digest realm="initech.example", nonce="x"'))
    host.call(far, client="acme", dialer_credentials="trunk")
    host.call(far, client="acme", dialer_credentials=None, receiver_credentials="trunk")
    assert far.proofs == []


# --- within a call, which goes on where the far end says ---


def test_who_is_named_by_an_answer_gets_no_proof_with_the_ack_nor_for_the_bye(host: Host):
    thief = host.far_end(UNLISTED, challenges())
    trunk = host.far_end(LISTED, answers(thief.where))
    call = host.call(trunk)
    assert trunk.proofs == ["INVITE acme.example"]
    assert (thief.methods[:2], thief.proofs) == (["ACK", "BYE"], [])
    assert call.disposition == "answered"  # and what was measured stays
    assert f"the credential 'trunk' may not be used at '{UNLISTED}'" in (call.sip_reason or "")


def test_nor_does_who_put_itself_between_by_a_record_route(host: Host):
    thief = host.far_end(UNLISTED, challenges())
    trunk = host.far_end(LISTED, answers(LISTED, f"Record-Route: <sip:{thief.where};lr>"))
    host.call(trunk)
    assert (thief.methods[:2], thief.proofs) == (["ACK", "BYE"], [])


def test_nor_for_a_refresh_of_the_session(host: Host, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(freshness, "SHORTEST_REFRESH_S", 0.2)
    thief = host.far_end(UNLISTED, challenges())
    trunk = host.far_end(LISTED, answers(thief.where, "Require: timer", "Session-Expires: 1;refresher=uac"))
    host.call(trunk, duration_ms=1500)
    assert "INVITE" in thief.methods
    assert thief.proofs == []


def test_a_bye_that_a_listed_host_challenges_is_met_and_for_another_realm_is_not(host: Host):
    for realm, met in (("acme.example", True), ("initech.example", False)):
        asked = f'WWW-Authenticate: Digest realm="{realm}", nonce="x"'

        def bye(_: str, before: int, asked: str = asked) -> Reply:
            return ("200 OK", [], "") if before else ("401 Who Is There", [asked], "")

        far = host.far_end(LISTED, answers("127.0.0.1:1", then=bye))
        far._reply = answers(far.where, then=bye)
        call = host.call(far)
        assert ("BYE acme.example" in far.proofs) is met
        assert ("may not be used for the realm 'initech.example'" in (call.sip_reason or "")) is not met


# --- registrations ---


def test_no_other_client_registers_with_it(host: Host):
    far = host.far_end(LISTED, challenges())
    reason = host.register(far, client="globex")
    assert "the credential 'trunk' may not be used by the client 'globex'" in reason
    assert far.received == []


def test_no_other_client_rides_along_with_an_account_of_who_may(host: Host):
    registrar = host.far_end(
        LISTED, lambda _, before: ("200 OK", [], "") if before else ("401 No", [f"WWW-Authenticate: {OURS}"], "")
    )
    at = SipUri.parse(f"sip:{registrar.where}")
    own = a_probe(0, registrar=at, receiver_credentials="trunk")
    host.registrations.update([own, replace(own, client="globex")])
    for _ in range(60):
        run_loop(timeout_s=0.05)
        if registrar.proofs and host.station.unreachable:
            break
    run_loop(timeout_s=0.2)
    assert registrar.proofs == ["REGISTER acme.example"]
    assert list(host.station.unreachable) == [("globex", own.probe)]


def test_who_leaves_does_not_unregister_the_receiver_that_another_client_keeps(tmp_path: Path, host: Host):
    registrar = host.far_end(LISTED, lambda *_: ("200 OK", [], ""))
    path = tmp_path / "credentials.toml"
    path.write_text(FILE.replace('clients = ["acme"]', 'clients = ["acme", "globex"]'))
    own = a_probe(0, registrar=SipUri.parse(f"sip:{registrar.where}"), receiver_credentials="trunk")
    host.registrations.update([own, replace(own, client="globex")])
    for probes, messages in (([own], 2), ([], 3)):
        for _ in range(60):
            run_loop(timeout_s=0.05)
            if len(registrar.received) >= 2:
                break
        host.registrations.update(probes)
        run_loop(timeout_s=0.3)
        assert len(registrar.received) == messages
    assert re.search(r"^Expires: 0\r$", registrar.received[-1], re.MULTILINE)


def test_a_registrar_elsewhere_hears_nothing(host: Host):
    elsewhere = host.far_end(UNLISTED, challenges())
    assert f"may not be used at '{UNLISTED}'" in host.register(elsewhere)
    assert elsewhere.received == []


def test_a_registrar_that_asks_for_another_realm_gets_no_proof(host: Host):
    greedy = host.far_end(LISTED, challenges('WWW-Authenticate: Digest realm="initech.example", nonce="x"'))
    assert "may not be used for the realm 'initech.example'" in host.register(greedy)
    assert (greedy.methods[0], greedy.proofs) == ("REGISTER", [])


def test_a_registrar_that_moved_elsewhere_is_not_followed_with_it(host: Host):
    thief = host.far_end(UNLISTED, challenges())
    first = host.far_end(LISTED, lambda *_: ("302 Moved", [f"Contact: <sip:{thief.where}>"], ""))
    assert f"may not be used at '{UNLISTED}'" in host.register(first)
    assert (first.methods[0], thief.received) == ("REGISTER", [])
