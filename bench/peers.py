"""Other programs that make calls, as subjects of `bench.load`: SIPp and baresip, one process for each party."""

from __future__ import annotations

import json
import math
import struct
import wave
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bench import load
from voice_lab import commands, processes, waiting
from voice_lab.context import Lab
from voice_lab.services import network

PACKAGES = ("sip-tester", "baresip-core")
ADDRESS = str(network.PLAN.receiver)
SCENARIOS = Path(__file__).parent / "sipp"
SIPP_PORTS, SIPP_CONTROL, SIPP_RATE = (5090, 5091), 8890, 50
BARESIP_PORTS, BARESIP_CONTROL = (5080, 5090), (4441, 4442)
"""A baresip takes the port above its own, too, for TLS."""

SOUND_S = 180
"""Longer than a run: baresip plays a file once, and keeps a copy of it for each call."""


class Sipp:
    """SIPp sending sound both ways from files of G.711; it reads nothing of what arrives. See `load.Subject`."""

    name = "sipp"
    one_in = 8
    listens = False

    def __init__(self, lab: Lab, pids: list[int]) -> None:
        self.pids = pids
        self._lab = lab
        self._calls = 0

    def add(self, calls: int) -> None:
        """Raise the limit of calls that are up; they never end."""
        self._calls += calls
        _bash(self._lab, f"echo -n 'cset limit {self._calls}' > /dev/udp/127.0.0.1/{SIPP_CONTROL}")

    def settles_s(self, calls: int) -> float:
        """At the rate at which its calls start."""
        return calls / SIPP_RATE + 2


@contextmanager
def sipp(lab: Lab) -> Iterator[Sipp]:
    """SIPp as caller and as called."""
    folder = lab.folder / "bench-sipp"
    folder.mkdir(exist_ok=True)
    (folder / "tone.al").write_bytes(bytes(0x55 ^ at % 80 for at in range(80_000)))
    common = ["-i", ADDRESS, "-mi", ADDRESS, "-nostdin"]
    called, caller = SIPP_PORTS
    roles = {
        "uas": [*common, "-p", str(called)],
        # Calls start at this rate as soon as the limit, which `add` raises, lets them.
        "uac": [
            *common,
            "-p",
            str(caller),
            "-r",
            str(SIPP_RATE),
            "-l",
            "1",
            "-cp",
            str(SIPP_CONTROL),
            f"[{ADDRESS}]:{called}",
        ],
    }
    try:
        pids = []
        for role, options in roles.items():
            command = load.pinned("sipp", "-sf", SCENARIOS / f"{role}.xml", *options)
            pids.append(load.start(lab, f"bench-sipp-{role}", command, cwd=folder))
            _wait_for_port(lab, SIPP_PORTS[len(pids) - 1])
        yield Sipp(lab, pids)
    finally:
        for role in roles:
            processes.stop(lab.folder, f"bench-sipp-{role}")


class Baresip:
    """baresip, which decodes and measures what it receives. See `load.Subject`."""

    name = "baresip"
    one_in = 1
    listens = True

    def __init__(self, lab: Lab, pids: list[int]) -> None:
        self.pids = pids
        self._lab = lab

    def add(self, calls: int) -> None:
        """Dial so many more."""
        text = json.dumps({"command": "dial", "params": f"sip:called@[{ADDRESS}]:{BARESIP_PORTS[1]}"})
        dial = f"printf '%s' '{len(text)}:{text},' >&3; sleep 0.02"
        # Bash opens the connection within the namespace; its end waits for answers that would be cut off.
        _bash(self._lab, f"exec 3<>/dev/tcp/127.0.0.1/{BARESIP_CONTROL[0]}; for i in $(seq {calls}); do {dial}; done")

    def settles_s(self, _calls: int) -> float:
        """Calls are up soon after `add` has dialled them."""
        return 5


@contextmanager
def baresip(lab: Lab) -> Iterator[Baresip]:
    """The baresip of the distribution as caller and as called."""
    sound = lab.folder / "bench-baresip.wav"
    _tone(sound)
    roles = ("caller", "called")
    try:
        pids = []
        for role, port, control in zip(roles, BARESIP_PORTS, BARESIP_CONTROL, strict=True):
            folder = lab.folder / f"bench-baresip-{role}"
            _configure_baresip(folder, sound, role, port, control)
            pids.append(load.start(lab, folder.name, load.pinned("baresip", "-f", folder), cwd=folder))
            _wait_for_port(lab, port)
        yield Baresip(lab, pids)
    finally:
        for role in roles:
            processes.stop(lab.folder, f"bench-baresip-{role}")
        sound.unlink(missing_ok=True)


def _configure_baresip(folder: Path, sound: Path, role: str, port: int, control: int) -> None:
    folder.mkdir(exist_ok=True)
    first = 10_000 if role == "caller" else 30_000
    answer = "auto" if role == "called" else "manual"
    (folder / "contacts").touch()
    (folder / "accounts").write_text(
        f"<sip:{role}@[{ADDRESS}]:{port}>;regint=0;answermode={answer};audio_codecs=PCMA/8000/1\n"
    )
    (folder / "config").write_text(
        f"""sip_listen [{ADDRESS}]:{port}
net_af ipv6
net_interface sbc
rtp_ports {first}-{first + 19_998}
rtp_timeout 0
call_max_calls 10000
audio_source aufile,{sound}
audio_player aufile,/dev/null
audio_alert aufile,/dev/null
module_path /usr/lib/baresip/modules
module g711.so
module aufile.so
module_app account.so
module_app menu.so
module_app ctrl_tcp.so
ctrl_tcp_listen 127.0.0.1:{control}
"""
    )


def _tone(path: Path) -> None:
    """Write a tone as a WAV file of 8,000 Hz."""
    second = b"".join(struct.pack("<h", round(5000 * math.sin(at * 0.3))) for at in range(8000))
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(8000)
        file.writeframes(second * SOUND_S)


def _wait_for_port(lab: Lab, port: int) -> None:
    def listens() -> bool:
        return f":{port} " in commands.run(network.inside(network.sip_namespace(lab), "ss", "-Hlnu"))

    waiting.until(listens, what=f"UDP port {port} is listened on", seconds=20, hint=f"Logs: {lab.folder / 'logs'}")


def _bash(lab: Lab, script: str) -> None:
    commands.run(network.inside(network.sip_namespace(lab), "bash", "-c", script))
