from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voice_sipapp.measurement import emodel
from voiceprobe_operator.dashboards import rating
from voiceprobe_operator.model import Threshold


@given(st.floats(6.5, 100))
def test_a_rating_becomes_the_mos_that_the_sip_application_reports(r):
    assert rating.mos(r) == pytest.approx(max(1.0, emodel.mos(r)), abs=0.005)


@given(st.floats(1.01, 4.5))
def test_the_rating_of_a_mos_has_that_mos(mos):
    assert rating.mos(rating.rating(mos)) == pytest.approx(mos, abs=0.001)


def test_thresholds_of_mos_are_thresholds_of_the_rating_too():
    limits = rating.rating_threshold(Threshold(Decimal("4.03"), Decimal("3.6")))
    # ITU-T G.107, table B.1: 4.03 is R 80, 3.60 is R 70.
    assert float(limits.warning) == pytest.approx(80, abs=0.3)
    assert float(limits.critical) == pytest.approx(70, abs=0.2)


def test_a_mos_beyond_the_scale_has_the_rating_at_its_end():
    assert rating.rating(5) == pytest.approx(100, abs=0.01)
    assert rating.rating(0.5) == pytest.approx(6.5, abs=0.01)
