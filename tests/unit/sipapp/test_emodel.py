"""The E-model against values that ITU-T publishes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voice_sipapp.measurement.emodel import Path, effective_impairment, mos, r_factor
from voice_sipapp.measurement.impairments import CODECS, G711_BARE, G722, Impairment


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
    assert effective_impairment(Path(loss_pct=2, codec=G711_BARE)) == pytest.approx(30.1587, abs=1e-4)


@pytest.mark.parametrize(("delay_ms", "at_least", "at_most"), [(150, 88, 91), (250, 77, 82), (400, 58, 66)])
def test_delay_costs_what_g114_draws(delay_ms: float, at_least: float, at_most: float):
    """G.114, figure 1 (read from the drawing, hence bands)."""
    assert at_least < r_factor(Path(0, delay_ms=delay_ms)) < at_most


@pytest.mark.parametrize(("delay_ms", "rating"), [(50, 92.0), (100, 90.8), (150, 89.6), (200, 85.9), (300, 72.5)])
def test_delay_costs_what_an_independent_fit_of_the_model_says(delay_ms: float, rating: float):
    """Cole and Rosenbluth, "Voice over IP performance monitoring" (2001): R = 93.2 - 0.024 d - 0.11 (d - 177.3) above
    177.3 ms, fitted to G.107's curve up to 300 ms.
    """
    assert r_factor(Path(0, delay_ms=delay_ms)) == pytest.approx(rating, abs=0.3)


@pytest.mark.parametrize(
    ("loss_pct", "published"), [(0, 0), (1, 5), (2, 7), (3, 10), (5, 15), (7, 20), (10, 25), (15, 35), (20, 45)]
)
def test_loss_costs_what_g113_tabulates(loss_pct: float, published: float):
    """G.113 (02/2001), Appendix I, table I.2, G.711 with concealment: listening tests, rounded; the formula with Bpl,
    which came later, was fitted to them.
    """
    assert effective_impairment(Path(loss_pct)) == pytest.approx(published, abs=3)


def test_a_wide_band_call_without_impairment_rates_128_8():
    """What ITU-T's calculator for G.107.1 gives for its defaults: R = 128.8, MOS 4.50. G.722 by itself costs 13."""
    clear = Impairment(0, 4.3, wideband=True)
    assert r_factor(Path(0, codec=clear)) == pytest.approx(128.85, abs=0.06)
    assert mos(r_factor(Path(0, codec=clear)), wideband=True) == pytest.approx(4.5, abs=0.005)
    assert r_factor(Path(0, codec=G722)) == pytest.approx(115.85, abs=0.06)


@pytest.mark.parametrize(("ie", "expected"), [(1, 4.4940), (8, 4.4206), (13, 4.3371), (41, 3.5123), (56, 2.9220)])
def test_wide_band_scores_of_g722_2_s_modes(ie: float, expected: float):
    """MOS for 129 - Ie,wb of modes of G.722.2 (G.113 (09/2024), tables IV.1 and IV.3), as an independent
    implementation of G.107.1 publishes them (sipnab, src/rtp/emodel_wb.rs).
    """
    assert mos(129 - ie, wideband=True) == pytest.approx(expected, abs=5e-5)


def test_wide_band_loss_follows_its_equation():
    """G.107.1, equation 7-15, for G.722.2 at 12.65 kbit/s (Ie,wb 20, Bpl,wb 4.3; diotic) and 2 % loss, as the same
    implementation gives it.
    """
    path = Path(2, codec=Impairment(20, 4.3, wideband=True))
    assert effective_impairment(path) == pytest.approx(43.8095, abs=1e-4)
    assert mos(129 - effective_impairment(path), wideband=True) == pytest.approx(3.4062, abs=5e-5)


loss = st.floats(0, 100)
delay = st.floats(0, 2000)
bursts = st.floats(1, 20)
codec = st.sampled_from([*CODECS.values(), G711_BARE])


@given(loss, loss, bursts, delay, codec)
def test_more_loss_is_never_better(one: float, other: float, burst_ratio: float, delay_ms: float, of: Impairment):
    less, more = sorted((one, other))
    assert r_factor(Path(less, burst_ratio, delay_ms, of)) >= r_factor(Path(more, burst_ratio, delay_ms, of))


@given(loss, bursts, bursts, delay, codec)
def test_burstier_loss_is_never_better(loss_pct: float, one: float, other: float, delay_ms: float, of: Impairment):
    less, more = sorted((one, other))
    assert r_factor(Path(loss_pct, less, delay_ms, of)) >= r_factor(Path(loss_pct, more, delay_ms, of))


@given(loss, bursts, st.floats(20, 2000), st.floats(20, 2000), codec)
def test_more_delay_is_never_better(loss_pct: float, burst_ratio: float, one: float, other: float, of: Impairment):
    less, more = sorted((one, other))
    # From a packet's 20 ms on: below, the model's listener echo is largest without any delay (by 0.06).
    assert r_factor(Path(loss_pct, burst_ratio, less, of)) >= r_factor(Path(loss_pct, burst_ratio, more, of))


@given(loss, bursts, delay, codec)
def test_the_rating_is_on_its_scale(loss_pct: float, burst_ratio: float, delay_ms: float, of: Impairment):
    rating = r_factor(Path(loss_pct, burst_ratio, delay_ms, of))
    assert 0 <= rating <= (129 if of.wideband else 100)
    assert 1 <= mos(rating, wideband=of.wideband) <= 4.5


@given(st.floats(0, 129), st.floats(0, 129), st.booleans())
def test_a_better_rating_is_never_a_worse_score(one: float, other: float, wideband: bool):
    less, more = sorted((one, other))
    assert mos(less, wideband=wideband) <= mos(more, wideband=wideband) + 1e-12


def test_the_worst_is_nought():
    assert r_factor(Path(loss_pct=100, burst_ratio=20, delay_ms=2000)) == 0
