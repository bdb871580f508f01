"""Registers receivers, so that a registrar sends their calls here (RFC 3261, section 10). In the SIP stack's thread."""

import logging
import random
import re
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from sippy.SipAddress import SipAddress
from sippy.SipCallId import SipCallId
from sippy.SipContact import SipContact
from sippy.SipFrom import SipFrom
from sippy.SipRequest import SipRequest
from sippy.SipRoute import SipRoute
from sippy.SipTo import SipTo
from sippy.SipURL import SipURL

from voice_sipapp.backoff import Backoff
from voice_sipapp.plan.probe import Probe
from voice_sipapp.plan.sipuri import SipUri
from voice_sipapp.signalling import dialling, redirect
from voice_sipapp.signalling.credentials import CredentialsError
from voice_sipapp.signalling.sip import stack
from voice_sipapp.signalling.sip.digest import CHALLENGES, Answer, answered
from voice_sipapp.signalling.sip.headers import header
from voice_sipapp.signalling.sip.transactions import is_literal
from voice_sipapp.signalling.station import Station

EXPIRES_S = 300
"""How long a registration is asked for: so long a host that died without a word is called in vain."""

LONGEST_S = 86_400
"""No registrar makes us wait longer than this for the next refresh, or ask for a longer registration."""

RETRY_S, LONGEST_RETRY_S = 5.0, 300.0
"""How long to wait after a first failure, and after many."""

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Account:
    """What is registered: the address `receiver` at `registrar`, with the credential of that name, which `client`
    named: what it may use, another client that names it too may not. Without a credential it is nobody's own.
    """

    receiver: SipUri
    registrar: SipUri
    credentials: str | None
    client: str | None

    @property
    def binding(self) -> tuple[SipUri, SipUri]:
        """What it is at the registrar: there is one, whoever keeps it."""
        return self.receiver, self.registrar


class Registration:
    """One account, kept registered. `prepare` finds the way to a registrar and calls back with it or with a problem;
    `tell` is told each time that it works (None) or does not (why, as a sentence).
    """

    def __init__(
        self,
        station: Station,
        account: Account,
        prepare: Callable[["Registration"], None],
        tell: Callable[[str | None], None],
    ) -> None:
        self.account = account
        self.registrar = account.registrar
        self._station = station
        self._prepare = prepare
        self._tell = tell
        self._way: stack.Way | None = None
        self._call_id, self._tag = SipCallId(), f"{random.getrandbits(64):016x}"
        self._number = 0
        self._expires = EXPIRES_S
        self._rounds = 0
        self._tried: list[str] = []
        self._backoff = Backoff(RETRY_S, LONGEST_RETRY_S)
        self._timer: Any = None
        self._registered = self._ended = False

    def start(self) -> None:
        """Register, from the beginning: a name may have got another address, a credential another password."""
        if not self._ended:
            self._rounds, self._tried, self.registrar = 0, [], self.account.registrar
            self._prepare(self)

    def go(self, way: stack.Way) -> None:
        """Register by this `way`."""
        self._way = way
        if not self._ended:
            self._tried.append(self.registrar.text)
            self._send(self._expires)

    def fail(self, problem: str, after_s: float | None = None) -> None:
        """It can't be registered now, because of `problem`; try again later, after `after_s` seconds at least."""
        if self._ended:
            return
        self._registered = False
        log.warning("%s is not registered: %s", self.account.receiver.text, problem)
        self._tell(f"its receiver is not registered: {problem}")
        self._again(max(self._backoff.wait(), after_s or 0.0))

    def end(self, *, unregister: bool = True) -> None:
        """Do nothing more, and `unregister`; not where another account keeps the same receiver at that registrar."""
        if self._ended:
            return
        self._ended = True
        if self._timer is not None:
            self._timer.cancel()
        if unregister and self._registered and self._way is not None:
            self._rounds = 0
            self._send(0)

    def _again(self, seconds: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = stack.later(min(seconds, LONGEST_S), self.start)

    def _send(self, expires: int, extra: Iterable[Any] = ()) -> None:
        """Send a REGISTER that asks for `expires` seconds (0: unregister)."""
        way = self._way
        if way is None:
            return
        self._number += 1
        own = SipURL(self.account.receiver.text)
        contact = SipContact()
        contact.address.name = None
        contact.getUrl().username = own.username
        request = SipRequest(
            method="REGISTER",
            ruri=SipURL(_without_user(self.registrar)),
            fr0m=SipFrom(address=SipAddress(url=own, hadbrace=True)),
            to=SipTo(address=SipAddress(url=own.getCopy(), hadbrace=True)),
            callid=self._call_id,
            cseq=self._number,
            contact=contact,
            routes=[SipRoute(address=SipAddress(url=SipURL(way.route), hadbrace=True))] if way.edge else (),
            target=(way.edge or way.next_hop, "udp"),
        )
        request.getHFBody("from").setTag(self._tag)
        request.appendHeaders([header("Expires", str(expires)), *extra])
        manager = self._station.receiver.config["_sip_tm"]
        manager.newTransaction(request, resp_cb=lambda response: self._answered(request, response, expires))

    def _answered(self, sent: Any, response: Any, expires: int) -> None:  # noqa: ANN401
        try:
            self._heard(sent, response, expires)
        except Exception as error:  # the stack's parser raises whatever comes
            log.debug("an answer to a REGISTER", exc_info=True)
            self.fail(f"the registrar's answer can't be read: {error!r}")

    def _heard(self, sent: Any, response: Any, expires: int) -> None:  # noqa: ANN401
        code, reason = response.getSCode()
        if code < 200:
            return
        if code in (401, 407):
            self._challenged(sent, response, expires)
        elif expires == 0:
            self._registered = False
        elif code < 300:
            self._succeeded(response)
        elif code < 400:
            self._redirected(response, f"{code} {reason}")
        elif code == 423 and (longer := _number(response, "min-expires")) and self._expires < longer <= LONGEST_S:
            self._expires = longer
            self._send(longer)
        else:
            self.fail(f"the registrar answers {code} {reason}", _number(response, "retry-after"))

    def _succeeded(self, response: Any) -> None:  # noqa: ANN401
        granted = min(_granted(response, self.account.receiver.user) or self._expires, LONGEST_S)
        if not self._registered:
            log.info("%s is registered for %d s", self.account.receiver.text, granted)
        self._registered = True
        self._backoff.reset()
        self._tell(None)
        # Early enough for a second try before it lapses; not all of a host's at once.
        self._again(granted * random.uniform(0.6, 0.8))  # noqa: S311 - spreads load

    def _challenged(self, sent: Any, response: Any, expires: int) -> None:  # noqa: ANN401
        credential = self._way.credential if self._way else None
        self._rounds += 1
        if credential is None:
            self.fail("the registrar asks for a password, and the probe names no credential of the receiver")
            return
        answer = Answer()
        if self._rounds <= CHALLENGES:
            answer = answered(response, sent, credential, str(sent.getRURI()))
        if answer.headers:
            self._send(expires, answer.headers)
        elif answer.refused:
            self.fail(answer.refused)
        else:
            self.fail(f"the registrar did not accept the credential {self.account.credentials!r}")

    def _redirected(self, response: Any, line: str) -> None:  # noqa: ANN401
        try:
            self.registrar = redirect.following(redirect.contacts(response), self._tried)
        except redirect.RedirectError as error:
            self.fail(f"the registrar answers {line}: {error}")
            return
        self._prepare(self)


class Registrations:
    """The registrations of a host: those of the probes whose receiver it is. `submit` runs an action in the SIP
    stack's thread and may be called from any other.
    """

    def __init__(self, station: Station, submit: Callable[[Callable[[], None]], None]) -> None:
        self._station = station
        self._submit = submit
        self._threads = ThreadPoolExecutor(2, thread_name_prefix="register")
        self._active: dict[Account, Registration] = {}
        self._keys: dict[Account, list[tuple[str, str]]] = {}

    def update(self, probes: Iterable[Probe]) -> None:
        """Register the receivers of `probes` that ask for it, and no others."""
        wanted: dict[Account, list[tuple[str, str]]] = {}
        for probe in probes:
            if probe.registrar is not None and not probe.suspended:
                name = probe.receiver_credentials
                account = Account(probe.receiver, probe.registrar, name, probe.client if name else None)
                wanted.setdefault(account, []).append(probe.key)
        self._keys = wanted
        kept_bindings = {account.binding for account in wanted}
        for account in self._active.keys() - wanted.keys():
            self._active.pop(account).end(unregister=account.binding not in kept_bindings)
        kept = {key for keys in wanted.values() for key in keys}
        for key in self._station.unreachable.keys() - kept:
            del self._station.unreachable[key]
        for account in wanted.keys() - self._active.keys():
            self._active[account] = self._registration(account)
            self._active[account].start()

    def _registration(self, account: Account) -> Registration:
        def tell(problem: str | None) -> None:
            for key in self._keys.get(account, ()):
                if problem is None:
                    self._station.unreachable.pop(key, None)
                else:
                    self._station.unreachable[key] = problem

        return Registration(self._station, account, self._prepare, tell)

    def _prepare(self, registration: Registration) -> None:
        try:
            for uri in (registration.registrar, registration.account.receiver):
                stack.check_uri(uri)
            dialling.check_hop(registration.registrar, self._station)
        except ValueError as error:
            registration.fail(str(error))
            return
        self._threads.submit(self._look_up, registration)

    def _look_up(self, registration: Registration) -> None:
        """Find out what takes its time, which is why this runs in a thread."""
        hop, account = registration.registrar, registration.account
        try:
            credential = dialling.usable(self._station, account.credentials, account.client or "", hop)
            address = hop.host if is_literal(hop.host) else dialling.look_up(hop, self._station.address)
        except CredentialsError as error:
            problem = str(error)
        except Exception as error:  # UnicodeError among others
            problem = f"the host name {hop.host} can't be resolved: {error}"
        else:
            way = dialling.way_to(hop, address, self._station, credential)
            self._submit(lambda: registration.go(way))
            return
        self._submit(lambda: registration.fail(problem))

    def stop(self) -> None:
        """Unregister all."""
        for registration in self._active.values():
            registration.end()
        self._active = {}
        self._threads.shutdown(wait=False, cancel_futures=True)


def _without_user(registrar: SipUri) -> str:
    """The Request-URI of a REGISTER: a domain has no user (RFC 3261, section 10.2)."""
    return re.sub(r"^(sips?:)[^@]*@", r"\1", registrar.text, flags=re.IGNORECASE)


def _number(response: Any, name: str) -> int | None:  # noqa: ANN401
    """The whole number that the header `name` starts with."""
    for each in response.getHFs(name):
        if found := re.match(r"\s*([0-9]{1,9})", str(each.body)):
            return int(found[1])
    return None


def _granted(response: Any, user: str | None) -> int | None:  # noqa: ANN401
    """For how long the registrar keeps our contact, in seconds."""
    for each in response.getHFs("contact"):
        text = str(each.body)
        found = re.search(r">.*?;\s*expires\s*=\s*\"?([0-9]{1,9})", text, re.IGNORECASE)
        if found and int(found[1]) and (user is None or f":{user}@" in text):
            return int(found[1])
    return _number(response, "expires") or None
