"""The far end's own words (kind 9): what stands in the record was on the wire, or nothing does.

Each row: what the far end says, and what the record tells of it. Sources: RFC 3261 §7.2, 20.35, 20.41, 20.43, RFC 3326
and RFC 6432 (Reason), or the public report that a row names.
"""

# ruff: noqa: E501 - a row of a table is one line
from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import pytest

from tests.interop.scripted import QUIET
from tests.interop.stage import Stage
from tests.interop.wires import HEAD, Answers, Called, Wire, a_bench, call_all, changed, target, until
from tests.unit.sipapp.bench import a_probe
from voice_sipapp.plan.sipuri import SipUri
from voice_sipapp.signalling.registration import Registrations
from voice_sipapp.signalling.sip import transactions

pytestmark = QUIET

BUSY = (*HEAD[1:-1],)
OWN_CONTACT = "answered elsewhere: the call did not reach this host's receiver"


def refused(first: bytes, *lines: bytes) -> Answers:
    return lambda far, invite: far.say(invite, (first, *BUSY, *lines), b"")


REFUSALS: dict[str, tuple[bytes, str | None, int]] = {
    # its first line: the reason phrase in the record, the code
    "the usual one": (b"SIP/2.0 486 Busy Here", "Busy Here", 486),
    "none (sngrep #116, heplify-server #576)": (b"SIP/2.0 480 ", None, 480),
    "none, and no space either": (b"SIP/2.0 480", None, 480),
    "spaces alone": (b"SIP/2.0 486  \t ", None, 486),
    "of its own": (b"SIP/2.0 486 Nicht jetzt", "Nicht jetzt", 486),
    "one letter": (b"SIP/2.0 486 X", "X", 486),
    "another number in it": (b"SIP/2.0 480 404 Not Found", "404 Not Found", 480),
    "the stack's own word, which it sent": (b"SIP/2.0 480 Unspecified", "Unspecified", 480),
    "brackets (SIP.js #996)": (b"SIP/2.0 480 Temporarily Unavailable [call Processing Released]", "Temporarily Unavailable [call Processing Released]", 480),
    "UTF-8 (RFC 4475 unreason)": ("SIP/2.0 486 = 2**3 * 5**2 но сто девяносто девять - простое".encode(), "= 2**3 * 5**2 но сто девяносто девять - простое", 486),
    "ISO 8859-1": (b"SIP/2.0 486 Occup\xe9", "Occupé", 486),
    "quotation marks, colons, semicolons": (b'SIP/2.0 486 "a": b; c, <d>', '"a": b; c, <d>', 486),
    "a code that nobody knows": (b"SIP/2.0 499 Never Heard Of", "Never Heard Of", 499),
    "of 6xx": (b"SIP/2.0 603 Network Blocked", "Network Blocked", 603),
    "a secret in it": (b"SIP/2.0 403 Wrong response=6629fae49393", "Wrong response=(removed)", 403),
    "spaces in it": (b"SIP/2.0  486   Busy  Here ", "Busy  Here", 486),
}  # fmt: skip

CAUSES: dict[str, tuple[Sequence[bytes], int | None]] = {
    # what it says: the cause of ITU-T Q.850 in the record
    "Q.850": ([b"Reason: Q.850;cause=17"], 17),
    "with a text": ([b'Reason: Q.850;cause=17;text="User busy"'], 17),
    "the text first (RFC 3326: parameters in any order)": ([b'Reason: Q.850;text="User busy";cause=17'], 17),
    "a comma in the text (kept by no splitting at commas)": ([b'Reason: Q.850;text="busy, try later";cause=17'], 17),
    "a semicolon in the text": ([b'Reason: Q.850;text="a;cause=1;b";cause=17'], 17),
    "another cause in the text of SIP": ([b'Reason: SIP;cause=486;text="x, Q.850;cause=99"'], None),
    "a quotation mark in the text": ([b'Reason: Q.850;text="\\"busy\\", he said";cause=17'], 17),
    "SIP and Q.850 in one line (freeswitch #1571)": ([b'Reason: SIP;cause=486;text="user busy",Q.850;cause=17'], 17),
    "Q.850 and SIP in one line": ([b'Reason: Q.850;cause=17;text="a" , SIP ;cause=486'], 17),
    "one line each (asterisk #161)": ([b"Reason: SIP;cause=486", b"Reason: Q.850;cause=17"], 17),
    "SIP alone": ([b'Reason: SIP;cause=200;text="Call completed elsewhere"'], None),
    "of another protocol": ([b"Reason: preemption;cause=1;text=\"UA Preemption\"", b"Reason: X.int;cause=0x2E"], None),
    "STIR, then Q.850 (RFC 8224)": ([b'Reason: STIR;cause=436;text="Bad Identity Info", Q.850;cause=21'], 21),
    "spaces": ([b'Reason :  Q.850 ; cause = 17 ; text = "x"'], 17),
    "folded": ([b"Reason: Q.850\r\n ;cause=17\r\n\t;text=\"x\""], 17),
    "small letters": ([b"reason: q.850;CAUSE=17"], 17),
    "a cause in quotation marks": ([b'Reason: Q.850;cause="17"'], 17),
    "parameters nobody knows (RFC 9366: location)": ([b"Reason: Q.850;cause=17;location=LN;x-y=\"z\""], 17),
    "noughts before it": ([b"Reason: Q.850;cause=017"], 17),
    "no number": ([b"Reason: Q.850;cause=busy"], None),
    "no cause": ([b"Reason: Q.850"], None),
    "a cause that Q.850 has not": ([b"Reason: Q.850;cause=128", b"Reason: Q.850;cause=0"], None),
    "the first that it has": ([b"Reason: Q.850;cause=0, Q.850;cause=31"], 31),
    "a Reason that is none, then one": ([b'Reason: ;;"', b"Reason: Q.850;cause=31"], 31),
    "none": ([], None),
}  # fmt: skip

AGENTS: dict[str, tuple[Sequence[bytes], str | None]] = {
    # what it says: what it calls itself in the record
    "User-Agent": ([b"User-Agent: Yealink SIP-T46U 108.86.0.20"], "Yealink SIP-T46U 108.86.0.20"),
    "Server": ([b"Server: Asterisk PBX 20.9.3"], "Asterisk PBX 20.9.3"),
    "both": ([b"Server: kamailio (5.6.3 (x86_64/linux))", b"User-Agent: Cisco-CP8841/12.5.1"], "Cisco-CP8841/12.5.1"),
    "comments and commas": ([b"Server: Oracle/E-SBC (v8.4.0, build 1) \"x\""], 'Oracle/E-SBC (v8.4.0, build 1) "x"'),
    "UTF-8": (["Server: Téléphone 電話".encode()], "Téléphone 電話"),
    "folded": ([b"Server: Avaya SIP Enablement\r\n  Services"], "Avaya SIP Enablement Services"),
    "an empty one": ([b"Server:"], None),
    "none": ([], None),
}  # fmt: skip

HINTS: dict[str, tuple[Sequence[bytes], str]] = {
    # what it says: what stands behind the reason phrase
    "a warning": ([b'Warning: 370 devnull "Choose a bigger pipe"'], "Choose a bigger pipe"),
    "a comma and a quotation mark in it": ([b'Warning: 399 x "a, \\"b\\" c"'], 'a, "b" c'),
    "two in one line": ([b'Warning: 301 isi.edu "Incompatible network", 370 x:5060 "a;b"'], "Incompatible network; a;b"),
    "two lines": ([b'Warning: 301 a "one"', b'Warning: 302 a "two"'], "one; two"),
    "in UTF-8": (['Warning: 399 a "später"'.encode()], "später"),
    "one that is none": ([b"Warning: bad"], "bad"),
    "a secret that comes back": ([b'Warning: 399 x "Digest realm=a, response=6629fae49393"'], "Digest realm=a, response=(removed)"),
    "what it insists on": ([b"Require: foo, bar"], "it requires foo, bar"),
    "what it does not know": ([b"Unsupported: timer, 100rel"], "it does not support timer, 100rel"),
}  # fmt: skip


@pytest.fixture(scope="module")
def refusals(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Called]:
    table = {f"phrase {name}": refused(first) for name, (first, _, _) in REFUSALS.items()}
    for kind, rows in (("cause", CAUSES), ("agent", AGENTS), ("hint", HINTS)):
        table |= {f"{kind} {name}": refused(b"SIP/2.0 486 Busy Here", *lines) for name, (lines, _) in rows.items()}  # type: ignore[attr-defined]
    return call_all(tmp_path_factory.mktemp("refusals"), table)


@pytest.mark.parametrize("name", REFUSALS)
def test_a_reason_phrase_is_the_far_ends_or_none(refusals: dict[str, Called], name: str):
    call = refusals[f"phrase {name}"].cdr.call
    assert (call.sip_reason, call.sip_code) == REFUSALS[name][1:]


@pytest.mark.parametrize("name", CAUSES)
def test_a_cause_is_the_one_of_q850_in_whatever_form(refusals: dict[str, Called], name: str):
    call = refusals[f"cause {name}"].cdr.call
    assert (call.q850_cause, call.sip_reason) == (CAUSES[name][1], "Busy Here")


@pytest.mark.parametrize("name", AGENTS)
def test_the_far_end_is_called_what_it_calls_itself(refusals: dict[str, Called], name: str):
    assert refusals[f"agent {name}"].cdr.call.ua_remote == AGENTS[name][1]


@pytest.mark.parametrize("name", HINTS)
def test_what_it_says_besides_is_told(refusals: dict[str, Called], name: str):
    assert refusals[f"hint {name}"].cdr.call.sip_reason == f"Busy Here ({HINTS[name][1]})"


def hangs_up(*lines: bytes) -> Answers:
    return lambda far, ack: far.bye(ack, *lines)


def test_a_bye_tells_why_in_whatever_form(tmp_path: Path):
    """RFC 3326, section 2: a BYE may bear Reasons."""
    answers: Answers = lambda far, invite: far.say(invite, changed(server=b"Server: SBC"))  # noqa: E731
    called = call_all(
        tmp_path, dict.fromkeys(CAUSES, answers), {name: hangs_up(*lines) for name, (lines, _) in CAUSES.items()}, duration_ms=3000
    )  # fmt: skip
    for name, one in called.items():
        call = one.cdr.call
        assert (call.disposition, call.hangup_by, call.q850_cause) == ("answered", "remote", CAUSES[name][1]), name
        assert (call.sip_reason, call.ua_remote) == (f"OK ({OWN_CONTACT})", "SBC"), name


def test_what_was_said_last_counts_and_what_was_never_said_does_not(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("voice_sipapp.signalling.outcome.NO_ANSWER_MS", 1000)

    def progress(*lines: bytes, then: bytes | None = None, more: Sequence[bytes] = ()) -> Answers:
        def answers(far: Wire, invite: bytes) -> list[bytes]:
            first = far.say(invite, (b"SIP/2.0 183 Session Progress", *BUSY, *lines), b"")
            return [first] if then is None else [first, far.say(invite, (then, *BUSY, *more), b"")]

        return answers

    reason = b'Reason: Q.850;cause=1;text="Unallocated number"'
    table: dict[str, tuple[Answers, str | None, int | None, int | None]] = {
        # what it does: reason phrase, code, cause
        "nothing at all": (lambda far, invite: (), "No response", 408, None),
        "100 alone": (lambda far, invite: far.say(invite, (b"SIP/2.0 100 Trying", *HEAD[1:3], b"To: @to", *HEAD[4:6]), b""), "No response", 408, None),
        "an announcement, and a 183 that says why (RFC 6432)": (progress(reason), "No answer", 487, 1),
        "the same, and a refusal without a reason": (progress(reason, then=b"SIP/2.0 404 Not Found"), "Not Found", 404, 1),
        "the refusal says another": (progress(reason, then=b"SIP/2.0 486 Busy", more=[b"Reason: Q.850;cause=17"]), "Busy", 486, 17),
        "a 200 without a reason phrase": (lambda far, invite: far.say(invite, changed(first=b"SIP/2.0 200 ")), OWN_CONTACT, 200, None),
        "a 183 that says why, and yet a 200": (
            lambda far, invite: [far.say(invite, (b"SIP/2.0 183 Progress", *BUSY, reason), b""), far.say(invite)],
            f"OK ({OWN_CONTACT})", 200, None,
        ),
        "a 302 without a reason phrase, to nowhere": (lambda far, invite: far.say(invite, (b"SIP/2.0 302 ", *HEAD[1:6]), b""), "redirected to nowhere", 302, None),
    }  # fmt: skip
    for name, called in call_all(tmp_path, {name: row[0] for name, row in table.items()}).items():
        call = called.cdr.call
        assert (call.sip_reason, call.sip_code, call.q850_cause) == table[name][1:], name


REGISTRARS: dict[str, tuple[Answers, str]] = {
    # what the registrar does: what is told of the receiver (never the stack's own "Request Timeout")
    "nothing": (lambda far, register: (), "the registrar does not answer"),
    "what is not understood": (
        lambda far, register: far.say(register, (b"SIP/2.0 200 OK", *HEAD[1:5]), b""),
        "the registrar does not answer (an answer was not understood: it has no CSeq)",
    ),
    "a refusal without a reason phrase": (
        lambda far, register: far.say(register, (b"SIP/2.0 403 ", *HEAD[1:6]), b""),
        "the registrar answers 403",
    ),
    "a refusal in words of its own": (
        lambda far, register: far.say(register, ("SIP/2.0 403 Não é aqui".encode(), *HEAD[1:6]), b""),
        "the registrar answers 403 Não é aqui",
    ),
}


def test_what_a_registrar_says_is_told_in_its_words(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    stack = transactions.sippy_manager
    real = stack.Timeout
    monkeypatch.setattr(stack, "Timeout", lambda action, after_s, *more: real(action, min(after_s, 1.0), *more))
    with a_bench(tmp_path) as bench, closing(Stage()) as stage:
        fars = {name: Wire(stage, lambda *_: ()) for name in REGISTRARS}
        for name, far in fars.items():
            far.otherwise = REGISTRARS[name][0]
        stage.start()
        registrations = Registrations(bench.station, bench.caller.submit)
        registrations.update(
            a_probe(
                9,
                probe=name,
                receiver=SipUri.parse(f"sip:{number}@x.example"),
                registrar=target(far.port, "sip:[::1]:{}"),
            )
            for number, (name, far) in enumerate(fars.items())
        )
        told = bench.station.unreachable
        until(lambda: len(told) == len(REGISTRARS), 10)
        registrations.stop()
    assert {name: why.removeprefix("its receiver is not registered: ") for (_, name), why in told.items()} == {
        name: words for name, (_, words) in REGISTRARS.items()
    }
