"""Give whatever stands in a subnet its addresses: those written, else ones that are free there."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv6Address

from voice_cdk.judge.model import Member, Role, Subnet
from voice_cdk.judge.modelling.reader import Reader


@dataclass
class Places:
    """Subnets, and how many addresses were handed out in each: from the end, where fixed ones are not."""

    subnets: Mapping[str, Subnet]
    taken: Counter[str] = field(default_factory=Counter)

    def put(self, reader: Reader, role: Role, subnet_id: str, groups: tuple[str, ...], **more: object) -> Member | None:
        """A member in a subnet; None where there is no such subnet."""
        subnet = self.subnets.get(subnet_id)
        if subnet is None:
            return None
        self.taken[subnet_id] += 1
        ipv4, ipv6 = self.free(subnet)
        families = more.pop("families", frozenset({4, 6}))
        fixed4, fixed6 = more.pop("ipv4", None), more.pop("ipv6", None)
        has6 = subnet.ipv6 and (subnet.assign_ipv6 or more.pop("asks_ipv6", False))
        more.pop("asks_ipv6", None)
        return Member(
            key=reader.key,
            role=role,
            name=str(more.pop("name", "")) or f"{role} {reader.key}",
            subnet=subnet_id,
            zone=subnet.zone,
            vpc=subnet.vpc,
            groups=groups,
            fixed=fixed6 is not None,
            ipv4=(fixed4 or ipv4) if 4 in families else None,  # type: ignore[operator, arg-type]
            ipv6=(fixed6 or (ipv6 if has6 else None)) if 6 in families else None,  # type: ignore[operator, arg-type]
            **more,  # type: ignore[arg-type]
        )

    def free(self, subnet: Subnet) -> tuple[IPv4Address | None, IPv6Address | None]:
        """The next free address of each family."""
        number = self.taken[subnet.id]
        ipv4 = ipv6 = None
        if subnet.ipv4 and not subnet.native:
            ipv4 = subnet.ipv4[max(subnet.ipv4.num_addresses - 2 - number, 0)]
        if subnet.ipv6:
            ipv6 = subnet.ipv6[max(min(0xFFFF, subnet.ipv6.num_addresses - 1) - number, 0)]
        return ipv4, ipv6
