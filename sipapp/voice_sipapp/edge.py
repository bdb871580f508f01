"""Configuration of the SIP host's edge: what carries calls over TCP and TLS, as text for kamailio.

The SIP application speaks UDP. Where a call's next hop wants TCP or TLS, the application sends its requests by UDP
to this edge on the loopback address, with the next hop in a Route header; what arrives by TCP or TLS goes to the
application's receiver. The edge stays in every dialog (Record-Route, once for each side), so that neither side needs
to know how the other is reached.

It is nobody else's way out: what comes from outside goes to the application and nowhere else, whatever a request
asks for; what comes in on the loopback address is only taken from the application's own ports.

Everything here is a pure function from a plan to text.
"""

from dataclasses import dataclass

CONFIGURATION, TLS_CONFIGURATION = "kamailio.cfg", "tls.cfg"
"""Names of the files; the first names the second by its path."""

CALL_HEADER = "X-Voice-Call"
"""Carries a call's UUID and the proof of whose it is from the dialer to the receiver, across whatever lies between: the
one header of ours that leaves the host.
"""

GONE_S = 10
"""How long a next hop may leave a request without any answer: over TCP nothing is repeated, so it is gone."""


@dataclass(frozen=True)
class TlsFiles:
    """Paths of PEM files: what the edge shows to the other side, and who it believes.

    `authorities`: the certificates that may have signed the other side's; its own must be among what it shows.
    """

    certificate: str
    key: str
    authorities: str


@dataclass(frozen=True, kw_only=True)
class EdgePlan:
    """Addresses and ports, all of this host: `address` is the application's and the one seen from outside;
    `inside` and `inside_port` are where the application reaches the edge by UDP. Without `tls` there is only TCP.
    """

    address: str
    dialer_port: int
    receiver_port: int
    inside: str
    inside_port: int
    tcp_port: int
    tls_port: int
    tls: TlsFiles | None


def files(plan: EdgePlan, folder: str) -> dict[str, str]:
    """The text of every file by its name, to be put into `folder`."""
    made = {CONFIGURATION: kamailio_cfg(plan, f"{folder}/{TLS_CONFIGURATION}")}
    if plan.tls is not None:
        made[TLS_CONFIGURATION] = tls_cfg(plan.tls)
    return made


def kamailio_cfg(plan: EdgePlan, tls_cfg_path: str) -> str:
    """Text of kamailio.cfg (5.6 or newer). Run it as `kamailio -f FILE -DD -E -m 32 -Y RUNDIR`."""
    outside = _bracketed(plan.address)
    inside = f"udp:{_bracketed(plan.inside)}:{plan.inside_port}"
    values = {
        "address": outside,
        "own": plan.address,
        "dialer_port": plan.dialer_port,
        "receiver_port": plan.receiver_port,
        "inside": inside,
        "gone_ms": GONE_S * 1000,
        "header": CALL_HEADER,
    }
    tcp, tls = f"tcp:{outside}:{plan.tcp_port}", f"tls:{outside}:{plan.tls_port}"
    listen = [inside, tcp] + ([tls] if plan.tls else [])
    parts = [
        _GLOBAL.format(listen="\n".join(f"listen={socket}" for socket in listen), **values),
        _TLS_ON.format(path=tls_cfg_path) if plan.tls else "",
        _ROUTE.format(**values),
        _TO_STREAM.format(
            tcp=tcp,
            tcp_contact=f"{outside}:{plan.tcp_port};transport=tcp",
            tls_branch=_TLS_BRANCH.format(tls=tls, contact=f"{outside}:{plan.tls_port};transport=tls")
            if plan.tls
            else _NO_TLS_BRANCH,
            **values,
        ),
    ]
    return "".join(parts)


def tls_cfg(tls: TlsFiles) -> str:
    """Text of tls.cfg: TLS 1.2 or newer both ways.

    A next hop must show a certificate of one of the authorities. Who connects to us may show none (few SBCs do), but
    none that is not theirs. Kamailio compares no name with the certificate: only trust authorities that sign for
    the other side alone, where that matters.
    """
    return "".join(
        f"""[{side}:default]
method = TLSv1.2+
verify_certificate = yes
require_certificate = {required}
private_key = {tls.key}
certificate = {tls.certificate}
ca_list = {tls.authorities}

"""
        for side, required in (("server", "no"), ("client", "yes"))
    )


def _bracketed(address: str) -> str:
    return f"[{address}]" if ":" in address else address


# No module that opens a control socket is loaded: there is nothing to reach but SIP.
_GLOBAL = """#!KAMAILIO
# Made by `python -m voice_sipapp edge-config`: change the settings, not this file.
debug=0
log_stderror=yes
fork=yes
children=2
tcp_children=2
tcp_connect_timeout=5
tcp_send_timeout=5
tcp_max_connections=512
auto_aliases=no
dns=no
rev_dns=no
server_signature=no
user_agent_header="User-Agent: voice-sip-edge"
{listen}
loadmodule "tm.so"
loadmodule "sl.so"
loadmodule "rr.so"
loadmodule "pv.so"
loadmodule "maxfwd.so"
loadmodule "textops.so"
loadmodule "siputils.so"
loadmodule "ipops.so"
modparam("tm", "fr_timer", {gone_ms})
modparam("tm", "fr_inv_timer", 180000)
modparam("tm", "failure_reply_mode", 3)
modparam("rr", "enable_double_rr", 1)
"""

_TLS_ON = """enable_tls=yes
loadmodule "tls.so"
modparam("tls", "config", "{path}")
modparam("tls", "xavp_cfg", "tls")
"""

_ROUTE = """
request_route {{
  if (!mf_process_maxfwd_header("20")) {{ sl_send_reply("483", "Too Many Hops"); exit; }}
  if (proto==UDP) route(FROM_APPLICATION);
  else route(FROM_OUTSIDE);
  exit;
}}

route[FROM_APPLICATION] {{
  if (src_ip!={own} || (src_port!={dialer_port} && src_port!={receiver_port})) {{
    if (!is_method("ACK")) sl_send_reply("403", "Forbidden");
    exit;
  }}
  if (is_method("CANCEL")) {{ if (t_check_trans()) t_relay(); exit; }}
  if (has_totag()) {{
    if (loose_route()) {{ route(RELAY); exit; }}
    if (is_method("ACK")) {{ if (t_check_trans()) t_relay(); exit; }}
    sl_send_reply("481", "Call/Transaction Does Not Exist");
    exit;
  }}
  if (is_method("ACK")) exit;
  if (is_method("OPTIONS") && !is_present_hf("Route")) {{ sl_send_reply("200", "OK"); exit; }}
  t_check_trans();
  route(TO_STREAM);
}}

# Whatever Route, Request-URI or tag it bears, it goes to the application or nowhere.
route[FROM_OUTSIDE] {{
  if (is_method("CANCEL")) {{ if (t_check_trans()) t_relay(); exit; }}
  if (has_totag()) {{
    if (!loose_route()) {{
      if (is_method("ACK")) {{ if (t_check_trans()) t_relay(); }}
      else sl_send_reply("481", "Call/Transaction Does Not Exist");
      exit;
    }}
    if (!is_ip("$rd") || !compare_ips("$rd", "{address}") || ($rp != {dialer_port} && $rp != {receiver_port})) {{
      if (!is_method("ACK")) sl_send_reply("403", "Forbidden");
      exit;
    }}
    $du = "sip:{address}:" + $rp + ";transport=udp";
    $fs = "{inside}";
    route(RELAY);
    exit;
  }}
  if (is_method("ACK")) exit;
  if (is_method("OPTIONS")) {{ sl_send_reply("200", "OK"); exit; }}
  if (!is_method("INVITE")) {{ sl_send_reply("405", "Method Not Allowed"); exit; }}
  t_check_trans();
  remove_hf("Route");
  $du = "sip:{address}:{receiver_port};transport=udp";
  $fs = "{inside}";
  record_route();
  route(RELAY);
}}

route[RELAY] {{
  if (!t_relay()) sl_reply_error();
}}
"""

# The next hop gets the request as it would by UDP: the Route header was between the application and the edge.
_TO_STREAM = """
route[TO_STREAM] {{
  if (!is_present_hf("Route")) {{ sl_send_reply("403", "No Next Hop"); exit; }}
  $du = $route_uri;
  remove_hf("Route");
  remove_hf_exp("^[Xx]-", "^{header}$");
  switch ($(du{{uri.transport}}{{s.tolower}})) {{
    case "tcp":
      $fs = "{tcp}";
      $var(contact) = "{tcp_contact}";
      break;
    case "tls":
{tls_branch}
    default:
      sl_send_reply("403", "Next Hop Is Neither TCP Nor TLS");
      exit;
  }}
  # A registrar calls the Contact it was told, outside of every dialog: that must be the edge.
  if (is_method("REGISTER"))
    subst_hf("Contact", "/<(sips?:[^@>]*@)[^>;]*(;transport=udp)?/<\\1$var(contact)/i", "a");
  else record_route();
  route(RELAY);
}}
"""

_TLS_BRANCH = """      $fs = "{tls}";
      $var(contact) = "{contact}";
      if (!is_ip("$(du{{uri.host}})")) $xavp(tls=>server_name) = $(du{{uri.host}});
      break;"""

_NO_TLS_BRANCH = """      sl_send_reply("503", "This SIP Host Has No Certificate For TLS");
      exit;"""
