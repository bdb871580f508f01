"""What every call of a host shares."""

from dataclasses import dataclass, field

from voice_sipapp.media.rtp import Engine
from voice_sipapp.records.callkey import CallKey, random_key
from voice_sipapp.signalling.credentials import Credentials, NoCredentials
from voice_sipapp.signalling.sip.endpoint import Endpoint


@dataclass(frozen=True)
class Station:
    """What every call of this host shares: its ports for SIP and media, its name and address.

    `edge`: address (an IPv6 literal in brackets) and port of the proxy that speaks TCP and TLS for this host. `key`
    proves whose a call is, also to the provider's other hosts. `unreachable` tells of probes (by client and name) why
    their receiver here can't be called.
    """

    dialer: Endpoint
    receiver: Endpoint
    engine: Engine
    sip_host: str
    address: str
    edge: tuple[str, int] | None = None
    credentials: Credentials = field(default_factory=NoCredentials)
    key: CallKey = field(default_factory=random_key)
    unreachable: dict[tuple[str, str], str] = field(default_factory=dict)
