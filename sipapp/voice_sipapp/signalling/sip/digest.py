"""Challenges of digest authentication (RFC 3261 section 22, RFC 8760) met with sippy's arithmetic."""

import re
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from sippy.SipHeader import SipHeader

from voice_sipapp.octets import readable
from voice_sipapp.signalling.credentials import Credential, CredentialsError

CHALLENGES = 4
"""How many challenges one request may meet: a proxy's, the far end's, and each once more for a nonce that got stale."""

_PARAMETER = re.compile(r'([\w.!%*+`\'~-]+)\s*=\s*("(?:[^"\\]|\\.)*"|[^\s,"]+)')

_HEADERS = (("proxy-authenticate", "proxy-authorization"), ("www-authenticate", "authorization"))
"""Both may be in one answer: who forks a request passes on what each branch asked for (RFC 3261, section 16.7)."""

PROOFS = tuple(given for _, given in _HEADERS)
"""The headers that a proof of a password is in."""


@dataclass
class Answer:
    """What challenges are answered with: the Authorization headers for the request when it is sent again, none where
    no challenge can be met; and `refused`, why the credential may not be used for a realm that was asked for.
    """

    headers: list[Any] = field(default_factory=list)
    refused: str | None = None


def answered(
    response: Any,  # noqa: ANN401
    sent: Any,  # noqa: ANN401
    credential: Credential,
    uri: str,
    used: Counter[str] | None = None,
) -> Answer:
    """The answer to the challenges in `response` (401 or 407) to the request `sent` to `uri`.

    One challenge of each realm is met, unless its algorithm is not known, the credential is not for that realm, or was
    refused already. What `sent` proved to others (a proxy on the way) is proved to them again. `used` is how often each
    nonce was used: the count that goes along rises with every use (RFC 7616, section 3.4).
    """
    earlier = [each for _, given in _HEADERS for each in sent.getHFs(given)]
    answer, made, used = Answer(), [], Counter() if used is None else used
    for asked, given in _HEADERS:
        for challenge, qop in _challenges(response, asked):
            try:
                credential.refuse_realm(_plain(challenge.getRealm()))
            except CredentialsError as error:
                answer.refused = answer.refused or str(error)
                continue
            same = [each for each in earlier if each.name == given and each.getBody().realm == challenge.getRealm()]
            if same and not _stale(challenge):
                continue
            earlier = [each for each in earlier if each not in same]
            made.append(SipHeader(body=_proof(challenge, qop, used, sent, credential, uri)))
    answer.headers = [_again(each, used, sent, credential, uri) for each in earlier] + made if made else []
    return answer


def _proof(
    challenge: Any,  # noqa: ANN401
    qop: str | None,
    used: Counter[str],
    sent: Any,  # noqa: ANN401
    credential: Credential,
    uri: str,
) -> Any:  # noqa: ANN401
    """What `challenge` is answered with in the next request, which is like `sent`."""
    used[challenge.getNonce()] += 1
    body = str(sent.getBody() or "") if qop == "auth-int" else None
    proof = challenge.genAuthHF(credential.username, credential.password, sent.getMethod(), uri, body, qop)
    if proof.nc is not None and (count := used[challenge.getNonce()]) > 1:
        proof.nc = f"{count:08x}"
        proof.genAuthResponse(credential.password, sent.getMethod(), body)
    proof.made_of = challenge, qop
    return proof


def _again(given: Any, used: Counter[str], sent: Any, credential: Credential, uri: str) -> Any:  # noqa: ANN401
    """The proof in the header `given` once more."""
    made_of: tuple[Any, str | None] | None = getattr(given.getBody(), "made_of", None)
    if made_of is None:
        return given
    challenge, qop = made_of
    return SipHeader(body=_proof(challenge, qop, used, sent, credential, uri))


def _challenges(response: Any, name: str) -> list[tuple[Any, str | None]]:  # noqa: ANN401
    """The challenges in the headers `name` of `response`: of each realm the first that can be met, with the protection
    to use.
    """
    found: dict[str, tuple[Any, str | None]] = {}
    for header in response.getHFs(name):
        challenge = _read(header.body)
        if challenge is None or challenge.getRealm() in found:
            continue
        supported, qop = challenge.supportedAlgorithm()
        if supported:
            # What lies between may write the session description anew, which auth-int would not survive.
            found[challenge.getRealm()] = challenge, "auth" if "auth" in (challenge.qop or ()) else qop
    return list(found.values())


def _plain(realm: str) -> str:
    """The text that `realm` stands for, which is as it was between quotation marks. What escapes more than it must
    (RFC 3261, section 25.1) stays as it is: a proof for it is another one than for the realm that it looks like.
    """
    plain = re.sub(r"\\(.)", r"\1", realm)
    return plain if re.sub(r'(["\\])', r"\\\1", plain) == realm else realm


def _read(body: Any) -> Any:  # noqa: ANN401
    """The challenge in the header `body`; None where it is of another scheme, or lacks what it must have.

    The stack's own parser knows the names in lower case alone, and no quoted quotation mark.
    """
    scheme, _, rest = readable(str(body)).strip().partition(" ")
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
