"""What proves whose call an INVITE is: the call's header, and the code that its dialer presses. Pure but for `load`.

Both are made with a key that only the provider's SIP hosts have (HMAC, RFC 2104, with SHA-256). A client sees the
headers of its own calls on its own path, and can make none for another client's.

    X-Voice-Call: <UUID of the call>.<MAC of the UUID><MAC of UUID, client and probe>

The first half tells, at a constant cost, that a host of the provider made the header; the second one whose call it is.
"""

import hmac
import re
import secrets
from dataclasses import dataclass, field
from pathlib import Path
from uuid import UUID

from voice_sipapp import privatefile

CODE_DIGITS = 4

MAC_DIGITS = 16
"""Hexadecimal digits of each half: 64 bits, and a forger is limited to some tries a second."""

SHORTEST, LONGEST = 43, 512
"""Characters of a key in text form: 32 random bytes are 43 in base64 without its padding, and 64 in hexadecimal."""

_HEADER = re.compile(rf"([0-9a-f]{{8}}(?:-[0-9a-f]{{4}}){{3}}-[0-9a-f]{{12}})\.([0-9a-f]{{{2 * MAC_DIGITS}}})")
_TEXT_FORM = re.compile(rf"[\w+/=.~-]{{{SHORTEST},{LONGEST}}}", re.ASCII)
_FEWEST_CHARACTERS = 10
"""Different ones that a key has at least: random ones have more, a word that is repeated has not."""


NONE = (
    "none (VOICE_CALL_KEY is not set): a random one is made at each start, so calls between this SIP host and others "
    "are recognised neither by header nor by code"
)


class CallKeyError(OSError):
    """There is no usable key; the text says why, and never what it is."""


@dataclass(frozen=True)
class Claim:
    """A header that a host of the provider made: for the call `uuid`, of a client and a probe that `owner` proves."""

    uuid: UUID
    owner: str


@dataclass(frozen=True)
class CallKey:
    """The key of the provider's SIP hosts; it is not part of the representation."""

    secret: bytes = field(repr=False)

    def header(self, uuid: UUID, client: str, probe: str) -> str:
        """The header of the call `uuid` of `client` and `probe`."""
        return f"{uuid}.{self._mac('call', uuid)}{self._mac('probe', uuid, client, probe)}"

    def claim(self, header: str | None) -> Claim | None:
        """What `header` claims, if a host of the provider made it; None for anything else."""
        found = _HEADER.fullmatch((header or "").strip())
        if found is None:
            return None
        uuid = UUID(found[1])
        made = hmac.compare_digest(found[2][:MAC_DIGITS], self._mac("call", uuid))
        return Claim(uuid, found[2][MAC_DIGITS:]) if made and uuid.version == 7 else None

    def proves(self, claim: Claim, client: str, probe: str) -> bool:
        """Whether `claim` is of a call of `client` and `probe`."""
        return hmac.compare_digest(claim.owner, self._mac("probe", claim.uuid, client, probe))

    def code(self, uuid: UUID, client: str, probe: str) -> str:
        """The digits that the dialer of the call presses where the probe asks for confirmation."""
        number = int.from_bytes(self._digest("code", uuid, client, probe)[:8], "big")
        return f"{number % 10**CODE_DIGITS:0{CODE_DIGITS}d}"

    def _mac(self, purpose: str, uuid: UUID, *names: str) -> str:
        return self._digest(purpose, uuid, *names).hex()[:MAC_DIGITS]

    def _digest(self, purpose: str, uuid: UUID, *names: str) -> bytes:
        fields = [purpose.encode(), uuid.bytes, *(name.encode() for name in names)]
        # The lengths keep ("ab", "c") apart from ("a", "bc").
        return hmac.digest(self.secret, b"".join(len(each).to_bytes(4, "big") + each for each in fields), "sha256")


def random_key() -> CallKey:
    """A key of this process alone."""
    return CallKey(secrets.token_bytes(32))


def load(path: Path | None) -> CallKey:
    """The key in the file `path`, text on one line; a random one where there is no path. Raises CallKeyError."""
    if path is None:
        return random_key()
    make = f"make one for all SIP hosts with: (umask 077; openssl rand -hex 32 >{path})"
    try:
        text = privatefile.read(path, "the key").decode("ascii").strip()
    except privatefile.PrivateFileError as error:
        raise CallKeyError(f"VOICE_CALL_KEY: {error}; {make}") from None
    except UnicodeDecodeError:
        raise CallKeyError(f"VOICE_CALL_KEY: {path} is no text; {make}") from None
    if not _TEXT_FORM.fullmatch(text):
        raise CallKeyError(
            f"VOICE_CALL_KEY: {path} has no key, which is one line of {SHORTEST} to {LONGEST} letters, digits and "
            f"+ / = . ~ _ -; {make}"
        )
    if len(set(text)) < _FEWEST_CHARACTERS:
        raise CallKeyError(f"VOICE_CALL_KEY: the key in {path} is not random; {make}")
    return CallKey(text.encode())
