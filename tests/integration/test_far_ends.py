"""Far ends that we did not write: SIPp plays them from the scenarios in `sipp/`; each ends in exactly the right record.

SIPp is strict about what it is sent: a scenario that does not run to its end fails the test.
"""

from __future__ import annotations

import json
import shutil
import socket
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.ports import free_udp_port
from tests.unit.sipapp.bench import ADDRESS, Bench
from voice_lab import processes
from voice_sipapp.media import audio, g711
from voice_sipapp.plan.sipuri import SipUri
from voice_sipapp.records.cdr import Cdr, StreamRecord
from voice_sipapp.signalling import outcome
from voice_sipapp.signalling.credentials import Credential, CredentialsError
from voice_sipapp.signalling.sip import freshness
from voice_sipapp.signalling.sip.eventloop import run_loop

SCENARIOS = Path(__file__).with_name("sipp")
PASSWORD = "s3cret of the trunk"

pytestmark = [
    pytest.mark.services,
    # The stack leaves it to the garbage collector to close a socket that it opens only to see whether IPv6 is there.
    pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning"),
]


def is_taken(port: int, kind: socket.SocketKind) -> bool:
    """Whether somebody holds `port` of that kind."""
    with socket.socket(socket.AF_INET6, kind) as probe:
        try:
            probe.bind((ADDRESS, port))
        except OSError:
            return True
    return False


class Sipp:
    """One SIPp that plays `scenario` once, and is killed at the end if it still runs."""

    def __init__(
        self, scenario: str, folder: Path, *options: str, remote: int | None = None, port: int | None = None
    ) -> None:
        self.port, media = port or free_udp_port(ADDRESS), free_udp_port(ADDRESS)
        self._errors = folder / f"{scenario}-{self.port}.errors"
        command = [
            "sipp", "-sf", str(SCENARIOS / f"{scenario}.xml"), "-i", ADDRESS, "-p", str(self.port), "-m", "1",
            "-mi", ADDRESS, "-mp", str(media), "-nostdin", "-trace_err", "-error_file", str(self._errors),
            "-timeout", "60", "-timeout_error", *options, *([f"[{ADDRESS}]:{remote}"] if remote else []),
        ]  # fmt: skip
        self.process = processes.child(processes.start(folder, f"{scenario}-{self.port}", command, cwd=folder))
        self._wait_until_bound(socket.SOCK_STREAM if "t1" in options else socket.SOCK_DGRAM)

    def _wait_until_bound(self, kind: socket.SocketKind) -> None:
        deadline = time.monotonic() + 20
        while self.process.poll() is None and not is_taken(self.port, kind):
            assert time.monotonic() < deadline, "SIPp does not start"
            time.sleep(0.05)

    def must_succeed(self) -> None:
        """Serve SIP until the scenario is over, which must have gone as it is written."""
        deadline = time.monotonic() + 40
        while self.process.poll() is None and time.monotonic() < deadline:
            run_loop(timeout_s=0.05)
        problems = self._errors.read_text() if self._errors.exists() else ""
        assert self.process.poll() == 0, f"SIPp's scenario did not go as it is written: {problems}"

    def close(self) -> None:
        """End it."""
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()


class FarEnds:
    """Starts SIPps, and calls them."""

    def __init__(self, bench: Bench, folder: Path) -> None:
        self.bench = bench
        self.folder = folder
        self._started: list[Sipp] = []

    def start(self, scenario: str, *options: str, **places: int) -> Sipp:
        """A SIPp that plays `scenario`."""
        self._started.append(Sipp(scenario, self.folder, *options, **places))
        return self._started[-1]

    def call(self, scenario: str, *options: str, **changes: Any) -> Cdr:
        """The record of a call to `scenario`, which must have gone as it is written."""
        far = self.start(scenario, *options)
        cdr = self.bench.call(far.port, **changes)
        far.must_succeed()
        return cdr

    def close(self) -> None:
        """End every SIPp."""
        for sipp in self._started:
            sipp.close()


@pytest.fixture
def far_ends(tmp_path: Path) -> Iterator[FarEnds]:
    assert shutil.which("sipp"), "SIPp is not installed: `make test` installs the Debian package sip-tester"
    samples = (8000 * np.sin(np.arange(8000) / 3)).astype(np.int16)
    audio.save(tmp_path / "tone.wav", samples)
    # What some of the scenarios play.
    (tmp_path / "tone.alaw").write_bytes(g711.encode("PCMA", samples))
    with closing(Bench(audio.AudioStore(tmp_path))) as bench, closing(FarEnds(bench, tmp_path)) as made:
        yield made


@pytest.fixture
def short_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outcome, "NO_ANSWER_MS", 1000)


def reverse(cdr: Cdr) -> StreamRecord:
    return next(stream for stream in cdr.streams if stream.direction == "reverse")


def messages(cdr: Cdr, leg: str = "dialer") -> list[str]:
    """The first lines of the ladder's messages, sent ones marked with ">"."""
    (ladder,) = (each for each in cdr.ladders if each.leg == leg)
    return [(">" if each["sent"] else "<") + each["text"].splitlines()[0] for each in json.loads(ladder.messages)]


# --- answered ---


def test_a_far_end_that_echoes_is_heard(far_ends: FarEnds):
    cdr = far_ends.call("accept", "-rtp_echo")
    call = cdr.call
    assert (call.disposition, call.sip_code, call.hangup_by) == ("answered", 200, "local")
    assert (call.ua_remote, call.redirects, call.early_media) == ("SIPp of the test", 0, False)
    assert call.duration_ms >= 1000
    assert reverse(cdr).rtp_rx >= 40
    assert not reverse(cdr).one_way
    lines = messages(cdr)
    assert [line.split(" SIP/2.0")[0].split(" sip:")[0] for line in lines if ">" in line] == [">INVITE", ">ACK", ">BYE"]
    assert [line for line in lines if "<" in line] == ["<SIP/2.0 180 Ringing", "<SIP/2.0 200 OK", "<SIP/2.0 200 OK"]


def test_a_far_end_without_media_is_one_way(far_ends: FarEnds):
    cdr = far_ends.call("accept")
    assert (cdr.call.disposition, cdr.call.first_rtp_ms) == ("answered", None)
    assert (reverse(cdr).one_way, reverse(cdr).mos_cq, reverse(cdr).rtp_rx) == (True, None, 0)


def test_a_slow_answer_is_time_of_ringing(far_ends: FarEnds):
    call = far_ends.call("slow_answer").call
    assert call.disposition == "answered"
    assert call.pdd_ms is not None
    assert call.setup_ms is not None
    assert call.ring_ms is not None
    assert 1400 <= call.ring_ms <= call.setup_ms - call.pdd_ms + 1
    assert call.pdd_ms < 1400


def test_a_far_end_that_hangs_up_did_so_and_says_why(far_ends: FarEnds):
    call = far_ends.call("hang_up", duration_ms=20_000).call
    assert (call.disposition, call.hangup_by, call.q850_cause) == ("answered", "remote", 31)
    assert 500 <= call.duration_ms < 20_000


def test_early_media_is_heard_before_the_answer(far_ends: FarEnds):
    cdr = far_ends.call("early_media")
    call = cdr.call
    assert (call.disposition, call.early_media) == ("answered", True)
    assert call.first_rtp_ms is not None
    assert call.setup_ms is not None
    assert call.first_rtp_ms < call.setup_ms - 500


def test_an_announcement_before_a_refusal_is_early_media_too(far_ends: FarEnds):
    call = far_ends.call("announcement").call
    assert (call.disposition, call.sip_code, call.q850_cause) == ("failed", 404, 1)
    assert (call.early_media, call.answered_at, call.hangup_by) == (True, None, "none")
    assert call.ring_ms is not None
    assert call.ring_ms >= 900


# --- refused, redirected, never answered ---


@pytest.mark.parametrize(
    ("scenario", "disposition", "code", "cause", "words"),
    [
        ("busy", "busy", 486, 17, "Busy Here"),
        ("extension_required", "failed", 421, None, "Extension Required (it requires 100rel)"),
        ("not_acceptable", "failed", 488, None, "Not Acceptable Here (Incompatible media format)"),
        ("too_many_hops", "failed", 483, None, "Too Many Hops"),
    ],
)
def test_a_refusal_is_told_as_it_was(
    far_ends: FarEnds, scenario: str, disposition: str, code: int, cause: int | None, words: str
):
    call = far_ends.call(scenario).call
    assert (call.disposition, call.sip_code, call.q850_cause) == (disposition, code, cause)
    assert (call.sip_reason, call.hangup_by, call.duration_ms) == (words, "none", 0)
    assert call.ring_ms is None


def test_a_redirect_is_followed(far_ends: FarEnds):
    second = far_ends.start("accept", "-rtp_echo")
    cdr = far_ends.call("redirect", "-key", "target", f"sip:second@[{ADDRESS}]:{second.port}")
    second.must_succeed()
    call = cdr.call
    assert (call.disposition, call.sip_code, call.redirects) == ("answered", 200, 1)
    assert call.remote_address == f"[{ADDRESS}]:{second.port}"
    assert reverse(cdr).rtp_rx >= 40
    assert sum(line.startswith(">INVITE") for line in messages(cdr)) == 2


@pytest.mark.parametrize(
    ("target", "words"),
    [
        ("tel:+442071838750", "redirected to tel:+442071838750, which can't be called"),
        ("sip:a@192.0.2.1", "192.0.2.1 can't be reached from ::1"),
        ("sip:a@[::1]:5;transport=tls", "this host has no edge for it"),
    ],
)
def test_a_redirect_that_can_not_be_followed_is_a_failure(far_ends: FarEnds, target: str, words: str):
    call = far_ends.call("redirect", "-key", "target", target).call
    assert (call.disposition, call.sip_code, call.hangup_by) == ("failed", 302, "none")
    assert words in (call.sip_reason or "")


def test_a_circle_of_redirects_ends(far_ends: FarEnds):
    first, second = (SipUri.parse(f"sip:{name}@[{ADDRESS}]:{free_udp_port(ADDRESS)}") for name in "ab")
    one = far_ends.start("redirect", "-key", "target", second.text, port=first.port or 0)
    two = far_ends.start("redirect", "-key", "target", first.text, port=second.port or 0)
    call = far_ends.bench.call(0, destination=first).call
    one.must_succeed()
    two.must_succeed()
    assert (call.disposition, call.sip_code, call.redirects) == ("failed", 302, 1)
    assert "redirected in a circle" in (call.sip_reason or "")


@pytest.mark.usefixtures("short_patience")
def test_a_far_end_that_never_answers_is_cancelled(far_ends: FarEnds):
    cdr = far_ends.call("only_rings")
    call = cdr.call
    assert (call.disposition, call.sip_code, call.hangup_by, call.sip_reason) == (
        "no_answer", 487, "timeout", "No answer",
    )  # fmt: skip
    assert call.ring_ms is not None
    assert 500 <= call.ring_ms < 10_000
    assert "<SIP/2.0 487 Request Terminated" in messages(cdr)


@pytest.mark.usefixtures("short_patience")
def test_an_answer_that_crosses_the_cancel_is_acknowledged_and_hung_up(far_ends: FarEnds):
    cdr = far_ends.call("answer_crosses_cancel")
    assert (cdr.call.disposition, cdr.call.sip_code, cdr.call.duration_ms) == ("no_answer", 487, 0)
    sent = [line.split(" ")[0] for line in messages(cdr) if line.startswith(">")]
    assert sent == [">INVITE", ">CANCEL", ">ACK", ">BYE"]


# --- passwords ---


def trunk(password: str = PASSWORD) -> Credential:
    """The credential of the one client, for whatever the scenarios ask."""
    realms = frozenset({"far", "proxy", "pbx"})
    return Credential("trunk", "probe", password, frozenset({"acme"}), realms, frozenset({ADDRESS}))


class Known:
    """Credentials of a host that knows one."""

    def get(self, name: str, client: str) -> Credential:
        if (name, client) != ("trunk", "acme"):
            raise CredentialsError(f"the credential {name!r} is not known")
        return trunk()

    def check(self) -> str:
        return "one"


@pytest.fixture
def trusted(far_ends: FarEnds) -> FarEnds:
    """Far ends for a host that has a credential."""
    far_ends.bench.restart(credentials=Known())
    return far_ends


def test_a_challenge_is_met_and_no_secret_is_kept(trusted: FarEnds):
    cdr = trusted.call("challenge", dialer_credentials="trunk")
    assert (cdr.call.disposition, cdr.call.sip_code) == ("answered", 200)
    text = cdr.to_json()
    assert PASSWORD not in text
    assert "Authorization: (removed)" in text
    assert 'realm=\\\\\\"far\\\\\\"' in text  # what was asked for stays, inside of JSON inside of JSON
    assert "response=" not in text


def test_two_challenges_are_met_at_once_and_a_third_to_the_bye(trusted: FarEnds):
    cdr = trusted.call("two_challenges", dialer_credentials="trunk")
    assert (cdr.call.disposition, cdr.call.hangup_by) == ("answered", "local")


@pytest.mark.parametrize(
    ("credential", "disposition", "code", "words"),
    [
        (None, "failed", 401, "it asks for a password, and the probe names no credential"),
        ("missing", "configuration_error", None, "The dialer can't log in: the credential 'missing' is not known"),
    ],
)
def test_without_its_credential_a_call_says_what_is_missing(
    trusted: FarEnds, credential: str | None, disposition: str, code: int | None, words: str
):
    far = trusted.start("challenge")
    call = trusted.bench.call(far.port, dialer_credentials=credential).call
    assert (call.disposition, call.sip_code, call.valid) == (disposition, code, True)
    assert words in (call.sip_reason or "")


def test_a_password_that_is_refused_is_a_failure(trusted: FarEnds, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(Known, "get", lambda *_: trunk("another"))
    call = trusted.call("challenge", dialer_credentials="trunk").call
    assert (call.disposition, call.sip_code, call.sip_reason) == ("failed", 403, "Forbidden")


# --- what the far side may do within a call ---


def test_a_call_on_hold_is_silent_and_goes_on(far_ends: FarEnds):
    cdr = far_ends.call("hold", "-rtp_echo", duration_ms=3000)
    assert (cdr.call.disposition, cdr.call.hangup_by) == ("answered", "local")
    assert cdr.call.duration_ms >= 3000
    # Three seconds are 150 packets; one of the seconds we said nothing, and the echo had nothing to send back. Before
    # the hold come 50 at most. On a busy machine SIPp's echo misses some.
    assert 55 <= reverse(cdr).rtp_rx <= 125


@pytest.mark.parametrize("scenario", ["offerless", "bad_offer", "update", "early_update", "late_bye", "forked"])
def test_what_the_far_side_asks_within_a_call_is_answered(far_ends: FarEnds, scenario: str):
    call = far_ends.call(scenario, "-rtp_echo").call
    assert call.disposition == "answered"
    assert call.hangup_by == ("remote" if scenario == "late_bye" else "local")


def test_a_session_is_refreshed_where_that_is_left_to_us(far_ends: FarEnds, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(freshness, "SHORTEST_REFRESH_S", 0.5)
    cdr = far_ends.call("we_refresh", "-rtp_echo", duration_ms=3000)
    assert (cdr.call.disposition, cdr.call.hangup_by) == ("answered", "local")
    assert cdr.call.duration_ms >= 3000


def test_a_session_that_nobody_refreshes_is_ended(far_ends: FarEnds, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(freshness, "SHORTEST_INTERVAL_S", 1.5)
    call = far_ends.call("never_refreshes", "-rtp_echo", duration_ms=8000).call
    assert (call.disposition, call.hangup_by) == ("answered", "local")
    assert 1000 <= call.duration_ms < 4000
    assert "not refreshed in time" in (call.sip_reason or "")


# --- garbage ---


@pytest.mark.parametrize("scenario", ["garbage_answers", "garbage_requests"])
def test_garbage_disturbs_no_call(far_ends: FarEnds, scenario: str):
    cdr = far_ends.call(scenario, "-rtp_echo")
    assert (cdr.call.disposition, cdr.call.sip_code, cdr.call.hangup_by) == ("answered", 200, "local")
    assert reverse(cdr).rtp_rx >= 40


def test_an_answer_that_is_garbage_is_a_failure(far_ends: FarEnds):
    call = far_ends.call("garbage_sdp").call
    assert call.disposition == "failed"
    assert "malformed" in (call.sip_reason or "")


def test_an_answer_without_a_tag_is_one_of_rfc_2543(far_ends: FarEnds):
    call = far_ends.call("no_tag").call
    assert (call.disposition, call.sip_code, call.hangup_by) == ("answered", 200, "local")


def test_a_stranger_is_refused_and_leaves_no_record(far_ends: FarEnds):
    bench = far_ends.bench
    far_ends.start("stranger", remote=bench.receiver_port).must_succeed()
    run_loop(timeout_s=0.5)
    assert (bench.caller.reception.strangers, bench.cdrs, bench.parts) == (1, [], [])
