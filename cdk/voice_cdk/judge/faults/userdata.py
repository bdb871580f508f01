"""User data: in Base64, not more than EC2 takes, and whole lines."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterator

from voice_cdk.judge.faults.context import Context
from voice_cdk.judge.intrinsics import Encoded, unknown
from voice_cdk.judge.keys import Fault, Json, Key

HEADS = (
    b"#!", b"#cloud-config", b"#include", b"#cloud-boothook", b"## template", b"#part-handler", b"Content-Type:",
    b"MIME-Version:", b"From nobody", b"<powershell>", b"<script>", b"---", b"[settings", b"\x1f\x8b", b"{",
)  # fmt: skip
"""How user data begins (cloud-init's documentation, "User data formats"; nodes of EKS; Windows)."""
LIMIT = 16 * 1024
"""Octets before encoding (EC2 user guide, "Run commands at launch")."""


def check(context: Context) -> Iterator[Fault]:
    """Instances and launch templates."""
    for key in context.resolver.of_type("AWS::EC2::Instance"):
        yield from _judged(key, context.resolver.properties(key).get("UserData"))
    for key in context.resolver.of_type("AWS::EC2::LaunchTemplate"):
        data = context.resolver.properties(key).get("LaunchTemplateData")
        yield from _judged(key, data.get("UserData") if isinstance(data, dict) else None)


def _judged(key: Key, data: Json) -> Iterator[Fault]:
    if data is None or unknown(data):
        return
    plain = data.encode() if isinstance(data, Encoded) else _decoded(str(data))
    if plain is None:
        yield Fault(kind="user data", resource=str(key), reason="is not in Base64: wrap it in Fn::Base64")
    elif isinstance(data, Encoded) and _whole(plain):
        yield Fault(kind="user data", resource=str(key), reason="is in Base64 twice: take one Fn::Base64 away")
    elif not plain.startswith(HEADS):
        yield Fault(kind="user data", resource=str(key), reason="begins as nothing that cloud-init knows")
    elif plain.startswith(b"#cloud-config") and any(line.count(b"'") % 2 for line in plain.splitlines()):
        yield Fault(kind="user data", resource=str(key), reason="a line opens a quotation and does not end it")
    elif len(plain) > LIMIT:
        reason = f"{len(plain)} octets; EC2 takes {LIMIT}: put files into an S3 asset"
        yield Fault(kind="user data", resource=str(key), reason=reason)


def _whole(plain: bytes) -> bool:
    """Whether what is encoded is encoded already."""
    again = _decoded(plain.decode())
    return again is not None and again.startswith(HEADS)


def _decoded(data: str) -> bytes | None:
    try:
        return base64.b64decode(data, validate=True)
    except (binascii.Error, ValueError):
        return None
