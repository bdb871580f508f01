"""Challenges of digest authentication (RFC 3261 section 22, RFC 8760) met with sippy's arithmetic."""

from typing import Any

from sippy.SipHeader import SipHeader

from voice_sipapp.signalling.credentials import Credential

CHALLENGES = 4
"""How many challenges one request may meet: a proxy's, the far end's, and each once more for a nonce that got stale."""

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
        try:
            challenge = found.getBody()
            supported, qop = challenge.supportedAlgorithm()
        except Exception:  # noqa: S112 - of another scheme, or malformed: the next one may do
            continue
        if supported and challenge.realm is not None and challenge.nonce is not None:
            return challenge, qop
    return None


def _stale(challenge: Any) -> bool:  # noqa: ANN401
    """Whether the nonce got old, and the password was not wrong."""
    return any(name.lower() == "stale" and value.strip(' "').lower() == "true" for name, value in challenge.otherparams)
