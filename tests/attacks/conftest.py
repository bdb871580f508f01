"""What the attacks on calls share: a dialer and a receiver of one process, callers, and paths between them."""

from __future__ import annotations

import json
import re
import struct
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path as Folder
from typing import Any

import pytest

from tests.attacks.raw_caller import NUMBER, Path, RawCaller
from tests.attacks.raw_far_end import SILENCE
from tests.attacks.streams import Party, Start, remote
from tests.unit.sipapp.bench import ADDRESS, Bench, a_probe, a_tone
from voice_sipapp.media import audio
from voice_sipapp.media.rtp import Engine, Stream
from voice_sipapp.plan.probe import Probe
from voice_sipapp.plan.sipuri import SipUri
from voice_sipapp.records.cdr import Cdr
from voice_sipapp.signalling.sip.eventloop import run_loop


class Scene:
    """Probes of two clients that are called over a path, and whoever else calls."""

    def __init__(self, bench: Bench, made: ExitStack) -> None:
        self.bench = bench
        self._made = made
        self.port = bench.receiver_port

    def path(self, **how: Any) -> Path:
        """A path between dialer and receiver."""
        dialer = int(self.bench.station.dialer.address.rpartition(":")[2])
        path = self._made.enter_context(closing(Path(dialer, self.port, **how)))
        path.start()
        return path

    def caller(self, *what: Any, start: bool = True, **how: Any) -> RawCaller:
        """Somebody who calls the receiver at once."""
        caller = self._made.enter_context(closing(RawCaller(self.port, *what, address=self.bench.address, **how)))
        if start:
            caller.start()
        return caller

    def probe(self, path: Path, **changes: Any) -> Probe:
        """A probe of which the provider allotted the number to its client, and which is called over `path`."""
        destination = SipUri.parse(f"sip:{NUMBER}@[{ADDRESS}]:{path.port}")
        return a_probe(path.port, **{"destination": destination, "allotted_numbers": (NUMBER,)} | changes)

    def place(self, probe: Probe, *others: Probe) -> None:
        """Begin a call of `probe`; `others` are in the plan too."""
        self.bench.caller.reception.probes = [probe, *others]
        self.bench.caller.outbound.place(probe)

    def run(self, seconds: float) -> None:
        """Serve for that time."""
        run_loop(timeout_s=seconds)

    def press(self, caller: RawCaller, digits: str) -> None:
        """Have `caller` press `digits`: real packets of RTP events (RFC 4733)."""
        assert caller.sounder is not None
        for at, digit in enumerate(digits):
            event, stamp = "0123456789*#".index(digit), 5_000_000 + at * 1600
            for number, end in ((0, 0), (1, 0), (2, 0x80)):
                payload = struct.pack("!BBH", event, end | 10, 160 * (number + 1))
                kind, sequence = 101 | (0x80 if number == 0 else 0), 40_000 + at * 3 + number
                packet = struct.pack("!BBHII", 0x80, kind, sequence, stamp, 7) + payload
                caller.media.sendto(packet, caller.sounder.target)
                self.run(0.02)

    def until(self, condition: Any, seconds: float = 8.0) -> None:
        """Serve until `condition()` holds."""
        for _ in range(round(seconds / 0.02)):
            if condition():
                return
            run_loop(timeout_s=0.02)
        raise AssertionError(f"not within {seconds} s")

    def record(self) -> Cdr:
        """The record of the next call that ends."""
        before = len(self.bench.cdrs)
        self.until(lambda: len(self.bench.cdrs) > before, 15)
        return self.bench.cdrs[before]

    @property
    def unsolicited(self) -> int:
        """How many calls were counted as not ours."""
        return self.bench.caller.reception.strangers


def names_of(cdr: Cdr, leg: str) -> set[str]:
    """The Call-IDs of the messages of that leg: the path keeps them, so both legs of a call have the same."""
    texts = [each["text"] for ladder in cdr.ladders if ladder.leg == leg for each in json.loads(ladder.messages)]
    return {name for text in texts for name in re.findall(r"^Call-ID: *(\S+)", text, re.MULTILINE)}


@pytest.fixture
def sounds(tmp_path: Folder) -> audio.AudioStore:
    return a_tone(tmp_path)


@pytest.fixture
def bench(sounds: audio.AudioStore) -> Iterator[Bench]:
    with closing(Bench(sounds)) as made:
        yield made


@pytest.fixture
def scene(sounds: audio.AudioStore) -> Iterator[Scene]:
    with a_scene(sounds) as made:
        yield made


@contextmanager
def a_scene(sounds: audio.AudioStore, address: str = ADDRESS) -> Iterator[Scene]:
    with closing(Bench(sounds, address)) as bench, ExitStack() as made:
        yield Scene(bench, made)


# --- streams of media


@pytest.fixture
def cleanup() -> Iterator[ExitStack]:
    with ExitStack() as made:
        yield made


@pytest.fixture(params=["::1", "127.0.0.1"])
def address(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def engine(address: str) -> Iterator[Engine]:
    made = Engine(address, (34000, 34998))
    made.start()
    yield made
    made.stop()


@pytest.fixture
def start(engine: Engine, address: str, cleanup: ExitStack) -> Start:
    """A stream, the far end that it is agreed with (unless `agreed` is false), and a stranger."""

    def started(*, agreed: bool = True) -> tuple[Stream, Party, Party]:
        stream = engine.open()
        cleanup.callback(engine.end, stream)
        far, stranger = Party(address, stream, cleanup, 7), Party(address, stream, cleanup, 66)
        if agreed:
            stream.target(remote(address, far.port), [SILENCE])
            stream.answered()
        return stream, far, stranger

    return started
