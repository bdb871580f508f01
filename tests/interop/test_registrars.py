"""Registrars, and several bindings at one (RFC 3261 §10.2.4)."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace

import pytest

from tests.interop.messages import header
from tests.interop.scripted import QUIET, Far, Script
from tests.interop.stage import HOME, Stage
from tests.interop.turns import never
from tests.unit.sipapp.bench import Bench, a_probe, a_tone
from voice_sipapp.plan.sipuri import SipUri
from voice_sipapp.signalling import registration
from voice_sipapp.signalling.registration import kept
from voice_sipapp.signalling.sip import contacts
from voice_sipapp.signalling.sip.contacts import Contact
from voice_sipapp.signalling.sip.eventloop import run_loop

pytestmark = QUIET


OWN = "[2001:db8::1]:5062"
BINDINGS = [
    ("ours alone", "RFC 3261 §10.2.4", ["<sip:agent@[2001:db8::1]:5062>;expires=120"], 120),
    ("ours among others", "versatica/JsSIP #660, onsip/SIP.js #868",
     ["<sip:agent@[2001:db8::9]:5062>;expires=3600", "<sip:agent@[2001:db8::1]:5062>;expires=61",
      "<sip:agent@10.0.0.1>;expires=7"], 61),
    ("ours last", "RFC 3261 §10.2.4",
     ["<sip:other@[2001:db8::1]:5062>;expires=5", "<sip:agent@[2001:db8::1]:5062>;expires=90"], 90),
    ("ours without expires", "versatica/JsSIP #482: the Expires header counts",
     ["<sip:agent@[2001:db8::1]:5062>", "<sip:agent@[2001:db8::9]:5062>;expires=7"], None),
    ("the address in capitals", "RFC 3261 §19.1.4: hosts are compared without regard to case",
     ["<sip:agent@[2001:DB8::1]:5062>;expires=75", "<sip:agent@[2001:db8::9]>;expires=600"], 75),
    ("with parameters of the URI", "pjsip/pjproject #534",
     ["<sip:agent@[2001:db8::1]:5062;transport=udp;ob>;q=0.5;expires=88;+sip.instance=\"<urn:uuid:1>\""], 88),
    ("of another user at our address", "RFC 3261 §19.1.4: users are compared with regard to case",
     ["<sip:Agent@[2001:db8::1]:5062>;expires=30", "<sip:agent@203.0.113.7:1>;expires=90"], 90),
    ("written anew by an SBC", "pjsip/pjproject #534: it stands alone",
     ["<sip:agent@203.0.113.7:1024>;expires=300"], 300),
    ("written anew, the user too", "baresip/re #581", ["<sip:x7@203.0.113.7:1024>;expires=300"], 300),
    ("written anew, among others", "ours: early does no harm",
     ["<sip:agent@203.0.113.7:1>;expires=900", "<sip:agent@203.0.113.8:1>;expires=600",
      "<sip:z@203.0.113.9>;expires=61"], 600),
    ("others' that lapse soon", "ours: nobody makes us refresh without end",
     ["<sip:agent@203.0.113.7>;expires=1", "<sip:agent@203.0.113.8>;expires=2"], registration.GUESS_S),
    ("none", "against RFC 3261 §10.3: the Expires header, or what was asked for", [], None),
    ("ours, removed", "expires=0 is no time", ["<sip:agent@[2001:db8::1]:5062>;expires=0"], None),
    ("nonsense beside ours", "what can't be read is passed over",
     ["<tel:+44>;expires=1", "*", "<sip:agent@[2001:db8::1]:5062>;expires=42"], 42),
]  # fmt: skip  # fmt: skip


@pytest.mark.parametrize(("bindings", "seconds"), [each[2:] for each in BINDINGS], ids=[each[0] for each in BINDINGS])
def test_our_own_binding_is_found_among_many(bindings: list[str], seconds: int | None):
    assert kept(contacts.preferred(bindings), "agent", OWN) == seconds


def test_a_contact_in_any_form_is_read():
    """RFC 3261, section 20.10: names, parameters, q with up to three digits."""
    texts = [
        '"A <b>, c" <sip:a@x;p=1?h=2>;q=0.75;expires="60"',
        "sip:b@x;q=.5",
        "<sip:c@x> ; Q = 1.000",
        "<sip:d@x>;q=0",
    ]
    assert contacts.preferred(texts) == (
        Contact("sip:c@x", 1.0), Contact("sip:a@x;p=1?h=2", 0.75, 60), Contact("sip:b@x", 0.5), Contact("sip:d@x", 0.0)
    )  # fmt: skip


def registers(*answers: tuple[str, ...]) -> Callable[[Far], Script]:
    """A registrar that answers so; @contact is the one that came."""

    def script(far: Far) -> Script:
        for status, *lines in answers:
            request = yield "REGISTER"
            own = header(request, "Contact")
            far.caller = ("::1", int(header(request, "Via").split("]:")[1].split(";")[0]))
            far.answer(request, status, *(line.replace("@contact", own) for line in lines), contact=None)

    return script


OTHERS = "<sip:agent@[2001:db8::9]>;expires=3600"
REGISTRARS = {
    "ours lapses first": (
        "versatica/JsSIP #544",
        [("200 OK", f"Contact: {OTHERS}", "Contact: @contact;expires=1"),
         ("200 OK", f"Contact: {OTHERS}, @contact;expires=600")], 2, None,
    ),
    "another one's lapses first": (
        "onsip/SIP.js #868",
        [("200 OK", "Contact: <sip:agent@[2001:db8::9]>;expires=1", "Contact: @contact;expires=600")], 1,
        None,
    ),
    "Expires alone": (
        "versatica/JsSIP #482", [("200 OK", "Expires: 1", "Contact: @contact"), ("200 OK", "Expires: 600")], 2, None,
    ),
    "423": (
        "RFC 3261 §10.2.8; versatica/JsSIP #121",
        [("423 Interval Too Brief", "Min-Expires: 900"), ("200 OK", "Expires: 900")], 2, None,
    ),
    "Service-Route and Path": (
        "RFC 3608, RFC 3327: not for a receiver, and no harm",
        [("200 OK", "Service-Route: <sip:[::1]:9;lr>", "Path: <sip:[::1]:9;lr>", "P-Associated-URI: <sip:a@b>",
          "Contact: @contact;expires=600")], 1, None,
    ),
    "301 to where it was": (
        "RFC 3261 §21.3.2", [("301 Moved Permanently", "Contact: <mailto:a@b>, <sip:[::1]:@port>")], 1, "circle",
    ),
    "301 to two, the first of which is down": (
        "RFC 3261 §8.1.3.4",
        [("301 Moved Permanently", "Contact: <sip:down@[::1]:@port>;q=0.9, <sip:up@[::1]:@port>;q=0.8"),
         ("503 Service Unavailable",), ("200 OK", "Expires: 600")], 3, None,
    ),
    "503 with Retry-After": ("RFC 3261 §20.33", [("503 Service Unavailable", "Retry-After: 300")], 1, "503"),
}  # fmt: skip  # fmt: skip


@pytest.fixture(scope="module")
def registered(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, tuple[Far, str | None]]]:
    stage, found = Stage(), {}
    with closing(Bench(a_tone(tmp_path_factory.mktemp("registrars")))) as bench, closing(stage):
        probes = {}
        for name, (_, answers, *_rest) in REGISTRARS.items():
            far = Far(stage, never)
            lines = [tuple(line.replace("@port", str(far.port)) for line in each) for each in answers]
            far.use(registers(*lines))
            user = f"a{len(probes)}"
            probes[name] = replace(
                a_probe(far.port), probe=user, receiver=SipUri.parse("sip:agent@voice.example.net"),
                registrar=SipUri.parse(f"sip:[{HOME}]:{far.port}"),
            )  # fmt: skip
            found[name] = far, user
        stage.start()
        for far, _ in found.values():
            far.begin()
        bench.caller.registrations.update(probes.values())
        until = time.monotonic() + 1.3
        while time.monotonic() < until:
            run_loop(timeout_s=0.1)
        counts = {
            name: (far, bench.station.unreachable.get(("acme", user)), far.count("REGISTER"))
            for name, (far, user) in found.items()
        }
        yield counts  # type: ignore[misc]


@pytest.mark.parametrize("name", REGISTRARS)
def test_a_registrar(registered: dict[str, tuple[Far, str | None, int]], name: str):
    _, _, count, trouble = REGISTRARS[name]
    far, problem, came = registered[name]
    assert far.problem is None, far.problem
    assert came == count
    assert (problem is None) is (trouble is None), problem
    assert trouble is None or trouble in (problem or "")
