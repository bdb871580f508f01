"""The log of every message of one port."""

import time

from voice_sipapp.signalling.ladder import Ladder, call_id


class Tap:
    """Hands each message to the ladder of the leg that it belongs to, or forgets it. The stack takes it for its log."""

    def __init__(self) -> None:
        self._ladders: dict[str, list[Ladder]] = {}
        self.last: tuple[float, bool, str, str] | None = None
        """The message that came or was sent last: what `Ladder.add` takes."""

    def write(self, what: str, text: str, **_: object) -> None:
        """Take `text` in, which was sent to or came from whom `what` tells, in the stack's words."""
        sent, peer = what.startswith("SENDING"), what.rstrip(":\n").rsplit(" ", 1)[-1].partition(":")[2]
        self.last = (time.time(), sent, peer, text)
        if ladders := self._ladders.get(call_id(text)):
            ladders[-1].add(*self.last)

    def follow(self, name: str, ladder: Ladder) -> None:
        """Keep the messages of the Call-ID `name` in `ladder`, until it is forgotten or another one follows them: a
        proxy may offer the same call again under that name.
        """
        self._ladders.setdefault(name, []).append(ladder)

    def forget(self, name: str, ladder: Ladder) -> None:
        """Keep them no more, for one that said `follow`."""
        ladders = self._ladders.get(name, [])
        if (place := next((at for at, each in enumerate(ladders) if each is ladder), None)) is not None:
            del ladders[place]
        if not ladders:
            self._ladders.pop(name, None)

    def shutdown(self) -> None:
        """Nothing to end."""
