"""What CoreDNS is told where the NAT64 prefix is our own: AWS's resolver makes addresses of the well-known one."""

from __future__ import annotations

import json

import aws_cdk as cdk

_PREFIX = "<prefix>"
"""Stands for what AWS alone knows until it is taken apart there: no JSON text has to be escaped at it."""

_COREFILE = """\
.:53 {
    errors
    health {
        lameduck 5s
    }
    ready
    kubernetes cluster.local in-addr.arpa ip6.arpa {
        pods insecure
        fallthrough in-addr.arpa ip6.arpa
    }
    prometheus :9153
    forward . /etc/resolv.conf
    cache 30
    loop
    reload
    loadbalance
}
<zone>:53 {
    errors
    dns64 <prefix>
    forward . /etc/resolv.conf
    cache 30
}
"""
"""As EKS writes it, and in the zone of databases an IPv6 address for each name that has none (RFC 6147)."""


def settings(*, region: str, prefix: str) -> str:
    """Settings of the add-on; `prefix` (/96): before a database's IPv4 address it makes its IPv6 address."""
    corefile = _COREFILE.replace("<zone>", f"{region}.rds.amazonaws.com")
    return cdk.Fn.join(prefix, json.dumps({"corefile": corefile}).split(_PREFIX))
