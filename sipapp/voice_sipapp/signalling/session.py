"""The media session of one leg: our stream, what is offered and agreed on for it (offer/answer, RFC 3264)."""

import logging
from collections.abc import Callable, Sequence
from dataclasses import replace

from voice_sipapp.media import sdp
from voice_sipapp.media.audio import Audio
from voice_sipapp.media.codecs import CODECS
from voice_sipapp.media.payloadtypes import PROPOSED
from voice_sipapp.media.rtp import Stream
from voice_sipapp.plan.probe import Probe
from voice_sipapp.signalling.station import Station

log = logging.getLogger(__name__)


class Session:
    """Plays `audio` to the far end of one leg of a call of `probe`, and listens. `number` names it on this host.

    Its ports are open from the start; making it raises PortsExhaustedError.
    """

    def __init__(self, station: Station, probe: Probe, audio: Audio, number: int) -> None:
        self._station = station
        self._probe = probe
        self._audio = audio
        self._number = number
        self._sending = False
        self._version = 0
        self._described = ""
        self._remote: sdp.Remote | None = None
        self._types = PROPOSED
        self._lines: tuple[int, Sequence[str]] = (0, ())
        self.stream: Stream = station.engine.open()

    @property
    def agreed(self) -> bool:
        """Whether an offer has got its answer."""
        return self._remote is not None

    def offer(self) -> str:
        """Our description with all that the probe offers, to a far end that has said nothing yet."""
        self._remote = None
        return self._describe(self._probe.codecs)

    def offer_late(self) -> str:
        """The same, to a far end that called us and leaves the offer to us; it tells where it is in its answer."""
        self.stream.untold()
        return self.offer()

    def agree(self, answer: str, *, settled: bool = False) -> None:
        """The far end took our call: follow its `answer` to our offer, and start to play. Without one ("") what was
        `settled` with it before holds. Raises SdpError where there is nothing that can be used.
        """
        if answer or not (settled and self.agreed):
            self.listen(answer)
        self.stream.answered()
        self.play()

    def listen(self, answer: str) -> None:
        """The far end may be heard before it answers: know in which codec. Raises SdpError."""
        self._follow(self._chosen(answer, answers=True))

    def answer(self, offer: str) -> str:
        """Our answer to the far end's `offer`; `play` starts the sound. One without media is taken as well: they come
        with a later one. Raises SdpError.
        """
        if (media := sdp.stopped(offer)) is not None:
            self.stream.untold()
            self.answered()
            return self._without(media)
        remote = self._chosen(offer, answers=False)
        self.stream.untold()
        self._follow(remote)
        self.answered()
        return self._answer_to(remote)

    def answered(self) -> None:
        """We took the far end's call: what comes from now on is measured."""
        self.stream.answered()

    def answer_again(self, offer: str) -> str:
        """Our answer to a new `offer` within the call: follow where it wants its sound, and in which codec.

        Raises SdpError where it can't be followed; then everything stays as it was (RFC 3261, section 14.2).
        """
        if media := sdp.stopped(offer):
            return self._without(media)
        remote = self._chosen(offer, answers=False)
        self._follow(remote)
        return self._answer_to(remote)

    def offer_again(self) -> str:
        """Our description of the session as it stands: nothing changes."""
        return self._describe([self.stream.codec] if self.stream.codec else self._probe.codecs)

    def offer_anew(self) -> str:
        """Our offer of all that this leg could do, where the far end asks for one within the call (RFC 6337, section
        5.2.5): it may go on elsewhere. What is in use comes first.
        """
        codecs = self._probe.codecs
        return self._describe(sorted(codecs, key=lambda codec: codec != self.stream.codec))

    def agree_again(self, answer: str) -> None:
        """The far end's `answer` to such an offer. Raises SdpError, and then everything stays as it was."""
        if sdp.stopped(answer):
            self._stop()
            return
        self._follow(self._chosen(answer, answers=True))

    def signalled(self, host: str) -> None:
        """The far end's messages come from `host`, an address as it stands in a URI."""
        self.stream.signalled(host)

    def pressed(self, digits: str) -> None:
        """The far end tells of `digits` in its messages, and not with the sound."""
        self.stream.pressed(digits)

    def play(self, unheard: int | None = None) -> None:
        """Start to send; only so many packets, where `unheard` says how many, until something came from the address
        that they go to.
        """
        self.stream.unheard_limit = unheard
        if not self._sending:
            self._sending = True
            self._station.engine.start_sending(self.stream)

    def end(self) -> None:
        """Stop; the stream's fields don't change any more."""
        self._station.engine.end(self.stream)

    def _chosen(self, description: str, *, answers: bool) -> sdp.Remote:
        station, probe = self._station, self._probe
        return sdp.choose(
            description, probe.codecs, station.address, srtp=probe.srtp, answers=answers, types=self._types
        )

    def _answer_to(self, remote: sdp.Remote) -> str:
        self._lines = remote.chosen, remote.media
        return self._describe([remote.codec], remote)

    def _without(self, media: Sequence[str]) -> str:
        """Our answer to an offer without media, whose m= lines are `media`."""
        self._stop()
        self._lines = next((place for place, line in enumerate(media) if line.startswith("m=audio ")), 0), media
        return self._versioned(
            lambda version: sdp.describe_stopped(self._station.address, media, self._number, version=version)
        )

    def _describe(self, codecs: Sequence[str], answer_to: sdp.Remote | None = None) -> str:
        return self._versioned(
            lambda version: sdp.describe(
                self._station.address,
                self.stream.port,
                codecs,
                self._number,
                version=version,
                srtp_key=self.stream.own_srtp_key if self._probe.srtp else None,
                answer_to=answer_to,
                types=self._types,
                others=self._lines,
            )
        )

    def _versioned(self, described: Callable[[int], str]) -> str:
        """What is `described` under a version, which tells whether anything is new (RFC 3264, section 8)."""
        text = described(self._version)
        if text != self._described:
            self._version += 1
            text = self._described = described(self._version)
        return text

    def _follow(self, remote: sdp.Remote) -> None:
        self._remote = remote
        self._types = self._types.keeping(
            remote.codec, remote.own_payload_type, remote.dtmf_clock_hz, remote.own_dtmf_type
        )
        self.stream.target(remote, self._audio.frames[remote.codec])

    def _stop(self) -> None:
        """There is no media, and no RTCP, until the next offer (RFC 3264, section 8.2)."""
        before = self._remote
        if before is None:
            codec = self._probe.codecs[0]
            before = sdp.Remote(sdp.NOWHERE, 9, codec, CODECS[codec].payload_type)
        self._follow(replace(before, address=sdp.NOWHERE, sends=False, receives=False))
