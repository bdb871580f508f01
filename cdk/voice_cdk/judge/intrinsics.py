"""CloudFormation's functions that need nothing but their arguments."""

from __future__ import annotations

import json
import re
from base64 import b64encode
from collections.abc import Callable
from functools import lru_cache
from ipaddress import ip_network

from voice_cdk.judge.keys import Json


class Encoded(str):
    """Text that went through Fn::Base64."""

    __slots__ = ()


class Unknown(str):
    """Stands for what can't be known; the reason was told where it was found, and nothing more is told of it."""

    __slots__ = ()


class Absent:
    """AWS::NoValue."""


ABSENT = Absent()
UNKNOWN = Unknown("unknown")
LONGEST = 1_048_576
"""Characters of a text; a template is no longer, and what it says can be no longer in any use of it."""
LITERAL = re.compile(r"\$\{!([^}]*)\}")
VARIABLE = re.compile(r"\$\{([^!}][^}]*)\}")


def short(whole: str) -> str:
    """A text that was put together.

    Raises:
        ValueError: it is longer than any use of it allows.
    """
    if len(whole) > LONGEST:
        raise ValueError(f"the text is longer than {LONGEST} characters")
    return whole


def unknown(value: Json) -> bool:
    """Whether a value, or a part of it, can't be known."""
    if isinstance(value, list | dict):
        return any(unknown(part) for part in (value.values() if isinstance(value, dict) else value))
    return isinstance(value, Unknown)


def text(value: Json) -> str:
    """A value as CloudFormation writes it into a string."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return ",".join(text(part) for part in value) if isinstance(value, list) else str(value)


def without_absent(value: Json) -> Json:
    """An object or list without what AWS::NoValue took away."""
    if isinstance(value, dict):
        return {name: part for name, part in value.items() if part is not ABSENT}
    return [part for part in value if part is not ABSENT] if isinstance(value, list) else value


def join(arguments: Json) -> str:
    """Fn::Join."""
    separator, parts = arguments
    if not isinstance(parts, list):
        raise TypeError("Fn::Join has no list to join")
    return short(str(separator).join(text(part) for part in parts))


def split(arguments: Json) -> list[str]:
    """Fn::Split."""
    separator, whole = arguments
    return text(whole).split(separator)


def select(arguments: Json) -> Json:
    """Fn::Select."""
    index, parts = arguments
    if not isinstance(parts, list):
        raise TypeError("Fn::Select has no list to choose from")
    if not 0 <= int(index) < len(parts):
        raise ValueError(f"Fn::Select asks for number {index} of {len(parts)}")
    return parts[int(index)]


def cidr(arguments: Json) -> list[str]:
    """Fn::Cidr: `count` blocks of 2**bits addresses each."""
    block, count, *bits = arguments
    return list(_blocks(text(block), int(count), int(bits[0] if bits else 8)))


@lru_cache(maxsize=256)
def _blocks(block: str, count: int, bits: int) -> tuple[str, ...]:
    network = ip_network(block)
    prefix = network.max_prefixlen - bits
    if not network.prefixlen <= prefix <= network.max_prefixlen:
        raise ValueError(f"Fn::Cidr can't cut {network} into blocks of /{prefix}")
    if count not in range(1, 257) or count > 1 << (prefix - network.prefixlen):
        raise ValueError(f"Fn::Cidr can't cut {count} blocks of /{prefix} from {network}")
    step = 1 << (network.max_prefixlen - prefix)
    first = int(network.network_address)
    return tuple(str(type(network)((first + number * step, prefix))) for number in range(count))


def base64(argument: Json) -> Encoded:
    """Fn::Base64: the text is kept as it is, marked; what is encoded already is encoded once more."""
    return Encoded(b64encode(argument.encode()).decode() if isinstance(argument, Encoded) else text(argument))


PLAIN: dict[str, Callable[[Json], Json]] = {
    "Fn::Join": join,
    "Fn::Split": split,
    "Fn::Select": select,
    "Fn::Cidr": cidr,
    "Fn::Base64": base64,
    "Fn::Length": len,
    "Fn::ToJsonString": json.dumps,
}
