"""Networks and addresses, as people write them."""

from __future__ import annotations

import ipaddress
import re
from ipaddress import IPv4Address, IPv4Network, IPv6Network

from voice_cdk.config.faults import shown
from voice_cdk.config.keys import Unfit, text
from voice_cdk.config.model import Network
from voice_cdk.config.values import ranges

AWS_LARGEST, AWS_SMALLEST = 16, 28
"""Lengths of prefix between which AWS takes the IPv4 block of a VPC (CreateVpc)."""
WIDEST = {4: 8, 6: 16}
"""The shortest prefix of a client, by family: no organisation was given more."""

_NETWORK = 'an address with its length, such as "10.0.0.0/16" or "2001:db8:c11e::/48"'
_IPV4_NETWORK = 'an IPv4 address with its length, such as "10.10.0.0/16"'
_ADDRESS = 'an IPv4 address, such as "198.51.100.7"'


def network(value: object) -> Network:
    """Return a network of either family.

    Raises:
        Unfit: it is none.
    """
    return _network(text(value, _NETWORK), _NETWORK)


def vpc(value: object) -> IPv4Network:
    """Return the IPv4 block of a VPC.

    Raises:
        Unfit: it is none, not one that AWS takes, not private, or reserved.
    """
    found = _network(text(value, _IPV4_NETWORK), _IPV4_NETWORK, one_address=False)
    if isinstance(found, IPv6Network):
        raise Unfit(f"{found} is IPv6, and AWS gives a VPC its IPv6 block by itself; write {_IPV4_NETWORK}")
    if not AWS_LARGEST <= found.prefixlen <= AWS_SMALLEST:
        raise Unfit(f"{found} is not of a size that AWS takes for a VPC; its length is 16 to 28: write it with /16")
    if taken := ranges.reserved(found):
        raise Unfit(f"{found} has reserved addresses, {taken}; take a block of 10.0.0.0/8")
    if not ranges.is_inside(found, (*ranges.PRIVATE, ranges.SHARED)):
        raise Unfit(f"{found} is public, so others have it on the internet; take a block of 10.0.0.0/8")
    return found


def client_prefix(value: object) -> Network:
    """Return where a client's telephony is.

    Raises:
        Unfit: it is no network, or not one that an organisation can have.
    """
    found = network(value)
    if found.prefixlen < WIDEST[found.version]:
        least = WIDEST[found.version]
        raise Unfit(f"{found} is wider than /{least}, so other addresses would go the client's way too; name its own")
    if taken := ranges.reserved(found):
        raise Unfit(f"{found} has reserved addresses, {taken}; write what the client's telephony has")
    if isinstance(found, IPv6Network) and not ranges.usable(found):
        raise Unfit(f"{found} is neither global (2000::/3) nor unique local (fd00::/8), so nobody has it; correct it")
    return found


def source(value: object) -> Network:
    """Return from where on the internet somebody may come: any network that can be seen there, or everybody's.

    Raises:
        Unfit: it is no network, or never seen on the internet.
    """
    found = network(value)
    if found.prefixlen == 0:
        return found
    if taken := ranges.reserved(found):
        inside = ranges.is_inside(found, (each for each, _ in ranges.RESERVED))
        mend = ", so nobody comes from there; take it out" if inside else "; write narrower networks, without these"
        raise Unfit(f"{found} has reserved addresses, {taken}{mend}")
    if ranges.is_private(found):
        raise Unfit(f"{found} is private, and never seen on the internet; write the public addresses instead")
    if isinstance(found, IPv6Network) and not ranges.usable(found):
        raise Unfit(f"{found} is not global (2000::/3), so nobody comes from there; correct it")
    return found


def gateway(value: object) -> IPv4Address:
    """Return the public address of an IPsec gateway.

    Raises:
        Unfit: it is none.
    """
    written = text(value, _ADDRESS)
    if "/" in written:
        raise Unfit(f"{shown(written)} has a length, and a gateway is one address; write it without")
    try:
        found = ipaddress.ip_address(written)
    except ValueError:
        raise Unfit(f"{shown(written)} is no address{_why(written)}; write {_ADDRESS}") from None
    if not isinstance(found, IPv4Address):
        raise Unfit(f"{found} is IPv6, and tunnels come from an Elastic IP, which is IPv4; write {_ADDRESS}")
    alone = IPv4Network(found)
    if taken := ranges.reserved(alone):
        raise Unfit(f"{found} has reserved addresses, {taken}; write the gateway's public address")
    if ranges.is_private(alone):
        raise Unfit(f"{found} is private, and the tunnel goes through the internet; write the gateway's public address")
    return found


def _network(written: str, wanted: str, *, one_address: bool = True) -> Network:
    """Return the network that is `written`. `one_address`: what lacks a length, or has host bits, may be meant so."""
    address, slash, length = written.partition("/")
    try:
        alone = ipaddress.ip_address(address)
    except ValueError:
        raise Unfit(f"{shown(written)} is no network{_why(address)}; write {wanted}") from None
    whole = alone.max_prefixlen
    if "%" in address:
        raise Unfit(f"{shown(written)} names an interface behind %; write it without")
    if not slash and not one_address:
        raise Unfit(f"{alone} has no length; write {wanted}")
    if not slash:
        raise Unfit(
            f'{alone} has no length; write "{alone}/{whole}" for this one address, or the length of its network'
        )
    if alone.version == 4 and (mask := _mask(length)) is not None:
        raise Unfit(f'{shown(written)} has a mask for a length; write "{alone}/{mask}"')
    if not re.fullmatch(r"0|[1-9][0-9]{0,2}", length) or int(length) > whole:
        raise Unfit(f"{shown(written)} has no length from 0 to {whole} behind its /; write {wanted}")
    found = ipaddress.ip_network(f"{alone}/{int(length)}", strict=False)
    if found.network_address != alone:
        alternative = f' or "{alone}/{whole}"' if one_address else ""
        raise Unfit(f'{alone}/{int(length)} has bits set behind its length; write "{found}"{alternative}')
    return found


def _mask(written: str) -> int | None:
    """Return the length that a mask such as 255.255.0.0 stands for; None: it is no mask."""
    if "." not in written:
        return None
    try:
        return IPv4Network(f"0.0.0.0/{written}").prefixlen
    except ValueError:
        return None


def _why(address: str) -> str:
    if re.fullmatch(r"[0-9]+(\.[0-9]+){3}", address):
        bad = [part for part in address.split(".") if len(part) > 3 or int(part) > 255 or part != str(int(part))]
        return f" ({shown(bad[0])} in it is no number from 0 to 255 without leading zeros)" if bad else ""
    if "-" in address:
        return " (a range is written as the networks it consists of)"
    return " (names are not taken)" if re.fullmatch(r"[A-Za-z0-9.-]*[G-Zg-z][A-Za-z0-9.-]*", address) else ""
