"""`make captures`: the streams of any capture, by tshark and by the application's own analysis."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from bench.captures import codecs

from tests import captured
from tests.captured import ethernet, ip, pcap, pcapng, rtp, stream, udp
from tests.unit.sipapp.bench import Bench, a_tone
from voice_sipapp.plan.sipuri import SipUri
from voice_sipapp.records.cdr import StreamRecord

pytestmark = [
    pytest.mark.services,
    # The stack leaves it to the garbage collector to close a socket that it opens only to see whether IPv6 is there.
    pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning"),
]

LOST = {30, 31, 70}
NUMBERS = [number for number in range(200) if number not in LOST]
ROOT = Path(__file__).parents[2]


def run(*arguments: object) -> tuple[int, str, str]:
    """Exit code and output of the program."""
    assert shutil.which("tshark"), "tshark is not installed: `make test` installs it"
    done = subprocess.run(
        [sys.executable, "-m", "bench.captures", *map(str, arguments)],
        cwd=ROOT, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    return done.returncode, done.stdout, done.stderr


def rows(*arguments: object) -> list[dict[str, Any]]:
    """What it prints as JSON."""
    code, out, problems = run("--json", *arguments)
    assert code == 0, problems
    return [json.loads(line) for line in out.splitlines()]


def one(*arguments: object) -> dict[str, Any]:
    (row,) = rows(*arguments)
    return row


# --- real calls ------------------------------------------------------------------------------------------------------


@contextmanager
def dumpcap(file: Path, address: str, *options: str) -> Iterator[None]:
    """Capture what passes the loopback interface from or to an address."""
    command = ["dumpcap", "-q", "-i", "lo", "-f", f"udp and host {address}", "-w", str(file), *options]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        assert any("File:" in line for line in iter(process.stderr.readline, "")), "dumpcap does not start"
        try:
            yield
            time.sleep(0.3)  # what the kernel still holds for it
        finally:
            process.send_signal(signal.SIGTERM)


@pytest.mark.parametrize(
    ("codec", "changes", "options"),
    [("PCMA", {}, []), ("G722", {}, ["-P"]), ("opus", {}, ["-P"]), ("PCMA", {"srtp": True}, [])],
)
def test_a_real_calls_capture_says_what_its_record_says(
    tmp_path: Path, codec: str, changes: dict[str, Any], options: list[str]
):
    """pcapng, and pcap with `-P`. The codec of a dynamic payload type comes from the SDP in the capture."""
    # Other tests call on this interface at the same time, from other addresses.
    address = f"127.{os.getpid() >> 8 & 0xFF}.{os.getpid() & 0xFF}.77"
    bench, file = Bench(a_tone(tmp_path), address), tmp_path / "calls.pcap"
    destination = SipUri.parse(f"sip:+442071838750@{address}:{bench.receiver_port}")
    try:
        with dumpcap(file, address, *options):
            cdr = bench.call(bench.receiver_port, destination=destination, codecs=(codec,), duration_ms=1500, **changes)
    finally:
        bench.close()
    found = rows(file)
    assert len(found) == len(cdr.streams) == 2
    for record in cdr.streams:
        row = min(found, key=lambda each: abs(each["ours"]["jitter_ms"] - (record.jitter_ms or 0)))
        check_same(row, record)
        assert bool(row["remarks"]) == bool(changes)


def check_same(row: dict[str, Any], record: StreamRecord) -> None:
    """The capture may hold packets that came when the listener had hung up."""
    ours, theirs = row["ours"], row["tshark"]
    assert ours["codec"] == record.codec
    assert 0 <= ours["rtp_rx"] - record.rtp_rx <= 4
    assert (ours["rtp_rx"], ours["rtp_lost"]) == (theirs["packets"], theirs["lost"])
    assert ours["jitter_ms"] == pytest.approx(theirs["jitter_ms"], abs=0.002)
    assert ours["jitter_max_ms"] == pytest.approx(theirs["jitter_max_ms"], abs=0.002)
    assert ours["mos_cq"] == pytest.approx(record.mos_cq, abs=0.02)


# --- formats and link layers -----------------------------------------------------------------------------------------

Wrap = Callable[[bytes], bytes]


LINKS: dict[str, tuple[int, Wrap]] = {
    "Ethernet, IPv4": (captured.ETHERNET, lambda data: ethernet(ip(udp(data)))),
    "Ethernet, IPv6": (captured.ETHERNET, lambda data: ethernet(ip(udp(data), captured.IPV6))),
    "VLAN": (captured.ETHERNET, lambda data: ethernet(ip(udp(data)), 5)),
    "two VLANs": (captured.ETHERNET, lambda data: ethernet(ip(udp(data), captured.IPV6), 7, 5)),
    "Linux cooked": (captured.COOKED, lambda data: captured.cooked(ip(udp(data)))),
    "Linux cooked, version 2": (captured.COOKED_2, lambda data: captured.cooked_2(ip(udp(data), captured.IPV6))),
    "raw IPv4": (captured.RAW, lambda data: ip(udp(data))),
    "raw IPv6": (captured.RAW, lambda data: ip(udp(data), captured.IPV6)),
    "loopback": (captured.NULL, lambda data: captured.null(ip(udp(data)))),
    "a tunnel (VXLAN)": (captured.ETHERNET, lambda data: ethernet(ip(udp(VXLAN + ethernet(ip(udp(data))), (5, 4789))))),
}
VXLAN = bytes([8, 0, 0, 0, 0, 0, 1, 0])


@pytest.mark.parametrize("form", [pcap, pcapng])
def test_every_link_layer_gives_the_same_figures(tmp_path: Path, form: Callable[..., bytes]):
    for name, (link, wrap) in LINKS.items():
        (tmp_path / name).write_bytes(form(stream(wrap, NUMBERS), link))
    found = rows(*(tmp_path / name for name in LINKS))
    assert [Path(row["file"]).name for row in found] == list(LINKS)
    for row in found:
        check_figures(row)


def check_figures(row: dict[str, Any]) -> None:
    ours, theirs = row["ours"], row["tshark"]
    assert (theirs["packets"], theirs["lost"]) == (ours["rtp_rx"], ours["rtp_lost"]) == (len(NUMBERS), len(LOST))
    assert ours["jitter_ms"] == pytest.approx(theirs["jitter_ms"], abs=0.002)
    assert ours["jitter_max_ms"] == pytest.approx(theirs["jitter_max_ms"], abs=0.002)
    assert (ours["rtp_discarded"], ours["ptime_ms"], ours["codec"]) == (0, 20, "PCMA")
    assert row["remarks"] == []


@pytest.mark.parametrize("options", [{"order": ">"}, {"nanoseconds": True}, {"order": ">", "nanoseconds": True}])
def test_pcap_has_two_orders_and_two_clocks(tmp_path: Path, options: dict[str, Any]):
    file = tmp_path / "a.pcap"
    file.write_bytes(pcap(stream(lambda data: ethernet(ip(udp(data))), NUMBERS), **options))
    check_figures(one(file))


def test_fragments_are_put_together_and_told(tmp_path: Path):
    """Each datagram in two parts; of one only the second was captured, and that packet is missing."""
    frames = []
    for number, (at, datagram) in enumerate(stream(udp, range(100))):
        first, second = ip(datagram[:96], part=(0, True)), ip(datagram[96:], part=(96, False))
        for turn, part in enumerate((first, second) if number != 40 else (second,)):
            frames.append((at + turn, ethernet(renumbered(part, number))))
    file = tmp_path / "a.pcap"
    file.write_bytes(pcap(frames, nanoseconds=True))
    code, out, _ = run(file)
    assert code == 0
    assert "199 frames are fragments of datagrams" in out
    assert [one(file)["ours"][name] for name in ("rtp_rx", "rtp_lost")] == [99, 1]


def renumbered(packet: bytes, at: int) -> bytes:
    """An IPv4 packet with a number of its own, as its fragments share it; tshark minds no wrong checksum."""
    return packet[:4] + at.to_bytes(2, "big") + packet[6:]


# --- codecs, and what stands in their way ----------------------------------------------------------------------------

OPUS_SILENCE = bytes([0x08, 0xFF, 0xFE])


def opus(number: int) -> bytes:
    return rtp(number, kind=111, ticks=960, payload=OPUS_SILENCE)


def plain(file: Path, packet: Callable[[int], bytes], numbers: Any = range(200), **options: Any) -> Path:
    file.write_bytes(pcap(stream(lambda data: ethernet(ip(udp(data))), numbers, packet), **options))
    return file


def test_a_dynamic_payload_type_is_what_the_person_says(tmp_path: Path):
    file = plain(tmp_path / "a.pcap", opus)
    unknown = one(file)
    assert unknown["ours"] is None
    assert "111 (not described)" in unknown["remarks"][0]
    assert "--codec" in unknown["remarks"][0]
    known = one("--codec", "111=opus/48000", file)
    assert (known["ours"]["codec"], known["ours"]["rtp_rx"]) == ("opus", 200)


@pytest.mark.parametrize("words", ["111", "111=opus", "300=opus/48000", "111=EVS/16000", "x=opus/48000"])
def test_a_codec_that_cannot_be_meant_is_refused(words: str):
    with pytest.raises(ValueError, match=r"is not like 111=opus/48000|is not measured"):
        codecs.wish(words)


def test_a_codec_that_is_not_measured_is_told(tmp_path: Path):
    file = plain(tmp_path / "a.pcap", lambda number: rtp(number, kind=18, payload=bytes(20)))
    row = one(file)
    assert (row["ours"], row["tshark"]["packets"]) == (None, 200)
    assert "no codec that is measured" in row["remarks"][0]


def test_srtp_without_signalling_is_known_by_its_length(tmp_path: Path):
    """G.711 with 10 octets too many in every packet (RFC 4568: AES_CM_128_HMAC_SHA1_80)."""
    row = one(plain(tmp_path / "a.pcap", lambda number: rtp(number, payload=bytes(170))))
    assert (row["ours"]["rtp_rx"], row["ours"]["ptime_ms"]) == (200, 20)
    assert "encrypted" in row["remarks"][0]
    assert "active_pct" not in row["ours"]


def test_comfort_noise_and_dtmf_take_numbers_and_are_no_loss(tmp_path: Path):
    def packet(number: int) -> bytes:
        if number in range(50, 60):
            return rtp(number, kind=101, payload=bytes(4))
        return rtp(number, kind=13, payload=b"\x40") if number == 100 else rtp(number)

    row = one("--codec", "101=telephone-event/8000", plain(tmp_path / "a.pcap", packet))
    assert (row["ours"]["rtp_rx"], row["ours"]["rtp_lost"], row["ours"]["mos_cq"]) == (
        200,
        0,
        pytest.approx(4.36, abs=0.01),
    )


def test_packets_that_were_captured_in_part_keep_their_length(tmp_path: Path):
    row = one(plain(tmp_path / "a.pcap", rtp, NUMBERS, snap=96))
    assert (row["ours"]["rtp_rx"], row["ours"]["rtp_lost"], row["ours"]["ptime_ms"]) == (len(NUMBERS), len(LOST), 20)
    assert "captured in part" in row["remarks"][0]


def test_sources_that_follow_each_other_are_one_listeners(tmp_path: Path):
    """A gateway changed SSRC and numbers: two streams to tshark, one direction to the application."""
    packet = lambda number: rtp(number if number < 100 else number + 7000, ssrc=7 if number < 100 else 8)  # noqa: E731
    first, second, together = rows(plain(tmp_path / "a.pcap", packet))
    assert [row["ours"]["rtp_rx"] for row in (first, second, together)] == [100, 100, 200]
    assert (together["sources"], together["ssrc"], together["tshark"], together["ours"]["rtp_lost"]) == (
        2,
        None,
        None,
        0,
    )


@pytest.mark.parametrize("ppm", [1000, -100, 0])
def test_the_far_ends_clock_is_told(tmp_path: Path, ppm: int):
    """30 s with up to 9 ms of jitter; a clock that is 0.1 % slow costs nothing once it is followed."""
    frames = [
        (captured.BEGAN_NS + round(20_000_000 * at * (1 + ppm / 1e6)) + at * 7919 % 10 * 1_000_000, frame)
        for at, (_, frame) in enumerate(stream(lambda data: ethernet(ip(udp(data))), range(1500)))
    ]
    file = tmp_path / "a.pcap"
    file.write_bytes(pcap(frames, nanoseconds=True))
    ours = one(file)["ours"]
    assert ours["clock_slow_ppm"] == pytest.approx(ppm, abs=20)
    assert ours["rtp_discarded"] == 0


def test_ports_that_are_used_again_are_another_call(tmp_path: Path):
    wrap = lambda data: ethernet(ip(udp(data)))  # noqa: E731
    first, second = (stream(wrap, range(100), lambda number, ssrc=ssrc: rtp(number, ssrc=ssrc)) for ssrc in (7, 8))
    file = tmp_path / "a.pcap"
    file.write_bytes(pcap([*first, *((at + 120_000_000_000, frame) for at, frame in second)]))
    assert [row["sources"] for row in rows(file)] == [1, 1]


# --- what is no capture ----------------------------------------------------------------------------------------------


def test_what_is_no_capture_gets_a_sentence(tmp_path: Path):
    text, whole = tmp_path / "notes.txt", plain(tmp_path / "a.pcap", rtp)
    text.write_text("these are notes\n")
    (tmp_path / "empty.pcap").touch()
    code, out, problems = run(text, tmp_path, tmp_path / "none.pcap", tmp_path / "empty.pcap", whole)
    assert code == 1
    assert "empty.pcap is empty" in problems
    assert "notes.txt cannot be read as a capture" in problems
    assert "there is no file" in problems
    assert f"{tmp_path} is a folder" in problems
    assert "Traceback" not in problems
    assert "200/200" in out, "the others are read all the same"


def test_a_file_that_ends_in_mid_packet_is_read_as_far_as_it_goes(tmp_path: Path):
    file = plain(tmp_path / "a.pcap", rtp)
    file.write_bytes(file.read_bytes()[:-30])
    code, out, _ = run(file)
    assert (code, "ends in the middle of a packet" in out, "199/199" in out) == (0, True, True)


def test_a_capture_without_rtp_says_so(tmp_path: Path):
    file = tmp_path / "a.pcap"
    file.write_bytes(pcap([(captured.BEGAN_NS, ethernet(ip(udp(b"hello", (1234, 1235)))))]))
    code, out, _ = run(file)
    assert (code, "0 streams of RTP" in out, "--decode-as" in out) == (0, True, True)
