"""The media session of one leg: our stream, what is offered and agreed on for it (offer/answer, RFC 3264)."""

import logging
from collections.abc import Sequence

from voice_sipapp.media import sdp
from voice_sipapp.media.audio import Audio
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
        self.stream: Stream = station.engine.open()

    def offer(self) -> str:
        """Our description with all that the probe offers."""
        return self._describe(self._probe.codecs)

    def agree(self, answer: str) -> None:
        """Take the far end's `answer` to our offer and start to play. Raises SdpError."""
        self.listen(answer)
        self.stream.answered()
        self.play()

    def listen(self, answer: str) -> None:
        """The far end may be heard before it answers: know in which codec. Raises SdpError."""
        self._follow(sdp.choose(answer, self._probe.codecs, self._station.address, srtp=self._probe.srtp, answers=True))

    def answer(self, offer: str) -> str:
        """Our answer to the far end's `offer`; `play` starts the sound. Raises SdpError."""
        remote = sdp.choose(offer, self._probe.codecs, self._station.address, srtp=self._probe.srtp)
        self.stream.untold()
        self._follow(remote)
        self.stream.answered()
        return self._describe([remote.codec], remote)

    def answer_again(self, offer: str) -> str:
        """Our answer to a new `offer` within the call: follow where it wants its sound, keep the codec.

        Raises SdpError where it can't be followed; then everything stays as it was (RFC 3261, section 14.2).
        """
        remote = sdp.choose(offer, self._agreed, self._station.address, srtp=self._probe.srtp)
        self._follow(remote)
        return self._describe([remote.codec], remote)

    def offer_again(self) -> str:
        """Our description of the session as it stands, where the far end asks for an offer."""
        return self._describe(self._agreed)

    def agree_again(self, answer: str) -> None:
        """The far end's `answer` to that offer. Raises SdpError, and then everything stays as it was."""
        self._follow(sdp.choose(answer, self._agreed, self._station.address, srtp=self._probe.srtp, answers=True))

    def signalled(self, host: str) -> None:
        """The far end's messages come from `host`, an address as it stands in a URI."""
        self.stream.signalled(host)

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

    @property
    def _agreed(self) -> list[str]:
        return [self.stream.codec] if self.stream.codec else list(self._probe.codecs)

    def _describe(self, codecs: Sequence[str], answer_to: sdp.Remote | None = None) -> str:
        text = self._text(codecs, answer_to)
        if text != self._described:  # RFC 3264, section 8: the version tells whether anything is new
            self._version += 1
            text = self._described = self._text(codecs, answer_to)
        return text

    def _text(self, codecs: Sequence[str], answer_to: sdp.Remote | None) -> str:
        return sdp.describe(
            self._station.address,
            self.stream.port,
            codecs,
            self._number,
            version=self._version,
            srtp_key=self.stream.own_srtp_key if self._probe.srtp else None,
            answer_to=answer_to,
        )

    def _follow(self, remote: sdp.Remote) -> None:
        self.stream.target(remote, self._audio.frames[remote.codec])
