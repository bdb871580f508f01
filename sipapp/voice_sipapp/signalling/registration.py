"""Registers receivers, so that a registrar sends their calls here (RFC 3261, section 10). In the SIP stack's thread."""

import logging
import random
import re
from collections import Counter
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Literal, get_args

from voice_sipapp.backoff import Backoff
from voice_sipapp.plan.probe import Probe
from voice_sipapp.plan.sipuri import SipUri, SipUriError
from voice_sipapp.signalling import dialling, redirect
from voice_sipapp.signalling.credentials import CredentialsError
from voice_sipapp.signalling.sip.addresses import check_uri, is_literal
from voice_sipapp.signalling.sip.contacts import Contact
from voice_sipapp.signalling.sip.eventloop import Timer, later
from voice_sipapp.signalling.sip.nexthop import NextHop
from voice_sipapp.signalling.sip.register import Answer, Registrant
from voice_sipapp.signalling.station import Station

EXPIRES_S = 300
"""How long a registration is asked for: so long a host that died without a word is called in vain."""

LONGEST_S = 86_400
"""No registrar makes us wait longer than this for the next refresh, or ask for a longer registration."""

GUESS_S = 60
"""Where it is not clear which binding is ours, it is not refreshed as if it lapsed before this."""

RETRY_S, LONGEST_RETRY_S = 5.0, 300.0
"""How long to wait after a first failure, and after many."""

State = Literal["registered", "failing", "pending"]

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
        self._prepare = prepare
        self._tell = tell
        self._next_hop: NextHop | None = None
        self._registrant = Registrant(station.receiver, account.receiver)
        self._own = station.receiver.address
        self._expires = EXPIRES_S
        self._targets = redirect.Targets()
        self._backoff = Backoff(RETRY_S, LONGEST_RETRY_S)
        self._timer: Timer | None = None
        self._registered = self._failed = self._ended = False
        self.failures = 0
        """How many times it failed since it worked last."""

    @property
    def state(self) -> State:
        """Whether the registrar has taken it, has not, or has not answered yet."""
        return "registered" if self._registered else "failing" if self._failed else "pending"

    def start(self) -> None:
        """Register, from the beginning: a name may have got another address, a credential another password."""
        if not self._ended:
            self._targets, self.registrar = redirect.Targets(), self.account.registrar
            self._prepare(self)

    def go(self, next_hop: NextHop) -> None:
        """Register by way of `next_hop`."""
        self._next_hop = next_hop
        if not self._ended:
            self._targets.tries(self.registrar)
            self._send(self._expires)

    def fail(self, problem: str, after_s: float | None = None) -> None:
        """It can't be registered now, because of `problem`; try again later, after `after_s` seconds at least."""
        if self._ended:
            return
        if self._targets.waits:
            log.info("%s is not registered at %s: %s", self.account.receiver.text, self.registrar.text, problem)
            self._goes_on()
            return
        self._registered, self._failed = False, True
        self.failures += 1
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
        if unregister and self._registered:
            self._send(0)

    def _again(self, seconds: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = later(min(seconds, LONGEST_S), self.start)

    def _send(self, expires: int) -> None:
        """Send a REGISTER that asks for `expires` seconds (0: unregister)."""
        if self._next_hop is not None:
            self._registrant.send(
                self.registrar, self._next_hop, expires, lambda answer: self._answered(answer, expires)
            )

    def _answered(self, answer: Answer, expires: int) -> None:
        try:
            self._heard(answer, expires)
        except Exception as error:  # it must be registered again, come what may
            log.exception("an answer to a REGISTER could not be handled")
            self.fail(f"Error in the SIP application: {error!r}")

    def _heard(self, answer: Answer, expires: int) -> None:
        line = f"the registrar answers {answer.code} {answer.reason}".rstrip()
        if answer.problem is not None:
            self.fail(answer.problem)
        elif answer.code in (401, 407):
            self._not_let_in()
        elif expires == 0:
            self._registered = False
        elif answer.code < 300:
            self._succeeded(answer)
        elif answer.code < 400:
            self._redirected(answer, line)
        elif answer.code == 423 and (longer := answer.min_expires) and self._expires < longer <= LONGEST_S:
            self._expires = longer
            self._send(longer)
        else:
            self.fail(line, answer.retry_after)

    def _succeeded(self, answer: Answer) -> None:
        told = kept(answer.contacts, self.account.receiver.user, self._own)
        granted = min(told or answer.expires or self._expires, LONGEST_S)
        if not self._registered:
            log.info("%s is registered for %d s", self.account.receiver.text, granted)
        self._registered, self.failures = True, 0
        self._backoff.reset()
        self._tell(None)
        # Early enough for a second try before it lapses; not all of a host's at once.
        self._again(granted * random.uniform(0.6, 0.8))  # noqa: S311 - spreads load

    def _not_let_in(self) -> None:
        if self._next_hop is None or self._next_hop.credential is None:
            self.fail("the registrar asks for a password, and the probe names no credential of the receiver")
        else:
            self.fail(f"the registrar did not accept the credential {self.account.credentials!r}")

    def _redirected(self, answer: Answer, line: str) -> None:
        problem = self._targets.found([each.uri for each in answer.contacts if each.expires != 0], self.registrar)
        if not self._goes_on():
            self.fail(f"{line}: {problem}")

    def _goes_on(self) -> bool:
        """Whether there is another registrar of those that a redirect pointed to: then that one is asked."""
        target = self._targets.next()
        if target is not None:
            self.registrar = target
            self._prepare(self)
        return target is not None


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
                check_uri(uri)
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
            host = hop.address[0]
            addresses = [host] if is_literal(host) else dialling.look_up(hop, self._station.address)
        except CredentialsError as error:
            problem = str(error)
        except Exception as error:  # UnicodeError among others
            problem = f"the host name {hop.address[0]} can't be resolved: {error}"
        else:
            address = addresses[registration.failures % len(addresses)]  # the next one after each failure
            next_hop = dialling.next_hop(hop, address, self._station, credential)
            self._submit(lambda: registration.go(next_hop))
            return
        self._submit(lambda: registration.fail(problem))

    @property
    def states(self) -> dict[str, int]:
        """How many registrations there are of each state. For any thread."""
        found = Counter(registration.state for registration in list(self._active.values()))
        return {state: found[state] for state in get_args(State)}

    def stop(self) -> None:
        """Unregister all."""
        for registration in self._active.values():
            registration.end()
        self._active = {}
        self._threads.shutdown(wait=False, cancel_futures=True)


def kept(contacts: Iterable[Contact], user: str | None, own: str) -> int | None:
    """For how long the registrar keeps our contact, `user` at the host and port `own`, among `contacts`, the bindings
    of all that registered the same address (section 10.2.4), in seconds; None where it does not say.

    Some registrars and SBCs write contacts anew: then the one that lapses first of our user, or else of all, stands for
    ours, for a refresh that comes early does no harm.
    """
    bindings = [(each, _place(each.uri)) for each in contacts]
    ours = [each.expires for each, place in bindings if place == (user, own.lower())]
    if ours:
        return next((seconds for seconds in ours if seconds), None)
    guesses = [each for each, (who, _) in bindings if who == user] or [each for each, _ in bindings]
    seconds = [each.expires for each in guesses if each.expires]
    if len(guesses) > 1 and seconds:
        return max(min(seconds), GUESS_S)
    return next(iter(seconds), None)


def _place(text: str) -> tuple[str | None, str]:
    """User, and host and port, of the URI in `text`; of one that is malformed the user, as far as it can be told."""
    try:
        uri = SipUri.parse(text)
    except SipUriError:
        found = re.match(r"sips?:([^@;>]+)@", text, re.IGNORECASE)
        return found[1] if found else None, ""
    return uri.user, "{}:{}".format(*uri.address).lower()
