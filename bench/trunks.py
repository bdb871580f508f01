"""Trunks that spoil calls in a known way: configuration of their SIP proxy, media relay and packet filter, as text.

The relay has an address of its own for each side of each trunk, so a packet's destination tells the call's trunk
and its direction, and the packet filter spoils it there and counts what it did. Everything here is a pure function;
`bench.impaired` starts the programs.
"""

from dataclasses import dataclass

PROXY = "fd77:a::7"
PORT, FAR_END_PORT = 5060, 5070
CONTROL_PORT = 22722
MEDIA_PORTS = (40000, 49999)
FAR_END_MEDIA_PORTS = (20000, 29999)
TABLE = "voice_truth"
DIRECTIONS = ("forward", "reverse")
"""Dialer to receiver, and back."""


@dataclass(frozen=True, kw_only=True)
class Trunk:
    """What happens to the sound of a call by this trunk, in both directions where nothing else is said.

    `loss_pct`: lost at random. `lost_of`: (n, m) loses n packets in a row out of every m. `blocked`: forward all is
    lost. `muted`: in place of the dialer's sound the relay sends silence. `delay`: held back by the delayer, as
    MEAN_MS:SPREAD_MS:ORDER of `bench.delayer`. `far_end`: the call goes through `bench.farend` instead of proxy and
    relay, which does to it what these words of `bench.farend.ways` say.
    """

    index: int
    name: str
    loss_pct: float = 0.0
    lost_of: tuple[int, int] | None = None
    blocked: bool = False
    muted: bool = False
    delay: str = ""
    far_end: str = ""

    @property
    def next_hop(self) -> str:
        """Where calls by this trunk are sent, as a URI."""
        return f"sip:[{PROXY}]:{FAR_END_PORT if self.far_end else PORT}"

    @property
    def number(self) -> str:
        """What is dialled to call by this trunk."""
        return f"+4479000000{self.index:02}"

    def address(self, direction: str) -> str:
        """Where the relay receives the packets of `direction`."""
        return f"fd77:a::{'d' if direction == 'forward' else 'e'}:{self.index}"

    def source(self, direction: str) -> str:
        """Where the relay sends the packets of `direction` from: the address that receives the other one."""
        return self.address("reverse" if direction == "forward" else "forward")

    def injected_pct(self, direction: str) -> float:
        """The share of packets that it loses in the long run."""
        if self.blocked:
            return 100.0 if direction == "forward" else 0.0
        return 100 * self.lost_of[0] / self.lost_of[1] if self.lost_of else self.loss_pct

    def counter(self, direction: str, what: str) -> str:
        """Name of the packet filter's counter of what of `direction` was `seen` or `lost`."""
        return f"t{self.index}_{direction}_{what}"


def addresses(trunks: list[Trunk]) -> list[str]:
    """Every address that the trunks need."""
    return [PROXY, *(trunk.address(direction) for trunk in trunks for direction in DIRECTIONS)]


def ruleset(trunks: list[Trunk]) -> str:
    """nftables commands (`nft -f -`) that spoil and count what the relay receives; RTCP (odd ports) is left alone."""
    counters = "".join(
        f"  counter {trunk.counter(direction, what)} {{ }}\n"
        for trunk in trunks
        for direction in DIRECTIONS
        for what in ("seen", "lost")
    )
    rules = "".join(_rules(trunk, direction) for trunk in trunks for direction in DIRECTIONS)
    return (
        f"table inet {TABLE}\ndelete table inet {TABLE}\ntable inet {TABLE} {{\n{counters}"
        f"  chain arriving {{\n    type filter hook input priority 0; policy accept;\n{rules}  }}\n}}\n"
    )


def _rules(trunk: Trunk, direction: str) -> str:
    match = f"    ip6 daddr {trunk.address(direction)} udp dport & 1 == 0"
    seen = f"{match} counter name {trunk.counter(direction, 'seen')}\n"
    lost = f"counter name {trunk.counter(direction, 'lost')} drop\n"
    if trunk.blocked:
        return seen + (f"{match} {lost}" if direction == "forward" else "")
    if trunk.lost_of:
        count, period = trunk.lost_of
        return f"{seen}{match} numgen inc mod {period} >= {period - count} {lost}"
    if trunk.loss_pct:
        return f"{seen}{match} numgen random mod 10000 < {round(trunk.loss_pct * 100)} {lost}"
    return seen


def rtpengine_args(trunks: list[Trunk]) -> list[str]:
    """Command line of the media relay, in user space, with two logical interfaces for each trunk."""
    interfaces = [
        f"--interface={direction}{trunk.index}/{trunk.address(direction)}"
        for trunk in trunks
        if not trunk.far_end
        for direction in DIRECTIONS
    ]
    first, last = MEDIA_PORTS
    return [
        "rtpengine", "--config-file=none", "--foreground", "--log-stderr", "--log-level=4", "--table=-1",
        "--num-threads=2", f"--listen-ng=127.0.0.1:{CONTROL_PORT}", *interfaces,
        f"--port-min={first}", f"--port-max={last}", "--timeout=60",
    ]  # fmt: skip


def far_end_settings(trunks: list[Trunk], callee: tuple[str, int], seconds: int, log: str) -> dict[str, object]:
    """What `bench.farend` must know to take the calls of its trunks, which last `seconds`, on to `callee`."""
    return {
        "address": PROXY, "port": FAR_END_PORT, "callee": callee, "seconds": seconds,
        "media_ports": FAR_END_MEDIA_PORTS, "log": log,
        "trunks": [
            {
                "number": trunk.number, "words": trunk.far_end,
                "forward": trunk.address("forward"), "reverse": trunk.address("reverse"),
            }
            for trunk in trunks
            if trunk.far_end
        ],
    }  # fmt: skip


def kamailio_cfg(trunks: list[Trunk], receiver: str) -> str:
    """Text of kamailio.cfg for the proxy that sends a trunk's calls through the trunk's relay addresses on to
    `receiver` (host and port as in a URI).
    """
    chosen = "".join(
        f'  if ($rU == "{trunk.number}") {{\n'
        f'    rtpengine_offer("replace-origin replace-session-connection'
        f' direction=forward{trunk.index} direction=reverse{trunk.index}");\n'
        f'    t_on_reply("{"MUTED" if trunk.muted else "ANSWER"}");\n  }}\n'
        for trunk in trunks
        if not trunk.far_end
    )
    return _CONFIG.replace("{CHOSEN}", chosen).replace("{RECEIVER}", f"sip:{receiver}")


_CONFIG = (
    f"""#!KAMAILIO
debug=1
log_stderror=yes
fork=yes
children=2
auto_aliases=no
listen=udp:[{PROXY}]:{PORT}
"""
    + "".join(
        f'loadmodule "{name}.so"\n' for name in ("tm", "sl", "rr", "pv", "maxfwd", "textops", "siputils", "rtpengine")
    )
    + f'modparam("rtpengine", "rtpengine_sock", "udp:127.0.0.1:{CONTROL_PORT}")'
    + """
request_route {
  if (has_totag()) {
    if (!loose_route()) { if (is_method("ACK") && t_check_trans()) t_relay(); exit; }
    if (is_method("BYE")) rtpengine_delete();
    t_relay();
    exit;
  }
  if (is_method("CANCEL")) { rtpengine_delete(); if (t_check_trans()) t_relay(); exit; }
  if (!is_method("INVITE")) { sl_send_reply("405", "Method Not Allowed"); exit; }
  t_check_trans();
  record_route();
  $du = "{RECEIVER}";
{CHOSEN}  t_relay();
}
onreply_route[ANSWER] {
  if (has_body("application/sdp")) rtpengine_answer("replace-origin replace-session-connection");
}
onreply_route[MUTED] {
  if (has_body("application/sdp")) {
    rtpengine_answer("replace-origin replace-session-connection");
    silence_media("directional");
  }
}
"""
)
