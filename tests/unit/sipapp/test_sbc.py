"""The texts the lab's SBC stand-in is configured with."""

import pytest

from voice_lab.sbc import (
    CLEAN_TRUNK,
    IVR_TRUNK,
    LOSSY_TRUNK,
    REDIRECTING_TRUNK,
    REFUSAL_TRUNK,
    REFUSALS,
    SECURE_TRUNK,
    STRIPPING_TRUNK,
    SbcPlan,
    Secrets,
    kamailio_cfg,
    loss_ruleset,
    rtpengine_args,
)


def test_lossy_numbers_are_relayed_over_the_lossy_interface():
    cfg = kamailio_cfg(SbcPlan())
    assert 'if ($oU =~ "^\\+4420718388[0-9][0-9]$") {' in cfg
    assert "direction=lossy direction=lossy" in cfg
    assert "--interface=lossy/fd77:a::bad" in rtpengine_args(SbcPlan())


@pytest.mark.parametrize(("code", "reason"), [(486, "Busy Here"), (503, "Service Unavailable")])
def test_refusals_are_called_up_by_number(code: int, reason: str):
    assert f'$rU == "+442071834{code}") {{ sl_send_reply("{code}", "{reason}")' in kamailio_cfg(SbcPlan())


def test_braces_of_the_proxys_own_language_are_balanced():
    cfg = kamailio_cfg(SbcPlan())
    assert cfg.count("{") == cfg.count("}")
    assert "{{" not in cfg


@pytest.mark.parametrize(("loss_pct", "expected"), [(5, "mod 10000 < 500 "), (0.25, "mod 10000 < 25 ")])
def test_loss_is_set_in_hundredths_of_a_percent(loss_pct: float, expected: str):
    assert expected in loss_ruleset(SbcPlan(), loss_pct)


def test_no_loss_means_no_rule():
    assert "drop" not in loss_ruleset(SbcPlan(), 0)


@pytest.mark.parametrize("loss_pct", [-1, 100.5])
def test_impossible_loss_is_refused(loss_pct: float):
    with pytest.raises(ValueError, match="between 0 and 100"):
        loss_ruleset(SbcPlan(), loss_pct)


FULL = ("/etc/tls.cfg", Secrets(trunk="trunks-own", agents="agents-own"))


def test_with_passwords_the_secure_trunk_and_its_registrar_ask_for_them():
    cfg = kamailio_cfg(SbcPlan(), *FULL)
    assert cfg.count("{") == cfg.count("}")
    assert 'pv_proxy_authenticate("acme.example", "trunks-own", "0")' in cfg
    assert 'pv_www_authenticate("acme.example", "agents-own", "0")' in cfg
    assert "listen=tls:[fd77:a::1]:5061" in cfg


def test_without_passwords_the_secure_trunk_is_closed():
    cfg = kamailio_cfg(SbcPlan())
    assert "No Secure Trunk" in cfg
    assert "authenticate" not in cfg
    assert "tls" not in cfg


def test_passwords_are_not_part_of_the_representation():
    assert "own" not in repr(FULL[1])


def test_no_refusal_is_a_number_of_a_trunk():
    trunks = (LOSSY_TRUNK, CLEAN_TRUNK, SECURE_TRUNK, STRIPPING_TRUNK, IVR_TRUNK, REDIRECTING_TRUNK)
    assert len(set(trunks)) == len(trunks)
    assert not any(f"{REFUSAL_TRUNK}{code}".startswith(trunks) for code in REFUSALS)
