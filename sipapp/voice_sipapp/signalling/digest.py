"""Challenges of digest authentication (RFC 3261 section 22, RFC 8760) met with sippy's arithmetic."""

import re
from typing import Any

from sippy.SipHeader import SipHeader

from voice_sipapp.signalling.credentials import Credential

CHALLENGES = 4
"""How many challenges one request may meet: a proxy's, the far end's, and each once more for a nonce that got stale."""

_PARAMETER = re.compile(r'([\w.!%*+`\'~-]+)\s*=\s*("(?:[^"\\]|\\.)*"|[^\s,"]+)')

_HEADERS = {401: ("www-authenticate", "authorization"), 407: ("proxy-authenticate", "proxy-authorization")}


def proofs(response: Any, sent: Any, credential: Credential, uri: str) -> list[Any] | None:  # noqa: ANN401
    """Authorization headers for the request `sent` to `uri`, which `response` (401 or 407) challenged.

    Those that `sent` bore for others (a proxy on the way) are kept. None where the challenge can't be met: its
    algorithm is not known, or the credential was refused already.
    """
    asked, given = _HEADERS[response.getSCode()[0]]
    found = _challenge(response, asked)
    if found is None:
        return None
    challenge, qop = found
    earlier = [each for _, name in _HEADERS.values() for each in sent.getHFs(name)]
    same = [each for each in earlier if each.name == given and each.getBody().realm == challenge.getRealm()]
    if same and not _stale(challenge):
        return None
    body = str(sent.getBody() or "") if qop == "auth-int" else None
    proof = challenge.genAuthHF(credential.username, credential.password, sent.getMethod(), uri, body, qop)
    return [each for each in earlier if each not in same] + [SipHeader(body=proof)]


def _challenge(response: Any, name: str) -> tuple[Any, str | None] | None:  # noqa: ANN401
    """The first challenge in `response` that can be met, and the protection to use with it."""
    for found in response.getHFs(name):
        challenge = _read(found.body)
        if challenge is None:
            continue
        supported, qop = challenge.supportedAlgorithm()
        if supported:
            # What lies between may write the session description anew, which auth-int would not survive.
            return challenge, "auth" if "auth" in (challenge.qop or ()) else qop
    return None


def _read(body: Any) -> Any:  # noqa: ANN401
    """The challenge in the header `body`; None where it is of another scheme, or lacks what it must have.

    The stack's own parser knows the names in lower case alone, and no quoted quotation mark.
    """
    scheme, _, rest = str(body).strip().partition(" ")
    given = {name.lower(): value.removeprefix('"').removesuffix('"') for name, value in _PARAMETER.findall(rest)}
    if scheme.lower() != "digest" or not given.get("nonce") or "realm" not in given:
        return None
    challenge = type(body)(realm=given.pop("realm"), nonce=given.pop("nonce"))
    algorithm, qop = given.pop("algorithm", None), given.pop("qop", None)
    challenge.algorithm = algorithm.upper().replace("-SESS", "-sess") if algorithm else None
    challenge.qop = [each.strip().lower() for each in qop.split(",")] if qop else None
    challenge.opaque = given.pop("opaque", None)
    challenge.otherparams = list(given.items())
    return challenge


def _stale(challenge: Any) -> bool:  # noqa: ANN401
    """Whether the nonce got old, and the password was not wrong."""
    return any(name.lower() == "stale" and value.strip(' "').lower() == "true" for name, value in challenge.otherparams)
