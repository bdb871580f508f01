"""Keys of encrypted media in session descriptions (SDES, RFC 4568): lines a=crypto, one suite."""

import base64
import binascii
import re
from collections.abc import Iterable

SUITE = "AES_CM_128_HMAC_SHA1_80"
KEY_OCTETS = 30
"""The suite's master key (16) and master salt (14), one after the other."""

OFFERED_TAG = 1
"""The number of the one line that we offer; the answer must name it."""

_LINE = re.compile(r"a=crypto:([0-9]{1,9}) ([A-Z0-9_]+) inline:([A-Za-z0-9+/=]+)((?:\|[0-9^]+)?)(\|[0-9]+:[0-9]+)?(.*)")


def line(tag: int, key: bytes) -> str:
    """The line that announces `key`, the one that its sender encrypts with."""
    return f"a=crypto:{tag} {SUITE} inline:{base64.b64encode(key).decode()}"


def choose(lines: Iterable[str]) -> tuple[int, bytes] | None:
    """Tag and key of the first of `lines` that we can use, None where there is none.

    Not used: other suites, several keys (which need an MKI in each packet), and session parameters, which switch
    protection off or change the derivation of keys (section 6.3); only the window size changes nothing on the wire.
    """
    for text in lines:
        found = _LINE.fullmatch(text.strip())
        if found is None or found[2] != SUITE or found[5] or not re.fullmatch(r"( WSH=[0-9]+)? *", found[6]):
            continue
        try:
            key = base64.b64decode(found[3], validate=True)
        except binascii.Error:
            continue
        if len(key) == KEY_OCTETS:
            return int(found[1]), key
    return None
