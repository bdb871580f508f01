"""When a probe's calls count as proven."""

from typing import Any

import pytest

from voice_lab.evidence import Expectation

ANSWERED: dict[str, Any] = {
    "client": "acme", "probe": "sales", "uuid": "00", "disposition": "answered", "sip_code": 200,
    "mos_forward": 4.3, "mos_reverse": 4.2,
}  # fmt: skip
BUSY = {**ANSWERED, "disposition": "busy", "sip_code": 486, "mos_forward": None, "mos_reverse": None}


def test_two_answered_calls_with_both_scores_are_proof() -> None:
    assert Expectation("acme", "sales", "answered").met_by([ANSWERED, ANSWERED])
    assert not Expectation("acme", "sales", "answered").met_by([ANSWERED])


@pytest.mark.parametrize(
    "fault",
    [{"mos_forward": None}, {"mos_reverse": None}, {"probe": "other"}, {"client": "other"}, {"disposition": "failed"}],
    ids=str,
)
def test_a_call_that_lacks_something_is_no_proof(fault: dict[str, Any]) -> None:
    assert not Expectation("acme", "sales", "answered").met_by([{**ANSWERED, **fault}] * 2)


def test_a_refused_call_is_proof_only_without_a_score() -> None:
    busy = Expectation("acme", "sales", "busy")
    assert busy.met_by([BUSY, BUSY])
    assert not busy.met_by([{**BUSY, "mos_forward": 4.4}] * 2)
