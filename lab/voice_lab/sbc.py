"""Configuration of the stand-in for a client's session border controller (SBC): what it must be told, as text.

The lab has no client with a call centre, so it builds the smallest honest one: a record-routing SIP proxy
(kamailio) and a media relay (rtpengine, in user space) in a network namespace of their own. Every call's packets
really cross two interfaces and a relay; loss is made by the packet filter on that path and not by a program
that knows what it should measure.

The number that is called decides what happens to the call: its first ten digits name the trunk. Everything here is a
pure function from a plan to text; starting the programs is the lab's business.
"""

from dataclasses import dataclass, field

LOSSY_TRUNK = "+4420718388"
"""Numbers that start so have their media relayed over the lossy address; two more digits follow."""

CLEAN_TRUNK = "+4420718387"
"""Numbers that start so (two more digits) are relayed over the clean address, as is every other number."""

SECURE_TRUNK = "+4420718386"
"""Numbers that start so are taken over TLS only, ask for the trunk's password, and ring the agent (`agent-` and the two
digits that follow) wherever that agent has registered. Media with SRTP stays so; the relay has keys of its own."""

STRIPPING_TRUNK = "+4420718385"
"""Numbers that start so lose the call's header and are rewritten to national form (0 for +44) on their way to the
second SIP host: what many a carrier does."""

IVR_TRUNK = "+4420718383"
"""Numbers that start so are answered by a machine that waits for the digit 1 before it rings the agent."""

REDIRECTING_TRUNK = "+4420718382"
"""Numbers that start so have moved (302) to the clean trunk's number with the same two last digits."""

REALM = "acme.example"
"""The realm of digest authentication: who passwords are known to."""

TRUNK_USER, AGENT_USER = "trunk", "agents"
"""User names for calls on the secure trunk, and for registering agents."""

REGISTRATION_S = 60
"""The longest registration that is granted: so short that renewing it is seen in a lab."""

REFUSAL_TRUNK = "+442071834"
"""Numbers that start so end in the three digits of the SIP answer they get, one of `REFUSALS`."""

REFUSALS = {404: "Not Found", 480: "Temporarily Unavailable", 486: "Busy Here", 503: "Service Unavailable"}
"""SIP status code and reason phrase of the refusals that can be called up by number."""


@dataclass(frozen=True)
class Secrets:
    """Passwords of the secure trunk and of its agents, not part of the representation."""

    trunk: str = field(repr=False)
    agents: str = field(repr=False)


@dataclass(frozen=True)
class SbcPlan:
    """Addresses and ports of the stand-in.

    `address` is where it is reached (SIP and clean media), `lossy_address` a second address of the same interface
    that only media of the lossy trunk uses; `receiver` and `receiver_port` say where calls are sent on to,
    `second_receiver` where the stripping trunk's are; `ivr_port` is where the machine of the IVR trunk listens;
    `control_port` is the loopback port between proxy and relay; `media_ports` the first and last UDP port for media.
    """

    address: str = "fd77:a::1"
    lossy_address: str = "fd77:a::bad"
    receiver: str = "fd77:a::2"
    second_receiver: str = "fd77:a:2::2"
    port: int = 5060
    tls_port: int = 5061
    ivr_port: int = 5070
    receiver_port: int = 5062
    control_port: int = 22222
    media_ports: tuple[int, int] = (30000, 39999)


def kamailio_cfg(plan: SbcPlan, tls_cfg: str | None = None, secrets: Secrets | None = None) -> str:
    """Text of kamailio.cfg (5.6) for the proxy; a secret itself if there are `secrets`.

    It listens on UDP and TCP, with `tls_cfg` (a path) also on TLS; the secure trunk and its registrar are only there
    with `secrets`. Run it as `kamailio -f FILE -DD -E -P PIDFILE -Y RUNDIR` (foreground, log to standard error).
    """
    tls = f'enable_tls=yes\nlisten=tls:[{plan.address}]:{plan.tls_port}\nloadmodule "tls.so"\n' if tls_cfg else ""
    return "".join(
        (
            _GLOBAL.format(plan=plan),
            tls + (f'modparam("tls", "config", "{tls_cfg}")\n' if tls else ""),
            _AUTHENTICATION.format(lifetime_s=REGISTRATION_S) if secrets else "",
            _route(plan, secrets),
            _MEDIA_REPLY,
        )
    )


def rtpengine_args(plan: SbcPlan) -> list[str]:
    """Command line of the media relay, foreground, without its kernel module (`--table=-1`)."""
    first, last = plan.media_ports
    return [
        "rtpengine",
        "--config-file=none",
        "--foreground",
        "--log-stderr",
        "--log-level=4",
        "--table=-1",
        "--num-threads=2",
        # A client's relay has a machine of its own. This one shares its machine with all that is measured and tested,
        # and what it is late to pass on would be taken for a fault of the path.
        "--scheduling=rr",
        "--priority=10",
        f"--listen-ng=127.0.0.1:{plan.control_port}",
        f"--interface=clean/{plan.address}",
        f"--interface=lossy/{plan.lossy_address}",
        f"--port-min={first}",
        f"--port-max={last}",
        "--timeout=60",
    ]


def loss_ruleset(plan: SbcPlan, loss_pct: float) -> str:
    """nftables commands (`nft -f -`, in the SBC's namespace) that lose `loss_pct` % of the lossy trunk's media.

    Only packets that *arrive* at the lossy address are dropped. Both directions arrive there, each once, so each
    direction loses `loss_pct`; dropping what leaves as well would lose nearly twice as much. 0 means no loss.
    Raises ValueError outside 0 … 100.
    """
    if not 0 <= loss_pct <= 100:
        raise ValueError(f"loss must be between 0 and 100 %, not {loss_pct}")
    threshold = round(loss_pct * 100)
    rule = f"    ip6 daddr {plan.lossy_address} meta l4proto udp numgen random mod 10000 < {threshold} counter drop\n"
    return (
        "table inet voice_loss\n"
        "delete table inet voice_loss\n"
        "table inet voice_loss {\n"
        "  chain arriving {\n"
        "    type filter hook input priority 0; policy accept;\n" + (rule if threshold else "") + "  }\n"
        "}\n"
    )


def _route(plan: SbcPlan, secrets: Secrets | None) -> str:
    refusals = "".join(
        f'  if ($rU == "{REFUSAL_TRUNK}{code}") {{ sl_send_reply("{code}", "{reason}"); exit; }}\n'
        for code, reason in REFUSALS.items()
    )
    trunks = {
        f"{name}_number": trunk.replace("+", "\\+") + "[0-9][0-9]$"
        for name, trunk in (
            ("lossy", LOSSY_TRUNK),
            ("secure", SECURE_TRUNK),
            ("stripping", STRIPPING_TRUNK),
            ("ivr", IVR_TRUNK),
            ("redirecting", REDIRECTING_TRUNK),
        )
    }
    secure = _NO_SECURE_TRUNK
    if secrets is not None:
        secure = _SECURE_TRUNK.format(
            realm=REALM, trunk_user=TRUNK_USER, agent_user=AGENT_USER, trunk=secrets.trunk, agents=secrets.agents
        )
    return secure + _ROUTE.format(
        refusals=refusals,
        clean=CLEAN_TRUNK,
        us=f"[{plan.address}]:{plan.port}",
        realm=REALM,
        ivr=f"sip:[{plan.address}]:{plan.ivr_port}",
        receiver=f"sip:[{plan.receiver}]:{plan.receiver_port}",
        second_receiver=f"sip:[{plan.second_receiver}]:{plan.receiver_port}",
        **trunks,
    )


_GLOBAL = """#!KAMAILIO
debug=1
log_stderror=yes
fork=yes
children=2
tcp_children=2
auto_aliases=no
listen=udp:[{plan.address}]:{plan.port}
listen=tcp:[{plan.address}]:{plan.port}
loadmodule "tm.so"
loadmodule "sl.so"
loadmodule "rr.so"
loadmodule "pv.so"
loadmodule "maxfwd.so"
loadmodule "textops.so"
loadmodule "siputils.so"
loadmodule "uac.so"
loadmodule "rtpengine.so"
modparam("rr", "append_fromtag", 1)
modparam("rtpengine", "rtpengine_sock", "udp:127.0.0.1:{plan.control_port}")
"""

_AUTHENTICATION = """
loadmodule "auth.so"
loadmodule "usrloc.so"
loadmodule "registrar.so"
modparam("registrar", "max_expires", {lifetime_s})
modparam("registrar", "default_expires", {lifetime_s})
"""

_SECURE_TRUNK = """
route[SECURE] {{
  if (proto != TLS) {{ sl_send_reply("403", "TLS Only"); exit; }}
  if (!pv_proxy_authenticate("{realm}", "{trunk}", "0") || $au != "{trunk_user}") {{
    proxy_challenge("{realm}", "1");
    exit;
  }}
  consume_credentials();
  $ru = "sip:agent-" + $(rU{{s.substr,-2,0}}) + "@{realm}";
  if (!lookup("location")) {{ sl_send_reply("480", "Agent Not Registered"); exit; }}
}}
route[REGISTRAR] {{
  if (!pv_www_authenticate("{realm}", "{agents}", "0") || $au != "{agent_user}") {{
    www_challenge("{realm}", "1");
    exit;
  }}
  save("location");
  exit;
}}
"""

_NO_SECURE_TRUNK = """
route[SECURE] { sl_send_reply("503", "No Secure Trunk"); exit; }
route[REGISTRAR] { sl_send_reply("405", "Method Not Allowed"); exit; }
"""

# One media address for both sides of a call: the dialer and the receiver are the same host, so there is only one
# interface; which of its two addresses relays the media is what the trunk decides.
_ROUTE = """
request_route {{
  if (!mf_process_maxfwd_header("10")) {{ sl_send_reply("483", "Too Many Hops"); exit; }}
  if (has_totag()) {{ route(IN_DIALOG); exit; }}
  if (is_method("CANCEL")) {{
    rtpengine_delete();
    if (t_check_trans()) t_relay();
    exit;
  }}
  if (is_method("ACK")) exit;
  if (is_method("OPTIONS")) {{ sl_send_reply("200", "OK"); exit; }}
  if (is_method("REGISTER")) route(REGISTRAR);
  if (!is_method("INVITE")) {{ sl_send_reply("405", "Method Not Allowed"); exit; }}
  t_check_trans();
{refusals}  if ($rU =~ "^{redirecting_number}") {{
    append_to_reply("Contact: <sip:{clean}$(rU{{s.substr,-2,0}})@{us}>\r\n");
    sl_send_reply("302", "Moved Temporarily");
    exit;
  }}
  remove_hf("Route");
  if ($rU =~ "^{secure_number}") route(SECURE);
  else if ($rU =~ "^{ivr_number}") {{
    $du = "{ivr}";
    record_route();
    t_relay();
    exit;
  }}
  else if ($rU =~ "^{stripping_number}") {{
    remove_hf("X-Voice-Call");
    $rU = "0" + $(rU{{s.substr,3,0}});
    uac_replace_to("", "sip:$rU@{realm}");
    $du = "{second_receiver}";
  }}
  else $du = "{receiver}";
  record_route();
  if ($oU =~ "^{lossy_number}") {{
    rtpengine_offer("replace-origin replace-session-connection direction=lossy direction=lossy");
    t_on_reply("LOSSY");
  }} else {{
    rtpengine_offer("replace-origin replace-session-connection direction=clean direction=clean");
    t_on_reply("CLEAN");
  }}
  t_on_failure("RELEASE_MEDIA");
  t_relay();
}}
route[IN_DIALOG] {{
  if (!loose_route()) {{
    if (is_method("ACK") && t_check_trans()) t_relay();
    else if (!is_method("ACK")) sl_send_reply("404", "Not Here");
    exit;
  }}
  if (is_method("BYE")) rtpengine_delete();
  t_relay();
}}
failure_route[RELEASE_MEDIA] {{
  rtpengine_delete();
}}
"""

_MEDIA_REPLY = """
onreply_route[CLEAN] {
  if (has_body("application/sdp"))
    rtpengine_answer("replace-origin replace-session-connection direction=clean direction=clean");
}
onreply_route[LOSSY] {
  if (has_body("application/sdp"))
    rtpengine_answer("replace-origin replace-session-connection direction=lossy direction=lossy");
}
"""
