"""Why the MOS is what it is: the parts of a rating, held against the SIP application that gave it."""

from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voice_portal.probes.calls import emodel, rating
from voice_portal.probes.calls.rating import Explanation
from voice_sipapp.measurement import emodel as theirs
from voice_sipapp.measurement.impairments import CODECS
from voice_sipapp.measurement.playout import JITTER_BUFFER_MS
from voice_sipapp.measurement.rtpstats import burst_ratio

PACKET_MS = 20

codecs = st.sampled_from(sorted(CODECS))
delays = st.floats(0, 3000)
patterns = st.lists(st.sampled_from(["heard", "heard", "heard", "heard", "lost", "late"]), min_size=60, max_size=400)


def recorded(codec: str, pattern: list[str], rtt_ms: float | None = None, **changes: Any) -> Any:
    """What the SIP application records of a stream, rounded as its columns are."""
    missing = [packet != "heard" for packet in pattern]
    share = round(100 * sum(missing) / len(missing), 3)
    delay = (rtt_ms or 0) / 2 + JITTER_BUFFER_MS + PACKET_MS
    path = theirs.Path(100 * sum(missing) / len(missing), burst_ratio(missing), delay, CODECS[codec])
    r = theirs.r_factor(path)
    runs = "".join("x" if gone else " " for gone in missing).split()
    values = {
        "codec": codec, "ptime_ms": PACKET_MS, "rtt_ms": rtt_ms, "wideband": CODECS[codec].wideband,
        "rtp_expected": len(pattern), "rtp_lost": pattern.count("lost"), "rtp_discarded": pattern.count("late"),
        "concealed_pct": share, "max_loss_run": max(map(len, runs), default=0), "r_factor": round(r, 2),
        "mos_cq": round(theirs.mos(r, wideband=CODECS[codec].wideband), 3),
    }  # fmt: skip
    return SimpleNamespace(**values | changes)


def explained(stream: Any) -> Explanation:
    found = rating.explain(stream)
    assert found is not None
    return found


def named(found: Explanation) -> dict[str, float]:
    return {step.name: step.points for step in found.steps}


@given(codecs, st.floats(0, 100), st.floats(1, 20), delays)
def test_the_formula_is_the_sip_applications(codec: str, loss: float, bursts: float, delay: float):
    of = emodel.CODECS[codec]
    sum_of_parts = (
        emodel.best(wideband=of.wideband)
        - of.ie
        - emodel.loss_points(loss, bursts, of)
        - emodel.delay_points(delay, wideband=of.wideband)
    )
    rated = theirs.r_factor(theirs.Path(loss, bursts, delay, CODECS[codec]))
    assert max(0.0, sum_of_parts) == pytest.approx(rated, abs=1e-4)
    assert emodel.mos(rated, wideband=of.wideband) == pytest.approx(theirs.mos(rated, wideband=of.wideband), abs=1e-9)


def test_it_knows_the_codecs_and_the_buffer_of_the_sip_application():
    ours = {name: (codec.ie, codec.bpl, codec.wideband) for name, codec in emodel.CODECS.items()}
    assert ours == {name: (codec.ie, codec.bpl, codec.wideband) for name, codec in CODECS.items()}
    assert emodel.BUFFER_MS == JITTER_BUFFER_MS


@given(codecs, patterns, st.none() | delays)
def test_the_parts_make_the_rating_that_was_recorded(codec: str, pattern: list[str], rtt_ms: float | None):
    stream = recorded(codec, pattern, rtt_ms)
    found = explained(stream)
    assert found.best + sum(step.points for step in found.steps) == pytest.approx(stream.r_factor, abs=rating.ROUNDING)
    if stream.r_factor > 0:
        assert found.left_over == 0
        assert found.steps[-1].mos == pytest.approx(stream.mos_cq, abs=rating.MOS_ROUNDING)
        assert all(step.points <= 0 for step in found.steps)
    assert not found.note


def test_late_packets_of_a_wide_band_call_are_told_with_their_price():
    """7 of 300 packets late, one by one and then in a run."""
    scattered = ["heard"] * 300
    for place in range(20, 300, 40):
        scattered[place] = "late"
    alone = explained(recorded("G722", scattered))
    assert named(alone)["Codec G722"] == -13
    assert named(alone)["Late packets"] == pytest.approx(-82 * 2.3333 / (2.3333 + 4.9), abs=0.01)
    assert "In runs" not in named(alone)
    assert alone.summary.startswith("Of the 128.8 points of a perfect call 41.7 are missing: late packets took 26.4")
    in_a_run = explained(recorded("G722", ["heard"] * 150 + ["late"] * 7 + ["heard"] * 143))
    step = next(step for step in in_a_run.steps if step.name == "In runs")
    assert step.points < -8
    assert "of 7.0 on average, 7 at most" in step.why
    assert in_a_run.mos < alone.mos


def test_lost_and_late_share_the_price_by_their_numbers():
    pattern = [*["heard"] * 19, "lost", *["heard"] * 19, "late", *["heard"] * 10, "lost"] * 5
    found = named(explained(recorded("PCMA", pattern)))
    assert found["Lost packets"] == pytest.approx(2 * found["Late packets"])


def test_a_perfect_call_lost_nothing_but_delay():
    found = explained(recorded("PCMA", ["heard"] * 300, rtt_ms=40))
    assert [step.name for step in found.steps] == ["Codec PCMA", "Missing packets", "Delay"]
    assert (
        "20 ms of network (half the round trip), 60 ms for the jitter buffer, 20 ms for a packet" in found.steps[-1].why
    )
    assert found.summary == "Of the 93.2 points of a perfect call 2.5 are missing: delay took 2.5."


def test_what_nothing_explains_is_left_over():
    """A commercial SIP application rates by rules of its own."""
    found = explained(recorded("PCMA", ["heard"] * 300, r_factor=80.0, mos_cq=4.02))
    assert named(found)["Left over"] == pytest.approx(found.left_over)
    assert found.left_over == pytest.approx(80 - 91.08, abs=0.01)
    assert "what nothing here explains took 11.1" in found.summary


def test_clustering_explains_no_more_than_the_longest_run_allows():
    stream = recorded("PCMA", (["heard"] * 19 + ["lost"]) * 15)
    stream.r_factor -= 10
    found = named(explained(stream))
    assert "In runs" not in found
    assert found["Left over"] == pytest.approx(-10, abs=0.01)


def test_a_score_that_does_not_belong_to_its_rating_is_told():
    assert "not the one that the E-model gives" in explained(recorded("PCMA", ["heard"] * 100, mos_cq=3.0)).note


def test_below_the_end_of_the_scale_nothing_is_made_up():
    found = explained(recorded("PCMA", ["lost"] * 200 + ["heard"] * 20, rtt_ms=2500))
    assert found.rating == 0
    assert found.steps[-1].name == "End of the scale"


@pytest.mark.parametrize("changes", [{"r_factor": None}, {"mos_cq": None}, {"codec": "EVS"}, {"codec": None}])
def test_without_rating_or_figures_for_the_codec_there_is_no_explanation(changes: dict[str, None]):
    assert rating.explain(SimpleNamespace(**vars(recorded("PCMA", ["heard"] * 100)) | changes)) is None


def test_there_is_none_of_a_direction_without_a_record():
    assert rating.explain(None) is None
