"""The challenges to the requests of one dialog: met with its credential where that may be used, and nowhere else."""

import logging
from collections import Counter
from collections.abc import Collection
from typing import Any

from voice_sipapp.signalling.credentials import Credential, CredentialsError, host_form
from voice_sipapp.signalling.sip.digest import CHALLENGES, PROOFS, answered

log = logging.getLogger(__name__)


class Challenges:
    """What a dialog has been challenged with. `credential`: None where it has none; `edge`: where its requests go that
    the edge sends on; `own`: this host's address.

    The first request goes to a host that was looked at before; later ones go where the far end says (Contact,
    Record-Route), which must be a host that the credential lists, or the address that such a host was found at.
    """

    def __init__(self, credential: Credential | None, edge: tuple[str, int] | None, own: str) -> None:
        self._credential = credential
        self._edge = edge
        self._own = own
        self._used: Counter[str] = Counter()
        self.refusal: str | None = None
        """Why a challenge was not met that there is a credential for; None where that did not happen."""

    def meet(self, response: Any, sent: Any, uri: str) -> list[Any]:  # noqa: ANN401
        """Authorization headers for the request `sent` to `uri`, which `response` challenged; none where the challenge
        can't be met. Each request is challenged for itself, but not for ever: `sent.rounds` is how many times this one
        was sent before.
        """
        if self._credential is None or getattr(sent, "rounds", 0) >= CHALLENGES:
            return []
        try:
            self._check(self._credential, sent, sent.getTarget()[0])
        except CredentialsError as error:
            self.refusal = str(error)
            return []
        answer = answered(response, sent, self._credential, uri, self._used)
        if not answer.headers:
            self.refusal = answer.refused
        return answer.headers

    def guard(self, request: Any, address: tuple[str, int]) -> None:  # noqa: ANN401
        """Take off the proofs that `request` bears where `address`, to which it is sent, is no host for them."""
        if self._credential is None or not any(request.countHFs(name) for name in PROOFS):
            return
        try:
            self._check(self._credential, request, address)
        except CredentialsError as error:
            log.info("a %s goes without a proof: %s", request.getMethod(), error)
            for name in PROOFS:
                request.delHFs(name)

    def _check(self, credential: Credential, request: Any, address: tuple[str, int]) -> None:  # noqa: ANN401
        by_edge = self._edge is not None and address[0] == self._edge[0]
        for host in beyond_edge(request, {address[0], self._own}) if by_edge else (address[0],):
            credential.refuse_host(host)


def beyond_edge(request: Any, own: Collection[str]) -> list[str]:  # noqa: ANN401
    """Every host that the edge may send `request` on to (RFC 3261, section 16.12); `own` are the edge's and this
    host's, whose Route headers the edge takes off.

    That is the first other Route, or without one the Request-URI; where that Route is a strict router's (no `lr`), and
    where `maddr` names another host, all that come into question.
    """
    own = {host_form(each) for each in own}
    routes = [each.getUrl() for each in request.getHFBodys("route")]
    others = [each for each in routes if host_form(str(each.host)) not in own]
    to = others[:1] if others and others[0].lr else [*others[:1], request.getRURI()]
    return [str(host) for each in to for host in (each.host, each.maddr) if host is not None]
