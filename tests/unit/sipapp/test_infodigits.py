"""Digits in the bodies of INFOs: what tells of one, and what is refused."""

import pytest

from voice_sipapp.signalling.sip import infodigits
from voice_sipapp.signalling.sip.message import MessageError, framed, understood

RELAY, PLAIN = "application/dtmf-relay", "application/dtmf"
PARTS = (
    "--b\r\nContent-Type: application/isup\r\nContent-Disposition: signal;handling=optional\r\n\r\n01\r\n"
    "--b\r\nContent-Type: application/dtmf-relay\r\n\r\nSignal=8\r\nDuration=100\r\n--b--\r\n"
)


def digits(body: str, *lines: str) -> str:
    head = [
        "INFO sip:a@[::1] SIP/2.0", "Via: SIP/2.0/UDP [::1]:5070;branch=z9hG4bK1", "Max-Forwards: 70",
        "From: <sip:b@[::1]>;tag=1", "To: <sip:a@[::1]>;tag=2", "Call-ID: c", "CSeq: 2 INFO", *lines,
        f"Content-Length: {len(body)}", "", body,
    ]  # fmt: skip
    return infodigits.digits(understood(framed("\r\n".join(head).encode())))


def of_type(kind: str, body: str) -> str:
    return digits(body, f"Content-Type: {kind}")


@pytest.mark.parametrize(
    ("kind", "body", "pressed"),
    [
        (RELAY, "Signal=5\r\nDuration=160\r\n", "5"),
        (RELAY, "Signal=5\r\nDuration=160", "5"),
        (RELAY, "Signal= 5\nDuration= 160\n", "5"),
        (RELAY, "signal=#\r\n", "#"),
        (RELAY, "Duration=160\r\nSignal=*\r\n", "*"),
        (RELAY, "Signal=a\r\nDuration=160\r\n", "A"),
        (RELAY, "Signal=10\r\nDuration=160\r\n", "*"),
        (RELAY, "Signal=11\r\nDuration=160\r\n", "#"),
        (RELAY, "Signal=15\r\n", "D"),
        (RELAY, "Signal=16\r\n", ""),  # a hook flash
        (RELAY, "Signal=!\r\n", ""),
        ("Application/DTMF-Relay;charset=utf-8", "Signal=5\r\n", "5"),
        (PLAIN, "5", "5"),
        (PLAIN, "*\r\n", "*"),
        (PLAIN, "11", "#"),
        (PLAIN, "Signal=5\r\nDuration=160\r\n", "5"),
        ("multipart/mixed;boundary=b", PARTS, "8"),
        (RELAY, "", ""),  # nothing but a sign of life
    ],
)
def test_a_body_tells_of_a_digit(kind: str, body: str, pressed: str):
    assert of_type(kind, body) == pressed


def test_a_body_of_no_type_is_taken_for_what_it_looks_like():
    assert digits("Signal=5\r\n") == "5"


def test_what_need_not_be_understood_is_passed_over():
    assert digits("x", "Content-Type: application/x-billing", "Content-Disposition: signal;handling=optional") == ""


@pytest.mark.parametrize(
    ("kind", "body", "problem"),
    [
        (RELAY, "Duration=160\r\n", "is no digit"),
        (RELAY, "Signal=\r\nDuration=160\r\n", "is no digit"),
        (RELAY, "Signal=E\r\n", "'E' is no digit"),
        (RELAY, "Signal=55\r\n", "'55' is no digit"),
        (PLAIN, "123", "'123' is no digit"),
        (PLAIN, "99999999999999", "is no digit"),
        ("multipart/mixed;boundary=b", "nothing", "no parts"),
    ],
)
def test_a_malformed_body_is_answered_400(kind: str, body: str, problem: str):
    with pytest.raises(MessageError, match=problem) as refused:
        of_type(kind, body)
    assert refused.value.code == 400


@pytest.mark.parametrize("kind", ["text/plain", "application/media_control+xml", "application/sdp"])
def test_a_body_of_another_kind_is_answered_415_and_told_what_is_taken(kind: str):
    with pytest.raises(MessageError, match=kind.replace("+", r"\+")) as refused:
        of_type(kind, "v=0\r\n")
    assert refused.value.code == 415
    assert refused.value.more == ("Accept: application/dtmf-relay, application/dtmf",)
