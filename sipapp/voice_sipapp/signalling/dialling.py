"""What must be known before an INVITE can be sent: whether the probe can be called at all, and where to send to."""

import re
import socket
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from ipaddress import ip_address

from voice_sipapp.plan.probe import Probe
from voice_sipapp.plan.sipuri import SipUri
from voice_sipapp.signalling.call import Call
from voice_sipapp.signalling.credentials import Credential, CredentialsError
from voice_sipapp.signalling.sip.addresses import bracketed, check_uri, is_literal
from voice_sipapp.signalling.sip.nexthop import NextHop
from voice_sipapp.signalling.station import Station

LOOKUPS = 4
"""How many names are looked up at once: one name server that does not answer must not hold every call up."""


MOST_ADDRESSES = 4
"""How many addresses of one host are tried."""

CARRIERS = ("udp", "tcp", "tls")

_NUMERIC = re.compile(r"(?:.*\.)?(?:0[xX][0-9A-Fa-f]*|[0-9]+)\.?")
"""No name ends like this, but resolvers take it for an address: 010.1 may be 8.0.0.1."""


def impossible(probe: Probe, station: Station) -> str | None:
    """Why a call of `probe` can't be placed from this host as it is described, as a sentence; None if it can."""
    if probe.unsupported:
        return probe.unsupported
    try:
        for uri in (probe.dialer, probe.destination):
            check_uri(uri)
        check_hop(probe.proxy or probe.destination, station)
    except ValueError as error:
        return f"{error}."
    return None


def check_hop(hop: SipUri, station: Station) -> None:
    """Raises ValueError where this host can't reach `hop` at all."""
    if not hop.host:
        raise ValueError(f"{hop.text} names no host to send to: calls to it need a dialer.outboundProxy")
    if hop.carrier not in CARRIERS:
        raise ValueError(f"SIP over {hop.carrier} is not supported, only over {', '.join(CARRIERS)}")
    if hop.carrier != "udp" and station.edge is None:
        raise ValueError(
            f"{hop.text} needs SIP over {hop.carrier.upper()}, and this host has no edge for it (VOICE_SIP_EDGE)"
        )
    if hop.port == 0:
        raise ValueError(f"{hop.text} names port 0, at which nobody is: a port is a number from 1 to 65535")
    own, host = ip_address(station.address), hop.address[0]
    try:
        other = ip_address(host.strip("[]"))
    except ValueError:
        if _NUMERIC.fullmatch(host):
            raise ValueError(
                f"{host} in {hop.text} is neither a name nor an address: an IPv4 address has four numbers up to 255,"
                " without leading zeros"
            ) from None
        return  # a name, to be looked up
    if other.version != own.version:
        raise ValueError(
            f"{other} can't be reached from {own}: one is an IPv{other.version}, the other an IPv{own.version} address"
        )


class Dialling:
    """Starts calls. `submit` runs an action in the SIP stack's thread and may be called from any other."""

    def __init__(self, submit: Callable[[Callable[[], None]], None]) -> None:
        self._submit = submit
        self._threads = ThreadPoolExecutor(LOOKUPS, thread_name_prefix="resolve")

    def start(self, call: Call) -> None:
        """Start `call`, or go on with it at its new target, as soon as its way is known."""
        hop = call.probe.proxy or call.target
        if call.redirected:
            try:
                check_hop(hop, call.station)
            except ValueError as error:
                call.pass_over(f"Redirected to {call.target.text}, where no call can be placed: {error}")
                return
        host = hop.address[0]
        if is_literal(host) and call.probe.dialer_credentials is None:
            call.start(next_hop(hop, host, call.station, None))
        else:
            self._threads.submit(self._prepare, call, hop)

    def _prepare(self, call: Call, hop: SipUri) -> None:
        """Find out what takes its time, which is why this runs in a thread."""
        try:
            credential = usable(call.station, call.probe.dialer_credentials, call.probe.client, hop)
            host = hop.address[0]
            addresses = [host] if is_literal(host) else look_up(hop, call.station.address)
        except CredentialsError as error:
            reason = f"{'Redirected: t' if call.redirected else 'T'}he dialer can't log in: {error}"
            self._submit(lambda: call.pass_over(reason, misconfigured=True))
        except Exception as error:  # UnicodeError among others: none may lose the call
            cause = (error.strerror if isinstance(error, OSError) else None) or error
            reason = f"The host name {hop.address[0]} can't be resolved: {cause}"
            self._submit(lambda: call.pass_over(reason, spoilt=True))
        else:
            hops = [next_hop(hop, each, call.station, credential) for each in addresses]
            self._submit(lambda: call.safely(call.start)(*hops))

    def close(self) -> None:
        """Look nothing up any more."""
        self._threads.shutdown(wait=False, cancel_futures=True)


def usable(station: Station, name: str | None, client: str, hop: SipUri) -> Credential | None:
    """The credential `name` for requests that a probe of `client` has sent to `hop`; None where it names none. May take
    seconds. Raises CredentialsError, also where it is not for that client or that host: then nothing is sent.
    """
    if name is None:
        return None
    credential = station.credentials.get(name, client)
    credential.refuse_host(hop.address[0])
    return credential


def look_up(hop: SipUri, own_address: str) -> list[str]:
    """The addresses of the host of `hop`, of the same family as ours, as they stand in a URI, in the resolver's order:
    at least one. May take seconds. Raises OSError, or UnicodeError.
    """
    family = socket.AF_INET6 if ":" in own_address else socket.AF_INET
    found = socket.getaddrinfo(*hop.address, family, socket.SOCK_DGRAM)
    return list(dict.fromkeys(bracketed(str(each[4][0])) for each in found))[:MOST_ADDRESSES]


def next_hop(hop: SipUri, address: str, station: Station, credential: Credential | None) -> NextHop:
    """The next hop `hop`, whose host has that `address`."""
    edge = station.edge if hop.carrier != "udp" else None
    known = credential.found_at(address) if credential is not None else None
    return NextHop(address=(address, hop.address[1]), transport=hop.carrier, edge=edge, credential=known)
