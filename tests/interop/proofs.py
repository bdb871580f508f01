"""Challenges of far ends, and the proofs that answer them (RFC 3261 §22, RFC 7616)."""

from __future__ import annotations

import hashlib
import re

from tests.interop.stage import HOME
from voice_sipapp.signalling.credentials import Credential, host_form

PASSWORD = "secret-of-the-test"


class Known:
    """Credentials: the one, for every client, at this machine, for the realms "far" and "proxy"."""

    def get(self, name: str, client: str) -> Credential:
        return Credential(
            name, "probe-1", PASSWORD, frozenset({client}), frozenset({"far", "proxy"}), frozenset({host_form(HOME)})
        )


def proves(request: str, nonce: str, count: int = 1, realm: str = "far", name: str = "Authorization") -> bool:
    """Whether `request` bears the right proof for that nonce, used the `count`-th time (RFC 7616, section 3.4.1)."""
    for value in re.findall(rf"^{name}: Digest ([^\r\n]*)", request, re.MULTILINE):
        given = {key: found.strip('"') for key, found in re.findall(r'(\w+)=("[^"]*"|[^,]*)', value)}
        if given.get("nonce") != nonce or given.get("realm") != realm:
            continue
        who = _md5(f"probe-1:{realm}:{PASSWORD}")
        what = _md5(f"{request.partition(' ')[0]}:{given['uri']}")
        middle = f"{nonce}:{given['nc']}:{given['cnonce']}:auth"
        return int(given["nc"], 16) == count and given["response"] == _md5(f"{who}:{middle}:{what}")
    return False


def _md5(text: str) -> str:
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()


def challenge(nonce: str, *more: str, realm: str = "far", name: str = "WWW-Authenticate") -> str:
    """A challenge's header field."""
    return ", ".join([f'{name}: Digest realm="{realm}"', f'nonce="{nonce}"', 'qop="auth"', "algorithm=MD5", *more])
