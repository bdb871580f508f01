"""Has what the plan plays encoded before the first call needs it: Opus takes the time of many packets."""

import logging
from collections.abc import Callable, Iterable

from voice_sipapp.media import codecs
from voice_sipapp.media.audio import AudioError, AudioStore
from voice_sipapp.plan.probe import Probe

log = logging.getLogger(__name__)


class Encoder:
    """Encodes `sounds`. `submit` runs an action in another thread than the event loop's."""

    def __init__(self, sounds: AudioStore, submit: Callable[[Callable[[], None]], object]) -> None:
        self._sounds = sounds
        self._submit = submit
        self._begun: set[tuple[str, str]] = set()

    def prepare(self, probes: Iterable[Probe]) -> None:
        """Encode what `probes` play and nobody did yet."""
        wanted = {(probe.audio, codec) for probe in probes for codec in codecs.usable(probe.codecs)} - self._begun
        self._begun |= wanted
        for audio, codec in sorted(wanted):
            self._submit(lambda audio=audio, codec=codec: self._encode(audio, codec))  # type: ignore[misc]

    def _encode(self, audio: str, codec: str) -> None:
        try:
            self._sounds.get(audio).frames[codec]
        except AudioError as error:
            log.warning("%s", error)  # and each call that would play it has a record of that
        except Exception:
            log.exception("the sound %s can't be encoded for %s", audio, codec)
