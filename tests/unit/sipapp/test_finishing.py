"""Which calls keep their recordings, and that nothing about a recording costs a record."""

from pathlib import Path

import numpy as np
import pytest

from tests.unit.sipapp.test_scoring import SPEECH, call, party, received, sound_of
from tests.unit.sipapp.voices import noise
from voice_sipapp.finishing import Finished, Finisher
from voice_sipapp.measurement import recording
from voice_sipapp.measurement.recording import Recordings
from voice_sipapp.records.cdr import Cdr, ReceiverPart

LOSSY = received(gone=frozenset(range(100, 200)))


def finish(folder: Path | None, finished: Finished) -> Cdr:
    """The record of a call, with recordings in `folder`."""
    kept: list[Cdr | ReceiverPart] = []
    Finisher(kept.append, Recordings(folder, 10, 10) if folder else None).call(finished)
    (record,) = kept
    assert isinstance(record, Cdr)
    return record


def test_a_call_below_the_warning_keeps_what_both_parties_heard(tmp_path: Path):
    bad = Finished(call=call(), dialer=party(received()), receiver=party(LOSSY), sound=SPEECH, mos_warning=4.0)
    record = finish(tmp_path, bad)
    forward, reverse = record.streams
    assert forward.mos_cq is not None
    assert forward.mos_cq < 4.0
    for stream in (forward, reverse):
        assert stream.recording is not None
        assert stream.recording.endswith(f"/{record.call.uuid}-{stream.direction}.wav")
        assert (tmp_path / stream.recording).stat().st_size == 44 + 2 * 80_000


@pytest.mark.parametrize(("heard", "codec"), [(noise(5, -60), "PCMA"), (np.zeros(40_000, np.int16), "G722")])
def test_a_silent_call_is_recorded_however_good_it_scores(tmp_path: Path, heard: np.ndarray, codec: str):
    muted = party(received(sound_of(heard), codec), codec)
    record = finish(tmp_path, Finished(call=call(), dialer=party(received()), receiver=muted, sound=SPEECH))
    assert [stream.silent for stream in record.streams] == [True, False]
    assert all(stream.recording for stream in record.streams)


def test_of_a_one_way_call_the_way_that_was_heard_is_kept(tmp_path: Path):
    record = finish(tmp_path, Finished(call=call(), dialer=party(received()), receiver=party([]), sound=SPEECH))
    assert [(stream.one_way, bool(stream.recording)) for stream in record.streams] == [(True, False), (False, True)]


def test_a_good_call_is_not_recorded(tmp_path: Path):
    good = Finished(call=call(), dialer=party(received()), receiver=party(received()), sound=SPEECH, mos_warning=4.0)
    assert [stream.recording for stream in finish(tmp_path, good).streams] == [None, None]
    assert not list(tmp_path.rglob("*.wav"))


def test_without_a_folder_nothing_is_recorded():
    bad = Finished(call=call(), dialer=party(received()), receiver=party(LOSSY), sound=SPEECH, mos_warning=4.0)
    assert [stream.recording for stream in finish(None, bad).streams] == [None, None]


def test_a_full_disk_costs_the_recording_and_not_the_record(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(recording, "MIN_FREE_BYTES", 10**18)
    bad = Finished(call=call(), dialer=party(received()), receiver=party(LOSSY), sound=SPEECH, mos_warning=4.0)
    record = finish(tmp_path, bad)
    assert [stream.recording for stream in record.streams] == [None, None]
    assert record.streams[0].rtp_lost == 100
