"""REGISTER requests (RFC 3261, section 10): sent, met where they are challenged, and their answers told as values."""

import logging
import random
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from sippy.SipAddress import SipAddress
from sippy.SipCallId import SipCallId
from sippy.SipFrom import SipFrom
from sippy.SipRequest import SipRequest
from sippy.SipRoute import SipRoute
from sippy.SipTo import SipTo

from voice_sipapp.plan.sipuri import SipUri
from voice_sipapp.signalling.credentials import Credential
from voice_sipapp.signalling.sip import contacts
from voice_sipapp.signalling.sip.contacts import Contact
from voice_sipapp.signalling.sip.digest import CHALLENGES, answered
from voice_sipapp.signalling.sip.eventloop import guarded
from voice_sipapp.signalling.sip.headers import contact_values, header, values
from voice_sipapp.signalling.sip.leg import Port
from voice_sipapp.signalling.sip.nexthop import NextHop
from voice_sipapp.signalling.sip.translated import Url, own_contact

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Answer:
    """The final answer to a REGISTER; `code` is 408 where none came, and 0 where it can't be read. `contacts`: the
    bindings that a 200 lists, or where a 3xx points to. `problem`: why a challenge was not met that there is a
    credential for, or what can't be read, as a sentence. Seconds.
    """

    code: int
    reason: str
    contacts: tuple[Contact, ...] = ()
    expires: int | None = None
    min_expires: int | None = None
    retry_after: int | None = None
    problem: str | None = None


Told = Callable[[Answer], None]


class Registrant:
    """Sends the REGISTERs of the address `receiver` from `port`: all under one Call-ID, each with a higher CSeq
    (section 10.2).
    """

    def __init__(self, port: Port, receiver: SipUri) -> None:
        self._port = port
        self._receiver = receiver
        self._call_id, self._tag = SipCallId(), f"{random.getrandbits(64):016x}"
        self._number = 0

    def send(self, registrar: SipUri, next_hop: NextHop, expires: int, told: Told) -> None:
        """Ask `registrar`, which is reached by `next_hop`, to keep our contact for `expires` seconds (0: no longer);
        `told` gets the answer. Challenges are met with the credential of `next_hop`.
        """
        _Request(self._made, registrar, next_hop, expires, guarded(told)).send(self._port)

    def _made(self, registrar: SipUri, next_hop: NextHop, expires: int, extra: Iterable[Any]) -> Any:  # noqa: ANN401
        self._number += 1
        own, route = Url(self._receiver), Url(SipUri.parse(next_hop.route))
        request = SipRequest(
            method="REGISTER",
            ruri=Url(SipUri.parse(_without_user(registrar))),
            fr0m=SipFrom(address=SipAddress(url=own, hadbrace=True)),
            to=SipTo(address=SipAddress(url=own.getCopy(), hadbrace=True)),
            callid=self._call_id,
            cseq=self._number,
            contact=own_contact(self._receiver, self._port.config),
            routes=[SipRoute(address=SipAddress(url=route, hadbrace=True))] if next_hop.edge else (),
            target=(next_hop.first, "udp"),
        )
        request.getHFBody("from").setTag(self._tag)
        request.appendHeaders([header("Expires", str(expires)), *extra])
        return request


class _Request:
    """One REGISTER, which is sent again with a proof as often as it is challenged anew."""

    def __init__(
        self,
        make: Callable[[SipUri, NextHop, int, Iterable[Any]], Any],
        registrar: SipUri,
        next_hop: NextHop,
        expires: int,
        told: Told,
    ) -> None:
        self._make: Callable[[Iterable[Any]], Any] = lambda extra: make(registrar, next_hop, expires, extra)
        self._credential = next_hop.credential
        self._told = told
        self._rounds = 0

    def send(self, port: Port, extra: Iterable[Any] = ()) -> None:
        """Send it from `port`, with the headers `extra`."""
        request = self._make(extra)

        def came(response: Any) -> None:  # noqa: ANN401
            try:
                self._came(port, request, response)
            except Exception as error:  # the stack's parser raises whatever comes
                log.debug("an answer to a REGISTER", exc_info=True)
                self._told(Answer(0, "", problem=f"the registrar's answer can't be read: {error!r}"))

        port.config["_sip_tm"].newTransaction(request, resp_cb=came)

    def _came(self, port: Port, sent: Any, response: Any) -> None:  # noqa: ANN401
        code, _ = response.getSCode()
        if code < 200:
            return
        problem = None
        if response.source is None:  # the stack's own: no answer came, or none that is understood
            heard = port.config["_sip_tm"].noted(str(sent.getHFBody("call-id")))
            problem = f"the registrar does not answer ({heard})" if heard else "the registrar does not answer"
        elif code in (401, 407) and self._credential is not None:
            self._rounds += 1
            headers, problem = self._proofs(self._credential, sent, response)
            if headers:
                self.send(port, headers)
                return
        self._told(_read(response, problem))

    def _proofs(self, credential: Credential, sent: Any, response: Any) -> tuple[list[Any], str | None]:  # noqa: ANN401
        """Headers that meet the challenges of `response`; without any, perhaps why the credential may not be used."""
        if self._rounds > CHALLENGES:
            return [], None
        answer = answered(response, sent, credential, str(sent.getRURI()))
        return answer.headers, answer.refused


def _read(response: Any, problem: str | None) -> Answer:  # noqa: ANN401
    code, reason = response.getSCode()
    return Answer(
        code,
        reason,
        contacts.preferred(contact_values(response)),
        _number(values(response, "expires")),
        _number(values(response, "min-expires")),
        _number(values(response, "retry-after")),
        problem,
    )


def _number(texts: tuple[str, ...]) -> int | None:
    """The whole number that the first of `texts` starts with that starts with one."""
    return next((int(found[1]) for each in texts if (found := re.match(r"\s*([0-9]{1,9})", each))), None)


def _without_user(registrar: SipUri) -> str:
    """The Request-URI of a REGISTER: a domain has no user (section 10.2)."""
    return re.sub(r"^(sips?:)[^@]*@", r"\1", registrar.text, flags=re.IGNORECASE)
