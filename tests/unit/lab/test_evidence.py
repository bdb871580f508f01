"""When a probe's calls count as proven."""

from typing import Any

import pytest

from voice_lab.errors import LabError
from voice_lab.evidence import MARKS, Expectation

ANSWERED: dict[str, Any] = {
    "client": "acme", "probe": "sales", "uuid": "00", "disposition": "answered", "valid": 1, "sip_code": 200,
    "sip_reason": "OK",
    "mos_forward": 4.3, "mos_reverse": 4.2, "transport": "tls", "srtp": 1, "redirects": 0, "dialer_host": "sip-1",
    "receiver_host": "sip-2", "codec_forward": "opus", "codec_reverse": "opus", "recording_forward": None,
    "recording_reverse": "a.wav", "seconds_forward": 8, "seconds_reverse": 8, "ladder_dialer": 1, "ladder_receiver": 1,
}  # fmt: skip
NOTHING = dict.fromkeys(("mos_forward", "mos_reverse", "seconds_forward", "seconds_reverse", "ladder_receiver"))
BUSY = {**ANSWERED, **NOTHING, "disposition": "busy", "sip_code": 486}
IMPOSSIBLE = {**BUSY, "disposition": "configuration_error", "sip_reason": "No such credential.", "ladder_dialer": None}


def expected(text: str) -> Expectation:
    return Expectation.parse("acme", "sales", text)


def test_two_whole_calls_are_proof() -> None:
    assert expected("answered").met_by([ANSWERED, ANSWERED])
    assert not expected("answered").met_by([ANSWERED])


@pytest.mark.parametrize(
    "fault",
    [
        {"valid": 0},
        {"mos_forward": None},
        {"mos_reverse": None},
        {"probe": "other"},
        {"client": "other"},
        {"disposition": "failed"},
        {"seconds_forward": None},
        {"seconds_reverse": 0},
        {"ladder_dialer": None},
        {"ladder_receiver": None},
    ],
    ids=str,
)
def test_a_call_that_lacks_something_is_no_proof(fault: dict[str, Any]) -> None:
    assert not expected("answered").met_by([{**ANSWERED, **fault}] * 2)


def test_a_refused_call_is_proof_only_without_a_score_and_with_its_messages() -> None:
    assert expected("busy").met_by([BUSY, BUSY])
    assert not expected("busy").met_by([{**BUSY, "mos_forward": 4.4}] * 2)
    assert not expected("busy").met_by([{**BUSY, "ladder_dialer": None}] * 2)


def test_a_call_that_could_not_be_placed_is_proof_only_with_its_reason() -> None:
    assert expected("configuration_error").met_by([IMPOSSIBLE] * 2)
    assert not expected("configuration_error").met_by([{**IMPOSSIBLE, "sip_reason": None}] * 2)


@pytest.mark.parametrize(
    ("mark", "fault"),
    [
        ("transport=tls", {"transport": "udp"}),
        ("srtp=yes", {"srtp": 0}),
        ("codec=opus", {"codec_reverse": "PCMA"}),
        ("redirects=0", {"redirects": 1}),
        ("hosts=2", {"receiver_host": "sip-1"}),
        ("recording=yes", {"recording_reverse": None}),
    ],
)
def test_a_mark_must_hold(mark: str, fault: dict[str, Any]) -> None:
    expectation = expected(f"answered {mark}")
    assert expectation.met_by([ANSWERED] * 2)
    assert not expectation.met_by([{**ANSWERED, **fault}] * 2)


def test_every_mark_is_tried_above_and_no_other_is_taken() -> None:
    assert set(MARKS) == {"transport", "srtp", "codec", "redirects", "hosts", "recording"}
    for text in ("answered colour=blue", "answered codec"):
        with pytest.raises(LabError, match="there are transport"):
            expected(text)
