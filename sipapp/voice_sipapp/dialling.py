"""What must be known before an INVITE can be sent: whether the probe can be called at all, and where to send to."""

import socket
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from ipaddress import ip_address

from voice_sipapp import stack
from voice_sipapp.call import Call
from voice_sipapp.probe import Probe

LOOKUPS = 4
"""How many names are looked up at once: one name server that does not answer must not hold every call up."""


def impossible(probe: Probe, own_address: str) -> str | None:
    """Why a call of `probe` can't be placed from this host as it is described, as a sentence; None if it can."""
    if probe.unsupported:
        return probe.unsupported
    try:
        for uri in (probe.dialer, probe.destination):
            stack.check_uri(uri)
    except ValueError as error:
        return f"{error}."
    host, _ = (probe.proxy or probe.destination).address
    own = ip_address(own_address)
    try:
        other = ip_address(host.strip("[]"))
    except ValueError:
        return None  # a name, to be looked up
    if other.version == own.version:
        return None
    return f"{other} can't be reached from {own}: one is an IPv{other.version}, the other an IPv{own.version} address."


class Dialling:
    """Starts calls. `submit` runs an action in the SIP stack's thread and may be called from any other."""

    def __init__(self, submit: Callable[[Callable[[], None]], None]) -> None:
        self._submit = submit
        self._threads = ThreadPoolExecutor(LOOKUPS, thread_name_prefix="resolve")

    def start(self, call: Call) -> None:
        """Start `call` as soon as its address is known."""
        host, port = (call.probe.proxy or call.probe.destination).address
        try:
            ip_address(host.strip("[]"))
        except ValueError:
            self._threads.submit(self._resolve, call, host, port)
        else:
            call.start((host, port))

    def _resolve(self, call: Call, host: str, port: int) -> None:
        """Find the address of `host`, of the same family as ours; runs in a thread because it may take seconds."""
        family = socket.AF_INET6 if ":" in call.station.address else socket.AF_INET
        try:
            address = str(socket.getaddrinfo(host, port, family, socket.SOCK_DGRAM)[0][4][0])
        except Exception as error:  # UnicodeError among others: none may lose the call
            cause = (error.strerror if isinstance(error, OSError) else None) or error
            reason = f"The host name {host} can't be resolved: {cause}"
            self._submit(lambda: call.fail(reason, spoilt=True))
            return
        self._submit(lambda: call.safely(call.start)((stack.bracketed(address), port)))

    def close(self) -> None:
        """Look nothing up any more."""
        self._threads.shutdown(wait=False, cancel_futures=True)
