"""The E-model against values that ITU-T publishes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voice_sipapp.emodel import G711_BPL, Path, effective_impairment, mos, r_factor


def test_all_defaults_rate_93_2():
    """G.107, clause 7.7: with every parameter at its default the rating is 93.2; its MOS is 4.41."""
    assert r_factor(Path(loss_pct=0)) == pytest.approx(93.2, abs=0.05)
    assert mos(r_factor(Path(loss_pct=0))) == pytest.approx(4.41, abs=0.005)


@pytest.mark.parametrize(("rating", "expected"), [(90, 4.34), (80, 4.03), (70, 3.60), (60, 3.10), (50, 2.58)])
def test_mos_of_the_rating_bands(rating: float, expected: float):
    """G.107, Annex B, table B.1 (which gives 4.03 where its own equation gives 4.024)."""
    assert mos(rating) == pytest.approx(expected, abs=0.0061)


def test_mos_keeps_to_its_scale():
    assert (mos(-5), mos(0), mos(3), mos(100), mos(120)) == (1.0, 1.0, 1.0, 4.5, 4.5)


def test_impairment_of_lost_packets_follows_its_equation():
    """G.107, equation 7-29, worked by hand: 95 · 2 / (2 + 25.1) and 95 · 2 / (2 + 4.3)."""
    assert effective_impairment(Path(loss_pct=2)) == pytest.approx(7.0111, abs=1e-4)
    assert effective_impairment(Path(loss_pct=2, bpl=G711_BPL)) == pytest.approx(30.1587, abs=1e-4)


@pytest.mark.parametrize(("delay_ms", "at_least", "at_most"), [(150, 88, 91), (250, 77, 82), (400, 58, 66)])
def test_delay_costs_what_g114_draws(delay_ms: float, at_least: float, at_most: float):
    """G.114, figure 1 (read from the drawing, hence bands)."""
    assert at_least < r_factor(Path(0, delay_ms=delay_ms)) < at_most


loss = st.floats(0, 100)
delay = st.floats(0, 2000)
bursts = st.floats(1, 20)


@given(loss, loss, bursts, delay)
def test_more_loss_is_never_better(one: float, other: float, burst_ratio: float, delay_ms: float):
    less, more = sorted((one, other))
    assert r_factor(Path(less, burst_ratio, delay_ms)) >= r_factor(Path(more, burst_ratio, delay_ms))


@given(loss, bursts, bursts)
def test_burstier_loss_is_never_better(loss_pct: float, one: float, other: float):
    less, more = sorted((one, other))
    assert r_factor(Path(loss_pct, less)) >= r_factor(Path(loss_pct, more))


@given(loss, bursts, delay)
def test_the_rating_is_on_its_scale(loss_pct: float, burst_ratio: float, delay_ms: float):
    assert 0 <= r_factor(Path(loss_pct, burst_ratio, delay_ms)) <= 100


def test_the_worst_is_nought():
    assert r_factor(Path(loss_pct=100, burst_ratio=20, delay_ms=2000)) == 0


@given(loss, bursts, delay)
def test_mos_is_on_its_scale(loss_pct: float, burst_ratio: float, delay_ms: float):
    assert 1 <= mos(r_factor(Path(loss_pct, burst_ratio, delay_ms))) <= 4.5
