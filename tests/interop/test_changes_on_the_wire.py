"""Far ends that change in mid-call, over sockets: the length of their packets, their codec, with and without a word."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import closing
from pathlib import Path

import pytest

from tests.interop.stage import FarEnd, Says, Sound, Stage
from tests.unit.sipapp.bench import Bench, a_probe, a_tone
from voice_sipapp.records.cdr import Cdr, StreamRecord
from voice_sipapp.signalling.sip.eventloop import run_loop

# The stack leaves it to the garbage collector to close a socket that it opens only to see whether IPv6 is there.
pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning")

CALL_S, CHANGE_S = 3.0, 1.5
SOUNDS = {
    "PCMA": (Sound(0, 60),),
    "PCMA, then PCMU": (Sound(0, CHANGE_S), Sound(CHANGE_S, 60, kind=0)),
    "20 ms, then 60 ms": (Sound(0, CHANGE_S), Sound(CHANGE_S, 60, together=3)),
    "PCMA, then PCMU after a re-INVITE": (Sound(0, CHANGE_S), Sound(CHANGE_S + 0.02, 60, kind=0)),
}


class TwoCodecs(FarEnd):
    """Describes itself with PCMA and PCMU, in this order, or with `only` one."""

    def described(self, lines: str = "") -> str:
        kinds = lines.removeprefix("only ") if lines.startswith("only ") else "8 0"
        return super().described(f"m=audio {self.media.getsockname()[1]} RTP/AVP {kinds}")


@pytest.fixture(scope="module")
def calls(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mapping[str, tuple[TwoCodecs, Cdr]]]:
    """A call to each far end, all at the same time."""
    with closing(Bench(a_tone(Path(tmp_path_factory.mktemp("sounds"))))) as bench, closing(Stage()) as stage:
        fars = {
            name: TwoCodecs(stage, sounds, [Says(CHANGE_S, "only 0")] if "re-INVITE" in name else [])
            for name, sounds in SOUNDS.items()
        }
        stage.start()
        for far in fars.values():
            bench.caller.outbound.place(a_probe(far.port, duration_ms=round(CALL_S * 1000)))
        deadline = time.monotonic() + 20
        while len(bench.cdrs) < len(fars):
            assert time.monotonic() < deadline, "the calls did not end"
            run_loop(timeout_s=0.05)
        found = {int(cdr.call.to_uri.rpartition(":")[2]): cdr for cdr in bench.cdrs}
        yield {name: (far, found[far.port]) for name, far in fars.items()}


@pytest.mark.parametrize("name", SOUNDS)
def test_what_changes_in_mid_call_is_counted_heard_and_rated(calls: Mapping[str, tuple[TwoCodecs, Cdr]], name: str):
    far, cdr = calls[name]
    stream: StreamRecord = next(each for each in cdr.streams if each.direction == "reverse")
    sent = far.sent_until(cdr.call.ended_at)
    assert sent - 12 <= stream.rtp_rx <= len(far.sent_at_ns), "but for what was under way at the end"
    assert stream.rtp_lost == 0
    assert stream.codec in {"PCMA", "PCMU"}
    rows = [each for each in cdr.intervals if each.direction == "reverse"]
    assert len(rows) in {2, 3}, "as long as the call, whatever its packets hold"
    if stream.valid and far.late_s < 0.03:  # else this machine was too busy
        assert (stream.mos_cq or 0) > 4.2
        assert min(each.mos_cq or 0 for each in rows) > 4.0


def test_each_codec_is_heard(calls: Mapping[str, tuple[TwoCodecs, Cdr]]):
    """The first 1.5 s of some 2.9 are in the one, the rest in the other."""
    for name in ("PCMA, then PCMU", "PCMA, then PCMU after a re-INVITE"):
        _, cdr = calls[name]
        rows = [each for each in cdr.intervals if each.direction == "reverse"]
        assert all(each.level_dbov is not None for each in rows)
        assert sum(each.rtp_expected for each in rows) > 120
