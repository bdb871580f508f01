"""The impaired path in the SBC's namespace of a lab, beside the lab's own: proxy, relay, far end and packet filter."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from bench import trunks
from bench.trunks import Trunk
from voice_lab import commands, places, processes, waiting
from voice_lab.context import Lab
from voice_lab.errors import LabError
from voice_lab.services import network

RELAY, PROXY, DELAYER, FAR_END = "truth-relay", "truth-proxy", "truth-delayer", "truth-far-end"
SBC_INTERFACE, SIP_INTERFACE = "sip", "sbc"
"""The link's two ends: each is named after what is at its far end."""


@contextmanager
def running(lab: Lab, roads: list[Trunk], seconds: int) -> Iterator[None]:
    """Open the trunks `roads`, for calls of `seconds`, in a lab whose SIP host runs; take them away in the end.

    Raises:
        LabError: something of it did not start.
    """
    try:
        _up(lab, roads)
        _meet(lab, roads, seconds)
        yield
    finally:
        _down(lab, roads)


def _up(lab: Lab, roads: list[Trunk]) -> None:
    for address in trunks.addresses(roads):
        _inside(lab, "ip", "address", "add", f"{address}/64", "dev", SBC_INTERFACE, "nodad")
    _inside(lab, "nft", "-f", "-", stdin=trunks.ruleset(roads))
    _delay(lab, roads)
    folder = lab.folder / "truth"
    folder.mkdir(exist_ok=True)
    _start(lab, RELAY, [*trunks.rtpengine_args(roads), f"--pidfile={folder / 'rtpengine.pid'}"])
    _wait_for_port(lab, trunks.CONTROL_PORT, RELAY)
    config = folder / "kamailio.cfg"
    config.write_text(trunks.kamailio_cfg(roads, f"[{network.PLAN.receiver}]:{network.PLAN.receiver_port}"))
    _start(lab, PROXY, ["kamailio", "-f", config, "-DD", "-E", "-P", folder / "kamailio.pid", "-Y", folder])
    waiting.until(
        lambda: f"[{trunks.PROXY}]:{trunks.PORT} " in _inside(lab, "ss", "-Hlnu"), what=f"{PROXY} listens", seconds=20
    )


def _meet(lab: Lab, roads: list[Trunk], seconds: int) -> None:
    """Start the far end of the trunks that have one of their own."""
    callee = network.PLAN.receiver, network.PLAN.receiver_port
    settings = trunks.far_end_settings(roads, callee, seconds, str(far_end_log(lab)))
    file = lab.folder / "truth" / "far-end.json"
    file.write_text(json.dumps(settings))
    far_end_log(lab).unlink(missing_ok=True)
    _start_ready(lab, FAR_END, [sys.executable, "-m", "bench.farend", str(file)])


def far_end_log(lab: Lab) -> Path:
    """Where the far end logs what it did, a line of JSON a call."""
    return lab.folder / "truth" / "far-end.jsonl"


def _start_ready(lab: Lab, name: str, command: Sequence[str]) -> None:
    """Start a program of ours that says when it is ready."""
    processes.start(lab.folder, name, _in_namespace(lab, command), cwd=places.CHECKOUT)
    log = lab.folder / "logs" / f"{name}.log"

    def ready() -> bool:
        processes.check(lab.folder, name)
        return "ready" in log.read_text()

    waiting.until(ready, what=f"{name} is ready", seconds=20)


def _delay(lab: Lab, roads: list[Trunk]) -> None:
    """Send the packets of trunks with jitter through the delayer's queues."""
    queues = [road for road in roads if road.delay]
    if not queues:
        return
    words = [f"{road.index}:{road.delay}" for road in queues]
    _start_ready(lab, DELAYER, [sys.executable, "-m", "bench.delayer", *words])
    for rule in _delay_rules(queues):
        _inside(lab, "ip6tables", "-t", "mangle", "-A", *rule)


def _delay_rules(queues: list[Trunk]) -> list[list[str]]:
    return [
        ["INPUT", "-d", road.address(direction), "-p", "udp", "-j", "NFQUEUE", "--queue-num", str(road.index)]
        for road in queues
        for direction in trunks.DIRECTIONS
    ]


def _down(lab: Lab, roads: list[Trunk]) -> None:
    for name in (PROXY, RELAY, FAR_END):
        processes.stop(lab.folder, name)
    steps = [
        ["ip6tables", "-t", "mangle", "-D", *rule] for rule in _delay_rules([each for each in roads if each.delay])
    ]
    steps += [["nft", "delete", "table", "inet", trunks.TABLE]]
    steps += [["ip", "address", "del", f"{each}/64", "dev", SBC_INTERFACE] for each in trunks.addresses(roads)]
    for step in steps:
        try:
            _inside(lab, *step)
        except LabError:
            continue  # it was never made: the start failed before
    processes.stop(lab.folder, DELAYER)


def counts(lab: Lab) -> dict[str, int]:
    """Packets of each of the packet filter's counters, by `Trunk.counter`."""
    told = json.loads(_inside(lab, "nft", "-j", "list", "counters", "table", "inet", trunks.TABLE))
    found = [each["counter"] for each in told["nftables"] if "counter" in each]
    return {counter["name"]: int(counter["packets"]) for counter in found}


def _start(lab: Lab, name: str, command: Sequence[str | Path]) -> None:
    processes.start(lab.folder, name, _in_namespace(lab, command), cwd=lab.folder)


def _wait_for_port(lab: Lab, port: int, name: str) -> None:
    def listens() -> bool:
        processes.check(lab.folder, name)
        return f":{port} " in _inside(lab, "ss", "-Hlnu")

    waiting.until(listens, what=f"{name} listens", seconds=20, hint=f"Logs: {lab.folder / 'logs'}")


def _inside(lab: Lab, *command: str, stdin: str | None = None) -> str:
    return commands.run(_in_namespace(lab, command), stdin=stdin)


def _in_namespace(lab: Lab, command: Sequence[str | Path]) -> list[str]:
    return network.inside(network.sbc_namespace(lab), *map(str, command))
