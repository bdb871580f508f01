"""The legs that are, or may be, the receiver's of one call of this host. At most one is: who came first proves nothing.

Runs in the SIP stack's thread.
"""

from collections.abc import Callable

from voice_sipapp.signalling.receiver import Receiver, Watch
from voice_sipapp.signalling.sip.leg import when_quiet

AMBIGUOUS = "another call came to its number at the same time; which was ours is not known"
UNPROVEN = (
    "a call came to its number without its header, which proves nothing: let the provider allot the number, or let the "
    "probe say receiver.confirmation: dtmf"
)


class ReceiverLegs:
    """`make` makes a leg, of whether it is proven to be the call's, and of who is told of it; `check_over` is called
    when one is over, and `fault` with an error of ours.
    """

    def __init__(
        self,
        make: Callable[[bool, Watch], Receiver],
        check_over: Callable[[], None],
        fault: Callable[[Exception], None],
    ) -> None:
        self._make = make
        self._check_over = check_over
        self._fault = fault
        self._legs: list[Receiver] = []
        self._sources: dict[Receiver, str] = {}
        self._contested = self._unproven = False

    @property
    def receiver(self) -> Receiver | None:
        """The one that is proven to be the receiver's, or else the first that is presumed to be; None without any."""
        return min(self._legs, key=lambda leg: not leg.genuine, default=None)

    @property
    def genuine(self) -> bool:
        """Whether one is proven to be the receiver's. One whose caller gave up may be tried again."""
        return any(leg.genuine and not leg.given_up for leg in self._legs)

    @property
    def presumed(self) -> int:
        """How many are presumed to be. One whose caller gave up may be tried again, and does not count."""
        return sum(not leg.genuine and not leg.given_up for leg in self._legs)

    @property
    def over(self) -> bool:
        """Whether all are at their end."""
        return all(leg.over for leg in self._legs)

    @property
    def ambiguous(self) -> bool:
        """Whether it is not known which one was ours: then nothing of the call counts."""
        return self._contested and not self.genuine

    @property
    def hints(self) -> list[str]:
        """What a reader of the call's record must know."""
        if self.ambiguous:
            return [AMBIGUOUS]
        return [UNPROVEN] if self._unproven and not self._legs else []

    def take(self, source: str, *, genuine: bool, on_unsolicited: Callable[[], None]) -> Receiver:
        """One more, from `source`, which is proven to be the receiver's (then the others are not), or presumed to be.
        `on_unsolicited` is called once for each that turned out not to be. Raises OSError without a free port.
        """

        def over(leg: Receiver) -> None:
            if leg in self._legs and not leg.ours:
                self._drop(leg, on_unsolicited)
            self._check_over()

        made = self._make(genuine, Watch(over, self._fault, proven=lambda leg: self._displace(leg, on_unsolicited)))
        given_up = [leg for leg in self._legs if leg.given_up]
        self._legs.append(made)
        self._sources[made] = source
        for before in given_up:
            if before.genuine or (not genuine and self._sources[before] == source):
                made.leg.follow(before.leg)  # the same caller, which tries again: queues and hunt groups do
                self._legs.remove(before)
                when_quiet([before.leg], lambda: None)
            else:
                self._drop(before, on_unsolicited)
            before.make_way()
        if genuine:
            self._displace(made, on_unsolicited)
        return made

    def _displace(self, by: Receiver, on_unsolicited: Callable[[], None]) -> None:
        for leg in [each for each in self._legs if each is not by]:
            leg.displace()
            if leg in self._legs:  # it was over before, and taken for ours
                self._drop(leg, on_unsolicited)

    def _drop(self, leg: Receiver, on_unsolicited: Callable[[], None]) -> None:
        self._legs.remove(leg)
        on_unsolicited()
        when_quiet([leg.leg], lambda: None)

    def contest(self) -> None:
        """A call came to the number, without a header, that may be this one as well as the one that has its place."""
        self._contested = True

    def unproven(self) -> None:
        """A call came to the number that nothing proves to be ours."""
        self._unproven = True

    def hang_up(self) -> None:
        """End those that are up."""
        for leg in list(self._legs):
            leg.hang_up()
