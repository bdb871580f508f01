"""Short stand-ins for values: to see whether two are equal without keeping, or showing, them. Nothing here does I/O."""

from __future__ import annotations

import hashlib
import hmac
import json


def canonical(value: object) -> str:
    """JSON in the one spelling in which two equal values are equal texts."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"))


def digest(value: object) -> bytes:
    """The SHA-256 of a value."""
    return hashlib.sha256(canonical(value).encode()).digest()


def keyed(value: object, key: str) -> str:
    """The same in hexadecimal under a key: whoever reads it cannot try values against it."""
    return hmac.digest(key.encode(), canonical(value).encode(), hashlib.sha256).hex()
